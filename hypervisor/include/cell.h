/* SPDX-License-Identifier: GPL-2.0 */
/* Cells and CPUs: who owns what. */
#ifndef HV_CELL_H
#define HV_CELL_H

#include <arch.h>
#include <hv.h>
#include <info_region.h>
#include <uart.h>
#include <cloister/check.h>
#include <cloister/comm.h>
#include <arch_cell.h>

/* What another CPU can ask of a CPU; bits of struct cpu.events, in the order in which they are
 * done. */
enum cpu_event {
	CPU_EV_PARK = 0x01,  /* leave the guest, wait in the hypervisor */
	CPU_EV_FLUSH = 0x02, /* forget cached translations of its cell */
	CPU_EV_WAIT = 0x04,  /* reset and wait to be started by its cell (x86 INIT, PSCI CPU_OFF) */
	CPU_EV_START = 0x08, /* start at cpu->start, if it waits */
	CPU_EV_ARCH = 0x10,  /* the architecture has something for the guest (x86: an NMI) */
};

struct cell;

/* Written by its own CPU unless noted. */
struct cpu {
	uint32_t events;       /* enum cpu_event, set by others, cleared when done */
	uint32_t kick_pending; /* 1 from the sending of a kick to its arrival */
	uint32_t id;	       /* Linux' number, index into cpus[] */
	uint32_t hw_id;
	struct cell *cell; /* changed under the management lock while parked */
	struct cl_cpu_info *info;
	bool parked;
	bool waiting;		 /* parked until its cell starts it */
	struct arch_start start; /* where, set by the CPU that posts CPU_EV_START */
	struct arch_cpu arch;
};

struct cell {
	uint32_t id; /* index into cells[] and info.cells[]; 0: root */
	const struct cl_config *config;
	unsigned int config_pages;
	struct cl_cell_info *info;
	struct cl_comm *comm;	/* NULL: none */
	bool loadable;		/* root has access to the loadable regions */
	bool locked;		/* started with CL_CELL_LOCKED: root cannot manage it */
	uint64_t scrubbed;	/* bytes already zeroed after destroy */
	uint64_t start_ns;	/* root's clock at the start: ns since 1970, 0: not known */
	uint32_t denied;	/* refused accesses so far, to log only the first ones */
	uint32_t watchdog_ms;	/* 0: none */
	uint64_t watchdog_seen; /* arch_timestamp() when it was last seen kicked or not armed */
	struct uart uart;
	struct lock pci_lock; /* of its writes to configuration space; nobody else takes it */
	uint32_t pci_sizing;  /* pci.c: function << 8 | base addresses that read as their size */
	struct arch_cell arch;
};

extern struct cell *cells[CONFIG_MAX_CELLS]; /* NULL: free; changed under the management lock */
extern struct cell root_cell;
extern struct cpu cpus[CONFIG_MAX_CPUS];
extern unsigned int cpu_count;

static inline bool cell_has_cpu(const struct cell *cell, unsigned int cpu)
{
	return cell->info->cpus[cpu / 64] & BIT(cpu % 64);
}

#define for_each_cpu(i) for (unsigned int i = 0; i < cpu_count; i++)
#define for_each_cpu_in(cell, i)                     \
	for (unsigned int i = 0; i < cpu_count; i++) \
		if (cell_has_cpu(cell, i))

/* Walk the memory regions of a valid config: a copy of each in region. */
#define for_each_region(config, index, region) \
	for (uint32_t index = 0; config_region(config, index, &(region)); index++)

bool config_region(const struct cl_config *config, uint32_t index, struct cl_memory *region);

/* Root cell from the config that the driver placed. First CPU, during enable. */
int cell_init_root(const struct cl_config *config);

/* Says in info.head.finding why something is refused, as struct cl_finding has it; returns -error. */
int cell_refuse(int error, const char *object, const char *field, uint64_t found, uint64_t expected,
		const char *rule);

/* Management calls of root; see <cloister/hypercall.h>. Each takes the management lock. */
int64_t cell_create(uint64_t config_phys, uint64_t size);
int64_t cell_set_loadable(uint64_t id);
int64_t cell_start(uint64_t id, uint64_t now);
int64_t cell_destroy(uint64_t id);
int64_t cell_scrub(uint64_t id);
int64_t cell_state(uint64_t id);
int64_t cell_console_write(uint64_t id, uint64_t count, uint64_t bytes);
int64_t cell_message(uint64_t id, uint64_t message);
int64_t cell_watchdog(uint64_t id);
int64_t cell_lock_all(void);
int64_t cell_inspect(uint64_t phys, uint64_t size); /* inspect.c */

/* Has a cell any of these registers, which share their page with others? Root then has not. */
bool cell_registers_taken(uint64_t phys, unsigned int size);

/* The calling cell gives up its lock. */
int64_t cell_release(void);

/* Something is locked: root must not change what devices decode. */
bool cell_any_locked(void);

/*
 * Give root a page that nobody has; -EAGAIN while a management call is under way, -EBUSY if a cell
 * has registers there, -ENOMEM.
 */
int cell_map_to_root(const struct cl_memory *region);

/* Called by inspect.c: the lock of management calls, so that tables stand still. */
bool cell_management_begin(void);
void cell_management_end(void);

/* 0 if no cell but root exists: from then on none can be created. Else -EBUSY or -EPERM. */
int cell_begin_disable(void);

/*
 * The cell that runs on this CPU broke a rule: mark it failed, log why (who calls has put it into
 * words), stop all its CPUs. This CPU is parked at once; the guest does not go on. Root's CPUs stop
 * in the same way: the other cells run on.
 */
void cell_fail(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/*
 * A defect of the hypervisor on this CPU, which is lost. Its cell is not trusted any more either;
 * the others run on. Returns: the caller halts.
 */
void cell_cpu_lost(void);

/* The cell that runs on this CPU, not root, has asked for its end. Parks as cell_fail() does. */
void cell_shut_down(void);

/* The same, and it is to be loaded and started again: CL_STATE_RESET. */
void cell_reset(void);

/*
 * Either of them (CL_STATE_SHUT_DOWN, CL_STATE_RESET) in an exit that goes on: returns, and this
 * CPU parks with the kick that has been sent to it.
 */
void cell_end_after_exit(uint32_t state);

/*
 * An access that this cell may not make and that is answered harmlessly. Logs the first ones of
 * each cell, and costs little for all others.
 */
#define DENIED_LINES 8
void cell_denied_slow(struct cell *cell, const char *what, uint64_t address, uint64_t value);
#define cell_denied(what, address, value)                                    \
	do {                                                                 \
		struct cell *denied_cell = arch_this_cpu()->cell;            \
		if (unlikely(READ_ONCE(denied_cell->denied) < DENIED_LINES)) \
			cell_denied_slow(denied_cell, what, address, value); \
	} while (0)

/* CPU side, cpu.c */

/* Ask a CPU; returns at once. */
void cpu_post(struct cpu *cpu, uint32_t events);

/* Wait (bounded) until a CPU has done what was posted. False: it did not, and that was logged. */
bool cpu_wait(struct cpu *cpu, uint32_t events);

/* Do what was posted to this CPU; returns when it may run its guest. */
void cpu_handle_events(void);

/*
 * The short way for what comes most often: true if this CPU runs its guest and nothing but
 * CPU_EV_ARCH had been posted to it, which is cleared then; the caller does it.
 */
static inline bool cpu_take_arch_event(struct cpu *cpu)
{
	uint32_t only = CPU_EV_ARCH;

	return likely(!cpu->parked) &&
	       __atomic_compare_exchange_n(&cpu->events, &only, 0, false, __ATOMIC_SEQ_CST,
					   __ATOMIC_SEQ_CST);
}

/* A hypercall of the guest on this CPU. Returns what the guest gets. */
int64_t hypercall(uint64_t number, uint64_t arg0, uint64_t arg1, uint64_t arg2);

#endif
