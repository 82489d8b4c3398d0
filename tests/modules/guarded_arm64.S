/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Instructions that may be undefined or fault. Linux has no fixup for the former in its own code:
 * meanwhile the vectors are others, which skip the instruction.
 */
#include <linux/linkage.h>

	.text

	.balign	2048
vectors:
	/* With all interrupts masked only a synchronous exception of this exception level is possible. */
	.org	vectors + 0x200
	mrs	x22, elr_el1
	add	x22, x22, #4
	msr	elr_el1, x22
	mrs	x22, esr_el1
	lsr	x22, x22, #26
	orr	x22, x22, #0x100
	eret
	.org	vectors + 0x800

/*
 * unsigned long run_guarded(const void *code, u64 registers[4]): calls the code with X0 to X3 from
 * there, and stores them. Returns 0, or 0x100 + the class (ESR_EL1.EC) of the last exception.
 */
SYM_FUNC_START(run_guarded)
	stp	x29, x30, [sp, #-48]!
	mov	x29, sp
	stp	x19, x20, [sp, #16]
	stp	x21, x22, [sp, #32]
	mov	x16, x0
	mov	x19, x1
	mrs	x20, vbar_el1
	mrs	x21, daif
	msr	daifset, #0xf
	adr	x17, vectors
	msr	vbar_el1, x17
	isb
	mov	x22, #0
	ldp	x0, x1, [x19]
	ldp	x2, x3, [x19, #16]
	blr	x16
	stp	x0, x1, [x19]
	stp	x2, x3, [x19, #16]
	msr	vbar_el1, x20
	isb
	msr	daif, x21
	mov	x0, x22
	ldp	x21, x22, [sp, #32]
	ldp	x19, x20, [sp, #16]
	ldp	x29, x30, [sp], #48
	ret
SYM_FUNC_END(run_guarded)

/* To and from device registers at X1, by vector registers. */
SYM_FUNC_START(copy_vector)
	ldr	q0, [x1]
	str	q0, [x0]
	ret
SYM_FUNC_END(copy_vector)

SYM_FUNC_START(zero_vector)
	movi	v0.2d, #0
	str	q0, [x1]
	ret
SYM_FUNC_END(zero_vector)

SYM_FUNC_START(call_smc)
	smc	#0
	ret
SYM_FUNC_END(call_smc)

SYM_FUNC_START(call_hvc)
	hvc	#0
	ret
SYM_FUNC_END(call_hvc)

/*
 * MRS X0 and MSR from X0, each with RET, for all registers with Op0 2 and 3: what is between Op0's
 * high bit and Rt counts up (DDI 0487, C6.2, "MRS").
 */
	.globl	read_register, write_register
read_register:
	.set	n, 0
	.rept	0x8000
	.inst	0xd5300000 | n << 5
	ret
	.set	n, n + 1
	.endr
write_register:
	.set	n, 0
	.rept	0x8000
	.inst	0xd5100000 | n << 5
	ret
	.set	n, n + 1
	.endr
