/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the core asks of an architecture. Everything that an architecture's files offer to the core
 * is declared here; the core calls nothing else. The types struct arch_cpu, struct arch_cell and
 * struct arch_start come from the architecture's arch_cell.h.
 */
#ifndef HV_ARCH_H
#define HV_ARCH_H

#include <hv.h>
#include <cloister/config.h>
#include <cloister/check.h>

struct cell;
struct cpu;
struct arch_start;

/* Number of this CPU (Linux' number). */
unsigned int arch_cpu_id(void);

/*
 * A counter that runs at the same speed on all CPUs, and that no guest can advance;
 * arch_ticks_per_ms() of them make a millisecond.
 */
uint64_t arch_timestamp(void);
uint64_t arch_ticks_per_ms(void);

/*
 * Spin until the condition holds, at most for so many milliseconds; was it met? The clock is looked
 * at rarely: the counter is shared, and where it is emulated, who reads it all the time keeps the
 * CPU away for which it waits.
 */
#define WAIT_UNTIL(condition, ms)                                                      \
	({                                                                             \
		uint64_t start_ = arch_timestamp(), limit_ = (ms)*arch_ticks_per_ms(); \
		unsigned int turns_ = 0;                                               \
		bool met_;                                                             \
                                                                                       \
		while (!(met_ = (condition))) {                                        \
			if (!(++turns_ % 1024) && arch_timestamp() - start_ > limit_)  \
				break;                                                 \
			cpu_relax();                                                   \
		}                                                                      \
		met_;                                                                  \
	})

/* Write a string to the platform's debug console, if there is one. Bounded. */
void arch_console_write(const char *text);
void arch_console_init(const struct cl_platform *platform);

/* Fill in what configs are checked against; first CPU, before the root cell exists. */
void arch_limits(struct cl_limits *limits);

/*
 * First CPU during enable, after the root cell is made: features, platform devices. On failure the
 * reason is in *finding.
 */
int arch_init(const struct cl_platform *platform, struct cl_finding *finding);

/* Each CPU during enable: switch virtualisation on, prepare to run Linux as root. */
int arch_cpu_init(struct cpu *cpu);

/* Undo arch_cpu_init() before a return to native Linux. */
void arch_cpu_exit(struct cpu *cpu);

/* Run the guest. Does not return. */
void arch_cpu_run(struct cpu *cpu) __attribute__((noreturn));

/* Return to native Linux with a result, from a failed enable or from the guest's hypercall. */
void arch_leave_to_linux(int result) __attribute__((noreturn));
void arch_leave_guest(void) __attribute__((noreturn));

/* Set the registers as struct arch_start says: next is arch_cpu_run() or the return from an exit. */
void arch_cpu_start(struct cpu *cpu, const struct arch_start *start);

/*
 * The CPU is put into "wait for start" (x86: INIT), as CPU of the cell that it belongs to now, with
 * nothing left of its former owner in registers, interrupt controller or translation caches.
 */
void arch_cpu_reset(struct cpu *cpu);

/* Sleep until another CPU kicks; may return for no reason. Called with cpu->events checked. */
void arch_cpu_idle(void);
void arch_cpu_kick(struct cpu *cpu);
void arch_flush_guest_tlb(struct cpu *cpu);
/* CPU_EV_ARCH was posted to this CPU, which runs its guest. */
void arch_cpu_event(struct cpu *cpu);

/*
 * Page tables, bitmaps of a cell, without its memory. -ENOMEM, or another error with the reason by
 * cell_refuse(); undone by arch_cell_exit().
 */
int arch_cell_init(struct cell *cell);
void arch_cell_exit(struct cell *cell);

/*
 * The cell's devices stop to access memory and to send messages: before the cell has them, and
 * before its memory is loaded or given back.
 */
void arch_stop_devices(const struct cell *cell);

/* Start of a cell: its devices may access its memory. -EIO: they cannot be kept from other memory. */
int arch_start_devices(const struct cell *cell);

/* Root's devices forget what was unmapped from root. */
void arch_flush_devices(void);

/* Log what devices were refused since the last call. Under the management lock. */
void arch_poll_devices(void);

/* Start of a cell: what it has of virtual devices is as after a reset; where its first CPU begins. */
void arch_cell_entry(struct cell *cell, struct arch_start *start);

/*
 * The interrupt line of the cell's virtual UART has changed. On any CPU, with the UART's lock held:
 * takes no other lock that is held while a UART is used.
 */
void arch_uart_line(struct cell *cell, bool active);

/*
 * Press the cell's power button, under the management lock. False: it has none, or its interrupt is
 * switched off: nobody is there to see it.
 */
bool arch_press_button(struct cell *cell);

/* Facts for the cell's comm region that only the architecture knows. */
struct cl_comm;
void arch_fill_comm(struct cl_comm *comm);

/*
 * Memory that a guest may access past the caches, as Linux does with what it takes for a register:
 * before this CPU reads what the guest has written, and after it has written itself.
 */
void arch_sync_uncached(const volatile void *start, uint64_t size);

/* Second-level mappings of guest-physical to host-physical; -ENOMEM. The caller flushes. */
int arch_map(struct cell *cell, const struct cl_memory *region);
int arch_unmap(struct cell *cell, uint64_t virt, uint64_t size);

/*
 * Translate a guest-physical address of a cell. flags: CL_MEM_READ, CL_MEM_WRITE that the mapping
 * must allow. Returns the host-physical address or ~0.
 */
uint64_t arch_translate(const struct cell *cell, uint64_t virt, uint64_t flags);

/*
 * Is this physical address in registers whose accesses the hypervisor emulates (interrupt
 * controllers, configuration space)? Nobody ever has them mapped with all rights.
 */
bool arch_is_moderated(uint64_t address);

/*
 * A private, temporary mapping of one page of any memory, until the next call or until it is
 * closed: whoever has looked at memory of a cell or of root closes it.
 */
void *arch_window(uint64_t phys);
void arch_window_close(void);

/*
 * An access to device registers at a host-physical address, of 1, 2, 4 or 8 bytes. False: it would
 * leave the page; nothing was done.
 */
bool arch_access_registers(uint64_t address, bool write, unsigned int size, uint64_t *value);

/*
 * The hardware's PCI configuration space: well-formed accesses of 1, 2 or 4 bytes. Ones where there
 * is nothing.
 */
uint32_t arch_pci_access(uint32_t bdf, unsigned int offset, unsigned int size, bool write,
			 uint32_t value);

/*
 * May a function of this cell send such a message (MSI)? Only what is an interrupt for one of the
 * cell's CPUs, and can be checked to be one.
 */
bool arch_msi_allowed(const struct cell *cell, uint64_t address, uint16_t data);

/* Where the guest on this CPU is, for messages. */
uint64_t arch_guest_pc(void);

/* Page tables that all CPUs use, for defect.c; ARCH_RETURN in asm.h is a return instruction. */
const void *arch_shared_tables(void);

/* Each CPU at the end of enable: what is __ro_after_init cannot be written to any more. */
void arch_protect(void);

#endif
