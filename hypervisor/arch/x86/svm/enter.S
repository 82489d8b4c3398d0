/* SPDX-License-Identifier: GPL-2.0 */
#include <layout.h>
#include <save_regs.S>

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
2:	load_rest
1:	load_first
	movabs	LOCAL_PRIVATE + LOCAL_OFFSET_CONTROL_PHYS, %rax
	vmrun	%rax
	save_first
	lea	-GUEST_REGS_LATE(%rsp), %rdi
	call	svm_exit_fast
	test	%al, %al
	jnz	1b
	save_rest
	mov	%rsp, %rdi
	call	svm_exit
	jmp	2b

/*
 * Sleep with interrupts off until an NMI comes. One that was held back by GIF = 0 since the caller's
 * check arrives before the HLT, finds RIP at the label and is made to return behind it: no wake-up
 * is lost.
 */
	.globl	vendor_nmi_sleep
vendor_nmi_sleep:
	stgi
	.globl	vendor_nmi_sleep_hlt
vendor_nmi_sleep_hlt:
	hlt
vendor_nmi_sleep_end:
	clgi
	ret

/* NMI in the hypervisor: always a kick, or an NMI for a guest that does not run. */
	.globl	exception_nmi
exception_nmi:
	push	%rax
	push	%rcx
	movabs	$LOCAL_PRIVATE + LOCAL_OFFSET_CPU, %rax
	mov	(%rax), %rax
	movl	$0, CPU_KICK_PENDING(%rax)
	lea	vendor_nmi_sleep_hlt(%rip), %rax
	cmp	%rax, 16(%rsp)
	jne	1f
	lea	vendor_nmi_sleep_end(%rip), %rax
	mov	%rax, 16(%rsp)
1:	pop	%rcx
	pop	%rax
	iretq

	.section .note.GNU-stack, "", @progbits
