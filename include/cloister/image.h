/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
/*
 * Between the driver (or boot/, without Linux) and the hypervisor image (cloister-<flavour>.bin):
 * what the image says of itself, and what the driver tells it.
 *
 * The driver copies the image to the start of the hypervisor's memory, fills in struct cl_system at
 * system_offset, and calls `entry` on every online CPU with interrupts off, on page tables of its
 * own that map the hypervisor's memory at virt_base and (x86) the driver's trampoline at its Linux
 * address.
 *
 * x86: 64-bit mode, EFER.NXE set, EDI = number of the CPU, RSI = stack pointer and RDX = address to
 * go on with as guest (RAX = 0) or, natively, with an error, RCX = CR3. AMD: EFER.SVME set, GIF
 * clear. Intel: NMIs blocked, R10:R11 = descriptor of TR, R12:R13 of LDTR, R14 of FS, R15 of GS,
 * the first of each pair its low half, 0 where nothing is selected.
 *
 * arm64: the entry is reached by the kernel's hyp stub, at EL2 with the MMU off and at its physical
 * address, with X0 = number of the CPU, X1 = physical address of the driver's level-0 table. The
 * table is for TCR_EL2.T0SZ = 16, 4 KiB granule, MAIR_EL2 attribute 0 = Normal write-back (0xff);
 * it also maps the 2 MiB at hv_phys one to one; image and tables are cleaned to the point of
 * coherency. The caller's HVC then returns with X0 = 0, or a negative errno, and X18-X30, SP_EL1
 * and all of EL1's system registers as they were.
 */
#ifndef CLOISTER_IMAGE_H
#define CLOISTER_IMAGE_H

#include <cloister/types.h>

#define CL_IMAGE_MAGIC "CLSTIMG" /* 8 bytes with the NUL */

#define CL_IMAGE_MAX_CPUS 256

struct cl_image {
	char magic[8];
	uint16_t abi_version;
	uint16_t arch;
	uint32_t max_cpus;
	uint64_t virt_base;	/* address at which the start of the image is linked */
	uint64_t file_size;	/* bytes of the file */
	uint64_t core_size;	/* file and bss; the config follows, page-aligned */
	uint64_t cpu_size;	/* further bytes that it takes from its memory for each CPU */
	uint64_t entry;		/* offset of the entry */
	uint64_t system_offset; /* offset of struct cl_system */
	uint64_t info_offset;	/* offset of the info region */
	uint64_t info_size;
	char flavour[16]; /* "amd", "intel", "arm64" */
	char version[16];
};

/* Failures that a build with CONFIG_FAULT_INJECT can be told to make, see fail_stage. */
#define CL_FAIL_COMMON 1 /* common initialisation, on the first CPU */
#define CL_FAIL_CPU    2 /* initialisation of a CPU */

/* struct cl_system.flags */
#define CL_SYSTEM_AUDIT 0x1 /* allow root what its config does not list, and keep a record */
#define CL_SYSTEM_FWB	0x2 /* arm64: stage 2 of all CPUs can force memory types (FEAT_S2FWB) */

struct cl_system {
	uint64_t hv_phys;
	uint64_t hv_size;
	uint64_t config_offset; /* root config, from the start of the image */
	uint64_t config_size;
	/*
	 * x86, else 0. The trampoline: one page of kernel text that is mapped at the same address
	 * before and after the switch of page tables.
	 */
	uint64_t trampoline_virt;
	uint64_t trampoline_phys;
	uint64_t exit_virt; /* address inside it: back to native Linux, see driver/trampoline_x86.S */
	uint32_t tsc_khz;   /* arm64: frequency of the system counter */
	uint32_t cpu_count;  /* CPUs that will call entry */
	uint32_t fail_stage; /* fault injection (CONFIG_FAULT_INJECT): stage and CPU that is to fail
			      */
	uint32_t fail_cpu;
	uint32_t flags; /* CL_SYSTEM_* */
	uint32_t reserved;
	struct {
		uint32_t id;	/* Linux' number */
		uint32_t hw_id; /* as in struct cl_comm */
	} cpus[CL_IMAGE_MAX_CPUS];
};

#endif
