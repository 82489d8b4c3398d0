/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The hypervisor's address space. Linux has nothing in this half-terabyte slot (Linux
 * Documentation/arch/x86/x86_64/mm.rst: a hole behind KASAN), with 4- and with 5-level tables, so
 * no global TLB entry of Linux can be in the way.
 */
#ifndef X86_LAYOUT_H
#define X86_LAYOUT_H

#define HV_BASE	   0xfffffc0000000000 /* the hypervisor's memory, the same on all CPUs */
#define LOCAL_BASE 0xfffffc8000000000 /* one CPU's own */

/* Pages at LOCAL_BASE. */
#define LOCAL_PAGE_STACK   1 /* two pages; 0 and 3 are never mapped: guards */
#define LOCAL_PAGE_PRIVATE 4
#define LOCAL_PAGE_CONTROL 5 /* of the guest: VMCB or VMCS */
#define LOCAL_PAGE_TABLE   6 /* the page table that maps these pages */
#define LOCAL_PAGE_TOP	   7 /* the top-level table */
#define LOCAL_PAGE_APIC	   8
#define LOCAL_PAGE_WINDOWS 16

#define LOCAL_STACK_TOP (LOCAL_BASE + (LOCAL_PAGE_STACK + 2) * 4096)
#define LOCAL_PRIVATE	(LOCAL_BASE + LOCAL_PAGE_PRIVATE * 4096)
#define LOCAL_CONTROL	(LOCAL_BASE + LOCAL_PAGE_CONTROL * 4096)
#define LOCAL_TABLE	(LOCAL_BASE + LOCAL_PAGE_TABLE * 4096)
#define LOCAL_TOP	(LOCAL_BASE + LOCAL_PAGE_TOP * 4096)
#define LOCAL_APIC	(LOCAL_BASE + LOCAL_PAGE_APIC * 4096)
#define LOCAL_WINDOWS	(LOCAL_BASE + LOCAL_PAGE_WINDOWS * 4096)
#define LOCAL_END	(LOCAL_BASE + 512 * 4096) /* what one page table maps */

/* A CPU's area behind the image, in pages. */
#define AREA_TOP     0 /* top-level table */
#define AREA_PML4    1 /* with 5-level paging the level below */
#define AREA_PDPT    2
#define AREA_PD	     3
#define AREA_PT	     4
#define AREA_STACK   5
#define AREA_PRIVATE 7
#define AREA_CONTROL 8
#define AREA_HOST    9 /* where the CPU keeps what is the hypervisor's */
#define AREA_PAGES   10

#define HV_CS 0x08
#define HV_DS 0x10
#define HV_TR 0x18 /* Intel: a task register that is never looked up */

/* struct cpu, for the vendors' enter.S; checked in boot.c */
#define CPU_EVENTS	 0
#define CPU_KICK_PENDING 4

#define LOCAL_OFFSET_CPU	  0
#define LOCAL_OFFSET_CONTROL_PHYS 8
#define LOCAL_OFFSET_VENDOR	  24 /* struct vendor_local; Intel's: */
#define LOCAL_OFFSET_NMI_STACK	  24
#define LOCAL_OFFSET_VMCS_CURRENT 32
#define LOCAL_OFFSET_GUEST_NMI	  36
#define GUEST_REGS_SAVED	  120 /* bytes of struct guest_regs up to RAX */
#define GUEST_REGS_LATE		  40 /* bytes of struct guest_regs that a fast exit does not save */

#endif
