/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
/*
 * Hypercalls. x86: VMMCALL (CPUs of AMD and Hygon) or VMCALL (all others) with RAX = number, RDI,
 * RSI, RDX = arguments; the result is in RAX, a negative errno on failure; all other registers are
 * kept. Only ring 0 may call (else -EPERM). arm64: HVC #CL_HVC_IMMEDIATE with X0 = number, X1 to X3
 * = arguments, result in X0; all other registers are kept; EL0 cannot execute HVC. A management
 * call that is refused leaves the reason in struct cl_info.finding.
 */
#ifndef CLOISTER_HYPERCALL_H
#define CLOISTER_HYPERCALL_H

#include <cloister/types.h>

/* Not 0, which SMCCC has. */
#define CL_HVC_IMMEDIATE 0x434c

enum cl_hypercall {
	/* any cell: argument enum cl_get_info; -EINVAL for an unknown one */
	CL_HC_GET_INFO = 0,
	/*
	 * root: leave the hypervisor on this CPU. Called once on every CPU of root, with interrupts
	 * off; returns natively. -EBUSY while another cell exists.
	 */
	CL_HC_DISABLE = 1,
	/*
	 * root: create a cell from a config blob at physical address arg0, arg1 bytes. The cell's
	 * CPUs must be offline in Linux. Returns the cell's id (> 0); the cell is stopped and
	 * loadable.
	 */
	CL_HC_CELL_CREATE = 2,
	/* root: stop cell arg0 if it runs, and let root write its loadable regions. */
	CL_HC_CELL_SET_LOADABLE = 3,
	/*
	 * root: start cell arg0 at its entry; root loses access to its loadable regions. arg1: the
	 * time of day, in ns since 1970, for cells that ask; 0: not known.
	 */
	CL_HC_CELL_START = 4,
	/* root: stop cell arg0; its CPUs go back to root, parked until they get a start IPI. */
	CL_HC_CELL_DESTROY = 5,
	/*
	 * root: after CL_HC_CELL_DESTROY: zero a further piece (bounded) of the memory of cell arg0.
	 * Returns the bytes that remain; with 0 the memory is root's again and the id is free.
	 */
	CL_HC_CELL_SCRUB = 6,
	/*
	 * root: state of cell arg0 (enum cl_cell_state), -ENOENT for 0. Each call also makes the
	 * hypervisor log what an IOMMU has refused since the last one.
	 */
	CL_HC_CELL_STATE = 7,
	/*
	 * root: type arg1 (1..8) bytes, packed little-endian in arg2, into the virtual UART of cell
	 * arg0. Returns how many of them were taken.
	 */
	CL_HC_CONSOLE_WRITE = 8,
	/*
	 * root: put the message arg1 (enum cl_message) into the comm region of cell arg0, and for
	 * CL_MSG_SHUTDOWN press its power button. -ENODEV if it has no comm region and
	 * the button's interrupt is switched off, or if the cell does not run.
	 */
	CL_HC_CELL_MESSAGE = 9,
	/*
	 * root: from now on until the machine is reset, all calls above but CL_HC_GET_INFO and
	 * CL_HC_CELL_STATE return -EPERM; CL_HC_CELL_WATCHDOG does not. -EBUSY while a cell is
	 * loadable or being destroyed.
	 */
	CL_HC_LOCK = 10,
	/* a cell with CL_CELL_LOCKED, about itself: root may manage it again */
	CL_HC_RELEASE = 11,
	/*
	 * root: write what every cell can reach, as the tables that are in use say, as
	 * struct cl_inspect_record[] to physical address arg0, at most arg1 bytes. Returns the
	 * number of records that there are; if they do not fit, the last ones are missing.
	 */
	CL_HC_INSPECT = 12,
	/*
	 * root: look at the watchdog of cell arg0 and take the mark away that it was kicked. If it
	 * is armed and was not kicked for its time, the cell fails. How often root calls changes
	 * only how late that is noticed. Returns what was in struct cl_comm.watchdog
	 * (CL_WATCHDOG_*), 0 for a cell that does not run or has none; -ENOENT.
	 */
	CL_HC_CELL_WATCHDOG = 13,
	CL_HC_COUNT
};

/*
 * A build with CONFIG_FAULT_INJECT has further hypercalls, for any cell: CL_HC_DEFECT + enum
 * cl_defect makes the hypervisor do what only a defect of it could do. The CPU is lost. For tests.
 */
#define CL_HC_DEFECT 0x1000

enum cl_defect {
	CL_DEFECT_WRITE_TEXT = 0,
	CL_DEFECT_WRITE_RODATA = 1,
	CL_DEFECT_WRITE_SETTLED = 2, /* data that is read-only after the start */
	CL_DEFECT_WRITE_TABLES = 3,  /* its own page tables */
	CL_DEFECT_EXECUTE_DATA = 4,
	CL_DEFECT_EXECUTE_STACK = 5,
	CL_DEFECT_BELOW_STACK = 6,
	CL_DEFECT_ABOVE_STACK = 7,
	CL_DEFECT_OTHER_CPU = 8, /* what is private to another CPU */
	CL_DEFECT_GUEST_MEMORY = 9,
	CL_DEFECT_OLD_WINDOW = 10, /* the window for copies, after use */
	CL_DEFECT_OVERRUN = 11,	   /* an array on the stack */
	CL_DEFECT_COUNT
};

/* The same, for root: do damage arg0 (enum cl_damage) with cell arg1 and value arg2. */
#define CL_HC_DAMAGE 0x2000

/* What "hvctl verify" must find. */
enum cl_damage {
	CL_DAMAGE_MAP = 1,	/* map host-physical page `value` into the cell */
	CL_DAMAGE_PORT = 2,	/* let it use port `value` directly */
	CL_DAMAGE_MSR = 3,	/* and register `value` (below 0x2000) */
	CL_DAMAGE_WRITABLE = 4, /* make the image's page at `value` writable and executable */
	CL_DAMAGE_PIN = 5,	/* give it pin `value` of the first interrupt controller */
	CL_DAMAGE_PCI = 6,	/* give its PCI functions to root as well */
	CL_DAMAGE_CPU = 7,	/* count CPU `value` among its CPUs */
	CL_DAMAGE_ENTRY = 8,	/* direct root's pin `value` to its first CPU */
	CL_DAMAGE_FOREIGN = 9,	/* map host-physical page `value` into the hypervisor */
	CL_DAMAGE_STREAM = 10,	/* let PCI function `value` reach its memory, by the IOMMU */
	CL_DAMAGE_BYPASS = 11,	/* let PCI function `value` reach all memory */
};

enum cl_get_info {
	CL_INFO_ABI_VERSION = 0,
	CL_INFO_CELLS = 1,     /* number of cells, root included */
	CL_INFO_MEM_TOTAL = 2, /* root only: bytes */
	CL_INFO_MEM_USED = 3,  /* root only: bytes */
};

#endif
