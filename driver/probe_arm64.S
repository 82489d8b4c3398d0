/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Is there somebody at EL2, and who? An HVC that nobody takes is an undefined instruction, for which
 * Linux has no fixup: for one instruction, the vectors are others.
 */
#include <linux/linkage.h>

	.text

/* unsigned long cloister_probe(unsigned long argument): the answer, or -2 for none */
SYM_FUNC_START(cloister_probe)
	stp	x29, x30, [sp, #-32]!
	mov	x29, sp
	stp	x19, x20, [sp, #16]
	mrs	x19, vbar_el1
	mrs	x20, daif
	msr	daifset, #0xf
	adr	x1, vectors
	msr	vbar_el1, x1
	isb
	hvc	#0
	msr	vbar_el1, x19
	isb
	msr	daif, x20
	ldp	x19, x20, [sp, #16]
	ldp	x29, x30, [sp], #32
	ret
SYM_FUNC_END(cloister_probe)

/* With all interrupts masked only a synchronous exception of this exception level is possible. */
	.balign	2048
vectors:
	.org	vectors + 0x200
	mrs	x0, elr_el1
	add	x0, x0, #4
	msr	elr_el1, x0
	mov	x0, #-2
	eret
	.org	vectors + 0x800
