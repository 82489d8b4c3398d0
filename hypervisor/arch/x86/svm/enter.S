/* SPDX-License-Identifier: GPL-2.0 */
#include <layout.h>

	.text
/*
 * svm_run(rdi = struct guest_regs at the top of the stack): run the guest for ever. Frequent exits
 * that need few registers are done by svm_exit_fast(); the C code keeps RBP and R12 to R15 for the
 * guest. It returns 0 for all others, which go through svm_exit() with all registers saved.
 *
 * Not switched: FS, GS, TR, LDTR, KERNEL_GS_BASE and the SYSCALL and SYSENTER MSRs. The hypervisor
 * uses none of them (its gates use no IST, it has no user mode), so the guest's values stay in the
 * CPU and VMLOAD/VMSAVE (APM 15.5.2) are not needed on an exit.
 */
	.globl	svm_run
svm_run:
	mov	%rdi, %rsp
2:	pop	%r15
	pop	%r14
	pop	%r13
	pop	%r12
	pop	%rbp
1:	pop	%r11
	pop	%r10
	pop	%r9
	pop	%r8
	pop	%rdi
	pop	%rsi
	pop	%rbx
	pop	%rdx
	pop	%rcx
	movabs	LOCAL_PRIVATE + LOCAL_OFFSET_VMCB_PHYS, %rax
	vmrun	%rax
	push	%rcx
	push	%rdx
	push	%rbx
	push	%rsi
	push	%rdi
	push	%r8
	push	%r9
	push	%r10
	push	%r11
	lea	-GUEST_REGS_LATE(%rsp), %rdi
	call	svm_exit_fast
	test	%al, %al
	jnz	1b
	push	%rbp
	push	%r12
	push	%r13
	push	%r14
	push	%r15
	mov	%rsp, %rdi
	call	svm_exit
	jmp	2b

	.section .note.GNU-stack, "", @progbits
