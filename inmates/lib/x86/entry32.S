/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
/* The entry of inmates that stay in 32-bit mode. EBX: address of the comm region or 0. */

	.section .boot, "ax"
	.code32
	.globl inmate_entry
inmate_entry:
	cld
	mov	$bss_start, %edi
	mov	$bss_end, %ecx
	sub	%edi, %ecx
	xor	%eax, %eax
	rep stosb
	mov	$stack_top, %esp
	push	%ebx
	call	inmate_start

	.bss
	.balign	16
	.space	16384
stack_top:

	.section .note.GNU-stack, "", @progbits
