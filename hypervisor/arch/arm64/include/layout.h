/* SPDX-License-Identifier: GPL-2.0 */
/* The hypervisor's address space: 48 bits of EL2's only range, whose top Linux' memory never
 * reaches. */
#ifndef ARM64_LAYOUT_H
#define ARM64_LAYOUT_H

#define HV_BASE	    0x0000ff8000000000 /* the hypervisor's memory, the same on all CPUs */
#define DEVICE_BASE 0x0000ff8040000000 /* registers that all CPUs have mapped */
#define DEVICE_SIZE 0x200000	       /* what one level-3 table maps */
#define LOCAL_BASE  0x0000ff0000000000 /* one CPU's own */

/* Pages at DEVICE_BASE */
#define DEVICE_PAGE_GICD    0 /* 16 pages */
#define DEVICE_PAGE_CONSOLE 16
#define DEVICE_PAGE_GICC    17 /* GICv2; 2 pages */
#define DEVICE_PAGE_GICH    19
#define DEVICE_PAGE_ITS	    20 /* a page of each: CL_ITS_MAX */
#define DEVICE_PAGE_SMMU \
	24 /* of each the first pages of its two pieces with registers: CL_IOMMU_MAX */

/* Pages at LOCAL_BASE */
#define LOCAL_PAGE_STACK   1 /* two pages; 0 and 3 are never mapped: guards */
#define LOCAL_PAGE_PRIVATE 4
#define LOCAL_PAGE_TABLE   5 /* the level-3 table that maps these pages */
#define LOCAL_PAGE_GICR	   8 /* this CPU's redistributor: its first page, then that of its SGI frame */
#define LOCAL_PAGE_WINDOWS 16

#define LOCAL_STACK_TOP (LOCAL_BASE + (LOCAL_PAGE_STACK + 2) * 4096)
#define LOCAL_PRIVATE	(LOCAL_BASE + LOCAL_PAGE_PRIVATE * 4096)
#define LOCAL_TABLE	(LOCAL_BASE + LOCAL_PAGE_TABLE * 4096)
#define LOCAL_GICR	(LOCAL_BASE + LOCAL_PAGE_GICR * 4096)
#define LOCAL_WINDOWS	(LOCAL_BASE + LOCAL_PAGE_WINDOWS * 4096)
#define LOCAL_END	(LOCAL_BASE + 512 * 4096) /* what one level-3 table maps */

/* A CPU's area behind the image, in pages. */
#define AREA_L0	     0
#define AREA_L1	     1
#define AREA_L2	     2
#define AREA_L3	     3
#define AREA_STACK   4
#define AREA_PRIVATE 6
#define AREA_PAGES   7

/* struct guest_regs at the top of the stack: X0 to X30, and 8 bytes that keep the stack aligned. */
#define GUEST_REGS_SIZE 256
#define GUEST_REGS	(LOCAL_STACK_TOP - GUEST_REGS_SIZE)

/* struct local_data.probe, for own_fault in entry.S; checked in boot.c */
#define LOCAL_OFFSET_PROBE 16
#define PROBE_OFF	   0
#define PROBE_ON	   1
#define PROBE_FAILED	   2

#define MAIR_NORMAL 0 /* index of normal write-back memory */
#define MAIR_DEVICE 1
#define MAIR_VALUE  0x04ff /* Device-nGnRE, Normal write-back */

#endif
