/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
/*
 * The comm region: one page shared by the hypervisor and one cell. The hypervisor fills it when the
 * cell starts, and trusts nothing that it reads from it: the cell can write all of it.
 */
#ifndef CLOISTER_COMM_H
#define CLOISTER_COMM_H

#include <cloister/types.h>

#define CL_COMM_MAGIC 0x4d4d4f4354534c43ULL /* "CLSTCOMM" */

#define CL_COMM_MAX_CPUS 64

enum cl_message {
	CL_MSG_NONE = 0,
	CL_MSG_SHUTDOWN = 1, /* finish what must not be interrupted, then set cell_state */
};

struct cl_comm {
	uint64_t magic;
	uint32_t abi_version;
	uint32_t tsc_khz; /* frequency of arm64's system counter, x86's time-stamp counter; 0: not
			     known */
	uint32_t message; /* enum cl_message, written by the hypervisor; the cell sets it to NONE */
	/*
	 * Written by the cell: CL_STATE_RUNNING or CL_STATE_SHUT_DOWN. The cell sets the latter and
	 * halts with interrupts off; root then sees the cell as shut down.
	 */
	uint32_t cell_state;
	uint32_t cpu_count;
	uint32_t flags; /* CL_COMM_* */
	/* x86: APIC ids; arm64: affinity of MPIDR_EL1, Aff3 in bits 31:24. The first is the boot
	 * CPU. */
	uint32_t hw_ids[CL_COMM_MAX_CPUS];
	uint64_t heartbeat; /* the cell may count here; shown by root's tools */
	/* arm64: addresses of GICD, and of GICR (version 3) or GICC (version 2); x86: 0 */
	uint64_t gic_dist, gic_cpu;
	uint32_t gic_version;
	/*
	 * CL_WATCHDOG_*, of cells whose config has a watchdog: both bits switch it on and kick it,
	 * 0 switches it off. Root's driver takes the second bit away when it looks. On arm64, Linux
	 * takes the words behind this one for registers, and writes to them.
	 */
	uint32_t watchdog;
};

#define CL_WATCHDOG_ARMED  0x1
#define CL_WATCHDOG_KICKED 0x2

#define CL_COMM_X2APIC 0x1 /* the local APICs are in x2APIC mode */

/*
 * By convention of the tools and of inmates/lib (guest-physical addresses): `cell load -s` puts a
 * string at the first, an image goes to the second unless the command says where.
 */
#define CL_CMDLINE_ADDRESS 0x1000
#define CL_CMDLINE_SIZE	   0x1000
#define CL_INMATE_ADDRESS  0x10000

#endif
