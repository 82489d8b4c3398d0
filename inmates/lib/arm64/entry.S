/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
/* Entry of all CPUs, at EL1 with MMU and caches off, and of exceptions. */

/* Stack of each CPU, 1 << STACK_SHIFT bytes */
#define STACK_SHIFT 13

/* attribute 0: Normal write-back; 1: Device-nGnRE; mmu.c */
#define MAIR	0x04ff
/* 39 bits for TTBR0, walks write-back and inner shareable, none for TTBR1, 40-bit addresses */
#define TCR	(25 | 1 << 8 | 1 << 10 | 3 << 12 | 1 << 23 | 2 << 32)
/* RES1 bits of ARMv8.0; I, C, M */
#define SCTLR	(0x30d00800 | 1 << 12 | 1 << 2 | 1 << 0)

	.section .boot, "ax"
	.globl inmate_entry
inmate_entry:
	/* X0: guest-physical address of the comm region, or 0 */
	mov	x19, x0
	adrp	x9, stacks
	add	x9, x9, :lo12:stacks
	add	sp, x9, #1 << STACK_SHIFT
	msr	tpidr_el1, xzr
	bl	mmu_prepare
	bl	mmu_on
	adrp	x9, bss_start
	add	x9, x9, :lo12:bss_start
	adrp	x10, bss_end
	add	x10, x10, :lo12:bss_end
1:	cmp	x9, x10
	b.hs	2f
	stp	xzr, xzr, [x9], #16
	b	1b
2:	mov	x0, x19
	bl	inmate_start

/* X0: number of the CPU */
	.globl ap_entry
ap_entry:
	mov	x19, x0
	adrp	x9, stacks
	add	x9, x9, :lo12:stacks
	add	x10, x0, #1
	add	x9, x9, x10, lsl #STACK_SHIFT
	mov	sp, x9
	bl	mmu_on
	mov	x0, x19
	bl	arch_ap_start

mmu_on:
	adrp	x9, vectors
	add	x9, x9, :lo12:vectors
	msr	vbar_el1, x9
	ldr	x9, =MAIR
	msr	mair_el1, x9
	ldr	x9, =TCR
	msr	tcr_el1, x9
	adrp	x9, mmu_level1
	add	x9, x9, :lo12:mmu_level1
	msr	ttbr0_el1, x9
	/* what was cached of an earlier program of this cell */
	tlbi	vmalle1
	ic	iallu
	dsb	nsh
	isb
	ldr	x9, =SCTLR
	msr	sctlr_el1, x9
	isb
	ret
	.ltorg

	.macro	vector handler
	.balign	0x80
	sub	sp, sp, #256
	stp	x0, x1, [sp, #0]
	adr	x0, \handler
	b	common
	.endm

	.text
	.balign	0x800
vectors:
	/* from EL1 with SP_EL0, which nobody uses; with SP_EL1; from EL0, where nobody runs */
	.rept	4
	vector	exception_main
	.endr
	vector	exception_main
	vector	interrupt_main
	vector	exception_main
	vector	exception_main
	.rept	8
	vector	exception_main
	.endr

common:
	stp	x2, x3, [sp, #16]
	stp	x4, x5, [sp, #32]
	stp	x6, x7, [sp, #48]
	stp	x8, x9, [sp, #64]
	stp	x10, x11, [sp, #80]
	stp	x12, x13, [sp, #96]
	stp	x14, x15, [sp, #112]
	stp	x16, x17, [sp, #128]
	stp	x18, x29, [sp, #144]
	mrs	x2, elr_el1
	mrs	x3, spsr_el1
	stp	x30, x2, [sp, #160]
	str	x3, [sp, #176]
	mov	x1, x0
	mov	x0, sp
	blr	x1
	ldp	x30, x2, [sp, #160]
	ldr	x3, [sp, #176]
	msr	elr_el1, x2
	msr	spsr_el1, x3
	ldp	x0, x1, [sp, #0]
	ldp	x2, x3, [sp, #16]
	ldp	x4, x5, [sp, #32]
	ldp	x6, x7, [sp, #48]
	ldp	x8, x9, [sp, #64]
	ldp	x10, x11, [sp, #80]
	ldp	x12, x13, [sp, #96]
	ldp	x14, x15, [sp, #112]
	ldp	x16, x17, [sp, #128]
	ldp	x18, x29, [sp, #144]
	add	sp, sp, #256
	eret

	.section .bss.unset, "aw", @nobits
	.balign	16
	/* CL_COMM_MAX_CPUS of them */
stacks:
	.space	64 << STACK_SHIFT

	.section .note.GNU-stack, "", @progbits
