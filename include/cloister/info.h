/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
/*
 * The info region: the part of the hypervisor's memory that the root cell can read, never write:
 * log, counters, cells, consoles. User space gets it by pread() on /dev/cloister, which serves the
 * live region while enabled and the last copy afterwards, so that no log is lost by a failed enable
 * or by disable. All offsets are bytes from the start of the region.
 *
 * The hypervisor writes and never waits for a reader. A reader detects what it missed by positions
 * that only grow.
 */
#ifndef CLOISTER_INFO_H
#define CLOISTER_INFO_H

#include <cloister/types.h>
#include <cloister/check.h>

#define CL_INFO_MAGIC 0x4f464e4954534c43ULL /* "CLSTINFO" */

#define CL_MESSAGES_MAX 64

struct cl_info {
	uint64_t magic;
	uint32_t abi_version;
	uint32_t size;	  /* of the whole region */
	uint32_t enabled; /* 1 while Linux runs as the root cell */
	uint32_t arch;
	uint32_t cpus_offset; /* struct cl_cpu_info[cpus_count], stride bytes apart */
	uint32_t cpus_stride;
	uint32_t cpus_count;
	uint32_t cells_offset; /* struct cl_cell_info[cells_count]; slot 0 is the root cell */
	uint32_t cells_stride;
	uint32_t cells_count;
	uint32_t log_offset; /* struct cl_log_record[log_count] */
	uint32_t log_stride;
	uint32_t log_count;
	uint32_t tsc_khz;
	uint64_t log_next; /* sequence number of the next record; the newest is log_next - 1 */
	uint64_t hv_phys;
	uint64_t hv_size;
	uint64_t mem_total; /* bytes of hypervisor memory: all pages that it can hand out and image */
	uint64_t mem_used;	   /* bytes in use now: image, page pool in use */
	uint64_t mem_image;	   /* bytes of the image, bss included */
	uint64_t features;	   /* CL_FEATURE_* in use */
	struct cl_finding finding; /* why the last management hypercall or enable was refused */
	uint32_t flags;		   /* CL_INFO_* */
	uint32_t audit_offset;	   /* struct cl_audit[audit_count], the used ones first */
	uint32_t audit_stride;
	uint32_t audit_count;
	uint64_t audit_dropped; /* accesses that found no free entry */
	/*
	 * arm64: interrupts by message (LPIs) that no CPU of root has taken yet although one has
	 * acknowledged them. After disable: the driver has Linux raise them again.
	 */
	uint32_t message_count;
	uint32_t messages[CL_MESSAGES_MAX]; /* INTIDs */
	uint32_t reserved;
	struct cl_gic gic;  /* arm64: as in the root config; cells see it at the same addresses */
	uint64_t ecam_phys; /* as in the root config; all cells see it there. 0: none */
	uint32_t ecam_first_bus;
	uint32_t ecam_last_bus;
};

/* struct cl_info.flags */
#define CL_INFO_AUDIT  0x1 /* enabled with --audit */
#define CL_INFO_LOCKED 0x2 /* hvctl lock: no cell can be managed until the machine is reset */

/* struct cl_info.features: what the hypervisor found and uses; x86 but for the last one */
#define CL_FEATURE_X2APIC	   0x001
#define CL_FEATURE_NRIP_SAVE	   0x002
#define CL_FEATURE_DECODE_ASSISTS  0x004
#define CL_FEATURE_FLUSH_BY_ASID   0x008
#define CL_FEATURE_VMCB_CLEAN_BITS 0x010
#define CL_FEATURE_1G_PAGES	   0x020
#define CL_FEATURE_LA57		   0x040
#define CL_FEATURE_FWB		   0x080

/* Reasons of exits. What is not in an architecture's names below does not occur there. */
enum cl_exit {
	CL_EXIT_KICK, /* x86: NMI used by the hypervisor between CPUs, or an NMI for the cell */
	CL_EXIT_HYPERCALL,
	CL_EXIT_CPUID,
	CL_EXIT_SYSREG_READ, /* MSRs, system registers */
	CL_EXIT_SYSREG_WRITE,
	CL_EXIT_IPI, /* interrupt command by a register: x2APIC ICR; GICv3 ICC_SGI1R_EL1 */
	CL_EXIT_PIO,
	CL_EXIT_IRQ_CPU,   /* the CPU's own part of the interrupt controller: xAPIC page; GICR */
	CL_EXIT_IRQ_CHIP,  /* the shared part: IOAPIC; GICD */
	CL_EXIT_PCI,	   /* configuration space, ports or ECAM */
	CL_EXIT_MMIO,	   /* other emulated device registers */
	CL_EXIT_CPU_START, /* INIT, SIPI */
	CL_EXIT_EXCEPTION, /* intercepted exceptions, machine check, SError */
	CL_EXIT_OTHER,	   /* everything else, each with a log line */
	CL_EXIT_INTERRUPT, /* an interrupt on its way to the cell */
	CL_EXIT_FIRMWARE,  /* PSCI and other calls by SMC or HVC #0 */
	CL_EXIT_COUNT
};

/* By enum cl_exit; NULL or behind the end: not on this architecture. */
#define CL_EXIT_NAMES_X86                                                                          \
	{                                                                                          \
		[CL_EXIT_KICK] = "kick", [CL_EXIT_HYPERCALL] = "hypercall",                        \
		[CL_EXIT_CPUID] = "cpuid", [CL_EXIT_SYSREG_READ] = "msr-read",                     \
		[CL_EXIT_SYSREG_WRITE] = "msr-write", [CL_EXIT_IPI] = "icr",                       \
		[CL_EXIT_PIO] = "pio", [CL_EXIT_IRQ_CPU] = "xapic", [CL_EXIT_IRQ_CHIP] = "ioapic", \
		[CL_EXIT_PCI] = "pci", [CL_EXIT_MMIO] = "mmio", [CL_EXIT_CPU_START] = "init",      \
		[CL_EXIT_EXCEPTION] = "exception", [CL_EXIT_OTHER] = "other"                       \
	}

#define CL_EXIT_NAMES_ARM64                                                                        \
	{                                                                                          \
		[CL_EXIT_KICK] = "kick", [CL_EXIT_HYPERCALL] = "hypercall",                        \
		[CL_EXIT_SYSREG_READ] = "sysreg-read", [CL_EXIT_SYSREG_WRITE] = "sysreg-write",    \
		[CL_EXIT_IPI] = "sgi", [CL_EXIT_IRQ_CPU] = "gicr", [CL_EXIT_IRQ_CHIP] = "gicd",    \
		[CL_EXIT_PCI] = "pci", [CL_EXIT_MMIO] = "mmio", [CL_EXIT_EXCEPTION] = "exception", \
		[CL_EXIT_OTHER] = "other", [CL_EXIT_INTERRUPT] = "interrupt",                      \
		[CL_EXIT_FIRMWARE] = "firmware"                                                    \
	}

#define CL_NO_CELL 0xffffffffU

struct cl_cpu_info {
	uint32_t id;		       /* root Linux' number */
	uint32_t hw_id;		       /* as in struct cl_comm */
	uint32_t cell;		       /* id of its cell, CL_NO_CELL: slot not in use */
	uint32_t state;		       /* enum cl_cpu_state */
	uint64_t exits[CL_EXIT_COUNT]; /* since the CPU was given to its cell */
	uint64_t exits_total;	       /* sum of the above, kept by readers: always 0 here */
	uint64_t reserved[4];
};

enum cl_cpu_state {
	CL_CPU_RUNNING = 0,
	CL_CPU_PARKED = 1, /* waits in the hypervisor: for a start IPI, or for its cell to start */
	CL_CPU_FAILED = 2, /* stopped because the cell broke a rule */
};

enum cl_cell_state {
	CL_STATE_UNUSED = 0,
	CL_STATE_STOPPED = 1, /* created, not started, or being loaded */
	CL_STATE_RUNNING = 2,
	CL_STATE_SHUT_DOWN = 3,	 /* said goodbye by itself, CPUs parked */
	CL_STATE_FAILED = 4,	 /* stopped by the hypervisor, the log says why */
	CL_STATE_DESTROYING = 5, /* its memory is being zeroed */
	CL_STATE_RESET = 6,	 /* wants to be loaded and started again, CPUs parked */
};

#define CL_STATE_NAMES                                                                       \
	{                                                                                    \
		"unused", "stopped", "running", "shut down", "failed", "destroying", "reset" \
	}

#define CL_CONSOLE_SIZE 4096 /* bytes of a cell's console ring */

struct cl_cell_info {
	uint32_t id;	/* slot number; 0 is the root cell */
	uint32_t state; /* enum cl_cell_state */
	char name[CL_NAME_LEN];
	uint32_t flags;		  /* CL_CELL_* of its config */
	uint32_t generation;	  /* grows each time the slot is filled */
	uint64_t cpus[4];	  /* bit n: CPU n (root Linux' number) */
	uint64_t memory;	  /* bytes of memory that only this cell has */
	uint64_t console_written; /* bytes that the cell wrote since it was created */
	uint32_t console_offset;  /* the ring's data: byte n is at n % CL_CONSOLE_SIZE; 0: none */
	uint32_t locked;	  /* 1: root cannot manage it (CL_CELL_LOCKED) */
	uint64_t hv_memory;	  /* bytes of hypervisor memory that the cell costs */
	uint64_t reserved[4];
};

/*
 * What root touched and does not have: an entry for each page, port, pin or firmware call. Valid if
 * kind is not 0; never removed while enabled. Memory that --audit has made directly accessible is
 * not counted any more (CL_AUDIT_DIRECT).
 */
struct cl_audit {
	uint32_t kind;	/* enum cl_audit_kind */
	uint32_t flags; /* CL_AUDIT_* */
	/* of the page; the port; the interrupt controller's address plus pin; the function id */
	uint64_t address;
	uint64_t rip;	/* of the first access */
	uint64_t count; /* accesses */
};

enum cl_audit_kind {
	CL_AUDIT_MEMORY = 1,
	CL_AUDIT_PORT = 2,
	CL_AUDIT_PIN = 3,
	CL_AUDIT_FIRMWARE = 4,
};

/* struct cl_audit.flags */
#define CL_AUDIT_READ	 0x01
#define CL_AUDIT_WRITE	 0x02
#define CL_AUDIT_EXECUTE 0x04
#define CL_AUDIT_ALLOWED 0x08 /* root's config does not list it, and --audit let it happen */
#define CL_AUDIT_FOREIGN 0x10 /* another cell's or the hypervisor's: never allowed */
#define CL_AUDIT_DIRECT	 0x20 /* the page is mapped into root now */

enum cl_severity { CL_LOG_ERROR = 0, CL_LOG_WARNING = 1, CL_LOG_INFO = 2, CL_LOG_DEBUG = 3 };

/* What happened to a cell: its state has changed. */
enum cl_event {
	CL_EVENT_NONE = 0,
	CL_EVENT_CREATED = 1,
	CL_EVENT_STARTED = 2,
	CL_EVENT_STOPPED = 3, /* by root, to be loaded */
	CL_EVENT_SHUT_DOWN = 4,
	CL_EVENT_FAILED = 5,
	CL_EVENT_RESET = 6, /* it asks for a restart */
	CL_EVENT_DESTROYED = 7,
};

#define CL_EVENT_NAMES                                                                   \
	{                                                                                \
		"none", "created", "started", "stopped", "shut down", "failed", "reset", \
			"destroyed"                                                      \
	}

#define CL_LOG_TEXT 100

/* Valid for a reader if seq is what it expects before and after copying the record. */
struct cl_log_record {
	uint64_t seq; /* sequence number + 1; 0: being written */
	uint64_t tsc;
	uint32_t cell; /* cell that caused it, CL_NO_CELL: the hypervisor itself */
	uint16_t cpu;
	uint8_t severity; /* enum cl_severity */
	uint8_t length;	  /* of text */
	char text[CL_LOG_TEXT];
	uint16_t event; /* enum cl_event: the text tells of that, and begins with the cell's name in
			   '' */
	uint16_t event_cell; /* and this is the cell */
};

#endif
