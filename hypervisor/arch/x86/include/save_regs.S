/* SPDX-License-Identifier: GPL-2.0 */
/*
 * struct guest_regs (x86.h) on the stack, for the vendors' enter.S: what every exit saves, RAX apart,
 * and the rest, for exits that are not fast.
 */
	.macro	save_first
	push	%rcx
	push	%rdx
	push	%rbx
	push	%rsi
	push	%rdi
	push	%r8
	push	%r9
	push	%r10
	push	%r11
	.endm

	.macro	save_rest
	push	%rbp
	push	%r12
	push	%r13
	push	%r14
	push	%r15
	.endm

	.macro	load_rest
	pop	%r15
	pop	%r14
	pop	%r13
	pop	%r12
	pop	%rbp
	.endm

	.macro	load_first
	pop	%r11
	pop	%r10
	pop	%r9
	pop	%r8
	pop	%rdi
	pop	%rsi
	pop	%rbx
	pop	%rdx
	pop	%rcx
	.endm
