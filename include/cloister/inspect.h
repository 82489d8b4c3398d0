/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
/*
 * Who can reach what, read from the tables that the CPUs use: the answer of CL_HC_INSPECT. Records
 * that continue each other are merged.
 */
#ifndef CLOISTER_INSPECT_H
#define CLOISTER_INSPECT_H

#include <cloister/types.h>

enum cl_inspect_kind {
	/* memory that a cell has mapped: guest-physical start, host-physical target */
	CL_INSPECT_MEMORY = 1,
	/* host-physical memory that the cell's config calls shared */
	CL_INSPECT_SHARED = 2,
	/*
	 * host-physical memory that is not the cell's own and that it is to have with at most this
	 * access: comm page, info region, the registers of each CPU's own local APIC, a cell's
	 * loadable memory while root may load it
	 */
	CL_INSPECT_LENT = 3,
	/* the hypervisor's memory, host-physical; cell is CL_NO_CELL here and in the next two */
	CL_INSPECT_HV_MEMORY = 4,
	/* a mapping of the hypervisor's own tables on CPU index: virtual start, host-physical
	   target */
	CL_INSPECT_HV_MAPPING = 5,
	/* the same, where pages come and go: what it needed last is still there */
	CL_INSPECT_HV_WINDOW = 6,
	/* CPU start is in the cell's set; it runs the cell whose id is target */
	CL_INSPECT_CPU = 7,
	/* I/O ports without an exit */
	CL_INSPECT_PORT = 8,
	/* model-specific registers without an exit; index 1: not in the hypervisor's policy */
	CL_INSPECT_MSR = 9,
	/* pin index of the interrupt controller at start; target: its redirection entry */
	CL_INSPECT_PIN = 10,
	/* PCI functions, bus << 8 | device << 3 | function */
	CL_INSPECT_PCI = 11,
	/* PCI functions whose memory accesses translate by the cell's table; CL_NO_CELL: by another
	   one; in no record: not at all. Without an IOMMU there are no such records. */
	CL_INSPECT_STREAM = 12,
};

struct cl_inspect_record {
	uint32_t kind;	 /* enum cl_inspect_kind */
	uint32_t cell;	 /* whose; CL_NO_CELL: the hypervisor's */
	uint64_t start;	 /* first address or number */
	uint64_t size;	 /* bytes, or how many */
	uint64_t target; /* memory: host-physical */
	uint32_t access; /* CL_MEM_READ, CL_MEM_WRITE, CL_MEM_EXECUTE */
	uint32_t index;
	uint64_t reserved[3];
};

#endif
