/* SPDX-License-Identifier: GPL-2.0 */
#include <layout.h>

	.text
/*
 * svm_run(rdi = struct guest_regs at the top of the stack): run the guest for ever, each exit goes
 * through svm_exit(). Not switched: FS, GS, TR, LDTR, KERNEL_GS_BASE and the SYSCALL and SYSENTER
 * MSRs. The hypervisor uses none of them (its gates use no IST, it has no user mode), so the guest's
 * values stay in the CPU and VMLOAD/VMSAVE (APM 15.5.2) are not needed on an exit.
 */
	.globl	svm_run
svm_run:
	mov	%rdi, %rsp
1:	pop	%r15
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
	movabs	LOCAL_PRIVATE + LOCAL_OFFSET_VMCB_PHYS, %rax
	vmrun	%rax
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
	mov	%rsp, %rdi
	call	svm_exit
	jmp	1b

	.section .note.GNU-stack, "", @progbits
