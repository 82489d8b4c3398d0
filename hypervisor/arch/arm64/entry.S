/* SPDX-License-Identifier: GPL-2.0 */
#include <layout.h>

	.text

/*
 * From the kernel's hyp stub: EL2, MMU off, at the physical address; see <cloister/image.h>.
 *   x0  number of this CPU
 *   x1  physical address of the driver's tables
 * Until the MMU is on nothing is written to memory: what the other CPUs have in their caches would
 * hide it. X18 to X30 are Linux'.
 */
	.globl	image_entry
image_entry:
	mrs	x2, sctlr_el2
	mrs	x3, tcr_el2
	mrs	x4, mair_el2
	mrs	x5, ttbr0_el2

	mov	x6, #MAIR_VALUE
	msr	mair_el2, x6
	mrs	x6, id_aa64mmfr0_el1
	and	x6, x6, #0xf			/* PARange; 5: 48 bits, all that the tables can hold */
	mov	x7, #5
	cmp	x6, x7
	csel	x6, x6, x7, lo
	/* T0SZ 16, write-back inner shareable walks, 4 KiB granule, PS; bits 31 and 23 are RES1 */
	ldr	x7, =0x80803510
	orr	x6, x7, x6, lsl #16
	msr	tcr_el2, x6
	msr	ttbr0_el2, x1
	isb
	tlbi	alle2
	dsb	nsh
	isb
	ldr	x6, =0x30c51835			/* RES1, M, C, SA off, I */
	msr	sctlr_el2, x6
	isb
	ldr	x6, =image_virtual
	br	x6

image_virtual:
	mov	x6, #AREA_PAGES * 4096
	adrp	x1, hv_core_end
	add	x1, x1, :lo12:hv_core_end
	madd	x1, x0, x6, x1			/* this CPU's area */
	add	x6, x1, #(AREA_STACK + 2) * 4096
	sub	sp, x6, #GUEST_REGS_SIZE
	stp	x18, x19, [sp, #18 * 8]
	stp	x20, x21, [sp, #20 * 8]
	stp	x22, x23, [sp, #22 * 8]
	stp	x24, x25, [sp, #24 * 8]
	stp	x26, x27, [sp, #26 * 8]
	stp	x28, x29, [sp, #28 * 8]
	str	x30, [sp, #30 * 8]
	stp	x2, x3, [sp, #-32]!
	stp	x4, x5, [sp, #16]
	mov	x2, sp				/* the first words of struct linux_state */
	mov	x29, xzr
	bl	boot_cpu			/* the CPU's own tables: their address in x0 */
	msr	ttbr0_el2, x0
	isb
	tlbi	alle2
	dsb	nsh
	isb
	ldr	x1, =GUEST_REGS
	mov	sp, x1
	bl	boot_continue
	b	.

/*
 * arm64_exit(x0 = struct linux_state, x1 = physical address of arm64_exit_start): back to EL1 as
 * guest_regs, ELR_EL2 and SPSR_EL2 say, with the MMU of EL2 as it was: off. X1 to X17 are lost.
 */
	.globl	arm64_exit
arm64_exit:
	mov	x17, x1
	ldp	x2, x3, [x0]
	ldp	x4, x5, [x0, #16]
	ldr	x6, =GUEST_REGS
	ldr	x0, [x6]
	ldp	x18, x19, [x6, #18 * 8]
	ldp	x20, x21, [x6, #20 * 8]
	ldp	x22, x23, [x6, #22 * 8]
	ldp	x24, x25, [x6, #24 * 8]
	ldp	x26, x27, [x6, #26 * 8]
	ldp	x28, x29, [x6, #28 * 8]
	ldr	x30, [x6, #30 * 8]
	br	x17

/* Within one page, which boot.c maps one to one. */
	.balign	64
	.globl	arm64_exit_start
arm64_exit_start:
	msr	sctlr_el2, x2
	isb
	tlbi	alle2
	dsb	nsh
	isb
	msr	tcr_el2, x3
	msr	mair_el2, x4
	msr	ttbr0_el2, x5
	isb
	eret

	.balign	64
	.ltorg

/* What C functions do not keep. */
.macro save_early
	sub	sp, sp, #GUEST_REGS_SIZE
	stp	x0, x1, [sp, #0 * 8]
	stp	x2, x3, [sp, #2 * 8]
	stp	x4, x5, [sp, #4 * 8]
	stp	x6, x7, [sp, #6 * 8]
	stp	x8, x9, [sp, #8 * 8]
	stp	x10, x11, [sp, #10 * 8]
	stp	x12, x13, [sp, #12 * 8]
	stp	x14, x15, [sp, #14 * 8]
	stp	x16, x17, [sp, #16 * 8]
	str	x18, [sp, #18 * 8]
	stp	x29, x30, [sp, #29 * 8]
.endm

.macro save_late
	stp	x19, x20, [sp, #19 * 8]
	stp	x21, x22, [sp, #21 * 8]
	stp	x23, x24, [sp, #23 * 8]
	stp	x25, x26, [sp, #25 * 8]
	stp	x27, x28, [sp, #27 * 8]
.endm

/* A defect of the hypervisor: nothing is returned to. */
.macro fatal kind
	.balign	128
	mov	x0, #\kind
	bl	exception_fatal
	b	arm64_halt
.endm

/*
 * Most exits are short: `handler` finds X0 to X18 of the guest in the frame and returns false. If it
 * returns true, X19 to X28 are put there as well, and the function in `rest` may change all of them.
 */
.macro guest handler
	.balign	128
	save_early
	mov	x0, sp
	bl	\handler
	cbz	w0, restore_early
	b	after_\handler
.endm

.macro rest handler, function
after_\handler:
	save_late
	mov	x0, sp
	bl	\function
	b	restore_all
.endm

	/* At the beginning of the image's code: their alignment costs nothing there. */
	.section .text.vectors, "ax"
	.balign	2048
	.globl	arm64_vectors
arm64_vectors:
	/* from EL2 with SP_EL0, which is never used */
	fatal	0
	fatal	1
	fatal	2
	fatal	3
	/* from EL2 */
	.balign	128
	b	own_fault
	fatal	5
	fatal	6
	fatal	7
	/* from a guest, AArch64: EL1 always is that */
	guest	trap_sync
	guest	trap_irq
	guest	trap_fiq
	guest	trap_serror
	/* from a guest, AArch32: HCR_EL2.RW excludes it */
	fatal	12
	fatal	13
	fatal	14
	fatal	15

	rest	trap_sync, trap_sync_rest
	rest	trap_irq, cpu_handle_events
	rest	trap_fiq, cpu_handle_events
	rest	trap_serror, trap_serror_rest

/*
 * At an address where arch_access_registers() has been sent, nothing answers: it goes on behind the
 * access, and is told. All else that happens here is a defect.
 */
own_fault:
	stp	x0, x1, [sp, #-16]!
	ldr	x0, =LOCAL_PRIVATE
	ldr	w1, [x0, #LOCAL_OFFSET_PROBE]
	cmp	w1, #PROBE_ON
	b.ne	1f
	mov	w1, #PROBE_FAILED
	str	w1, [x0, #LOCAL_OFFSET_PROBE]
	mrs	x1, elr_el2
	add	x1, x1, #4
	msr	elr_el2, x1
	ldp	x0, x1, [sp], #16
	eret
1:	mov	x0, #4
	bl	exception_fatal
	b	arm64_halt

	.globl	arm64_resume
arm64_resume:
	ldr	x30, =GUEST_REGS
	mov	sp, x30
restore_all:
	ldp	x19, x20, [sp, #19 * 8]
	ldp	x21, x22, [sp, #21 * 8]
	ldp	x23, x24, [sp, #23 * 8]
	ldp	x25, x26, [sp, #25 * 8]
	ldp	x27, x28, [sp, #27 * 8]
restore_early:
	ldp	x0, x1, [sp, #0 * 8]
	ldp	x2, x3, [sp, #2 * 8]
	ldp	x4, x5, [sp, #4 * 8]
	ldp	x6, x7, [sp, #6 * 8]
	ldp	x8, x9, [sp, #8 * 8]
	ldp	x10, x11, [sp, #10 * 8]
	ldp	x12, x13, [sp, #12 * 8]
	ldp	x14, x15, [sp, #14 * 8]
	ldp	x16, x17, [sp, #16 * 8]
	ldr	x18, [sp, #18 * 8]
	ldp	x29, x30, [sp, #29 * 8]
	add	sp, sp, #GUEST_REGS_SIZE
	eret
	/* Nothing is speculated past the return (straight-line speculation). */
	dsb	nsh
	isb

	.globl	arm64_halt
arm64_halt:
	wfi
	b	arm64_halt

/* arm64_smc(x0 = registers X0 to X17 of an SMC to the firmware, and where X0 to X3 are put) */
	.globl	arm64_smc
arm64_smc:
	stp	x29, x30, [sp, #-32]!
	str	x0, [sp, #16]
	mov	x18, x0
	ldp	x16, x17, [x18, #16 * 8]
	ldp	x14, x15, [x18, #14 * 8]
	ldp	x12, x13, [x18, #12 * 8]
	ldp	x10, x11, [x18, #10 * 8]
	ldp	x8, x9, [x18, #8 * 8]
	ldp	x6, x7, [x18, #6 * 8]
	ldp	x4, x5, [x18, #4 * 8]
	ldp	x2, x3, [x18, #2 * 8]
	ldp	x0, x1, [x18]
	mov	x18, xzr
	smc	#0
	ldr	x9, [sp, #16]
	stp	x0, x1, [x9]
	stp	x2, x3, [x9, #2 * 8]
	ldp	x29, x30, [sp], #32
	ret

/* All of the floating-point and SIMD registers: nothing stays of the former owner. */
	.arch_extension fp
	.arch_extension simd
	.globl	arm64_clear_fp
arm64_clear_fp:
	.irp n, 0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31
	movi	v\n\().2d, #0
	.endr
	msr	fpcr, xzr
	msr	fpsr, xzr
	ret

/* Where there is SVE: predicates and FFR; to write V registers has cleared the rest of Z registers. */
	.globl	arm64_clear_sve
arm64_clear_sve:
	.irp n, 0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15
	.inst	0x2518e400 | \n		/* pfalse p\n.b */
	.endr
	.inst	0x25289000		/* wrffr p0.b */
	ret
