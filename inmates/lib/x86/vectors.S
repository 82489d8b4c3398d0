/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
/* 256 entries of 16 bytes for the interrupt descriptor table, all leading to one C function. */

	.text
	.balign	16
	.globl vector_entries
vector_entries:
vector = 0
	.rept	256
	.balign	16
	/* exceptions with an error code: 8, 10-14, 17, 21, 29, 30 */
	.if	!(vector == 8 || (vector >= 10 && vector <= 14) || vector == 17 || vector == 21 || vector == 29 || vector == 30)
	push	$0
	.endif
	push	$vector
	jmp	common
vector = vector + 1
	.endr

common:
	push	%rax
	push	%rcx
	push	%rdx
	push	%rbx
	push	%rbp
	push	%rsi
	push	%rdi
	push	%r8
	push	%r9
	push	%r10
	push	%r11
	push	%r12
	push	%r13
	push	%r14
	push	%r15
	cld
	mov	%rsp, %rdi
	/* an interrupt aligns the stack to 16, and 5 + 17 words are on it now */
	call	vector_main
	pop	%r15
	pop	%r14
	pop	%r13
	pop	%r12
	pop	%r11
	pop	%r10
	pop	%r9
	pop	%r8
	pop	%rdi
	pop	%rsi
	pop	%rbp
	pop	%rbx
	pop	%rdx
	pop	%rcx
	pop	%rax
	add	$16, %rsp
	iretq

	.section .note.GNU-stack, "", @progbits
