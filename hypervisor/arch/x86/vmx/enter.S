/* SPDX-License-Identifier: GPL-2.0 */
#include <layout.h>
#include <save_regs.S>
#include <vmcs.h>

	.text
/*
 * vmx_run(rdi = struct guest_regs at the top of the stack): run the guest for ever. An exit comes to
 * vmx_exited with RSP behind RAX in struct guest_regs. Frequent exits that need few registers are
 * done by vmx_exit_fast(); the C code keeps RBP and R12 to R15 for the guest. It returns 0 for all
 * others, which go through vmx_exit() with all registers saved.
 */
	.globl	vmx_run
vmx_run:
	lea	GUEST_REGS_SAVED(%rdi), %rax
	mov	$VMCS_HOST_RSP, %ecx
	vmwrite	%rax, %rcx
	lea	vmx_exited(%rip), %rax
	mov	$VMCS_HOST_RIP, %ecx
	vmwrite	%rax, %rcx
	mov	%rdi, %rsp
	load_rest
	load_first
	pop	%rax
	vmlaunch
	jmp	.Lentry_failed

vmx_exited:
	push	%rax
	save_first
	lea	-GUEST_REGS_LATE(%rsp), %rdi
	call	vmx_exit_fast
	test	%al, %al
	jz	2f
1:	load_first
	pop	%rax
	vmresume

/* Nothing was loaded. The CPU parks; what it is started with next is entered like any other. */
.Lentry_failed:
	push	%rax
	save_first
	save_rest
	call	vmx_entry_failed
	load_rest
	jmp	1b

2:	save_rest
	mov	%rsp, %rdi
	call	vmx_exit
	load_rest
	jmp	1b

/*
 * Sleep until an NMI comes. After an exit because of one, further ones are blocked until an IRET
 * (SDM vol. 3, 28.2), so this begins with one. What was posted since the caller looked is looked at
 * again here, and an NMI that arrives from there to the HLT is made to return behind it.
 */
	.globl	vendor_nmi_sleep
vendor_nmi_sleep:
	movabs	$LOCAL_PRIVATE + LOCAL_OFFSET_CPU, %rax
	mov	(%rax), %rax
	mov	%rsp, %rcx
	push	$HV_DS
	push	%rcx
	pushfq
	push	$HV_CS
	lea	vmx_sleep(%rip), %rcx
	push	%rcx
	iretq
vmx_sleep:
	cmpl	$0, CPU_EVENTS(%rax)
	jne	vmx_sleep_end
	hlt
vmx_sleep_end:
	ret

/*
 * NMI in the hypervisor: a kick, or one for the guest. If the guest is just about to be entered,
 * nobody looks for events any more: the preemption timer, which is at 0, makes it exit at once.
 */
	.globl	exception_nmi
exception_nmi:
	push	%rax
	push	%rcx
	push	%rdx
	movabs	$LOCAL_PRIVATE, %rdx
	mov	LOCAL_OFFSET_NMI_STACK(%rdx), %rax
	test	%rax, %rax
	jnz	nmis_are_blocked
	mov	LOCAL_OFFSET_CPU(%rdx), %rax
	xor	%ecx, %ecx
	xchg	%ecx, CPU_KICK_PENDING(%rax)
	test	%ecx, %ecx
	jnz	1f
	movl	$1, LOCAL_OFFSET_GUEST_NMI(%rdx)
1:	cmpl	$0, LOCAL_OFFSET_VMCS_CURRENT(%rdx)
	je	2f
	mov	$VMCS_PIN_CONTROLS, %ecx
	vmread	%rcx, %rax
	or	$PIN_PREEMPTION_TIMER, %eax
	vmwrite	%rax, %rcx
2:	lea	vmx_sleep(%rip), %rax
	cmp	%rax, 24(%rsp)			/* above the registers */
	jb	3f
	lea	vmx_sleep_end(%rip), %rax
	cmp	%rax, 24(%rsp)
	jae	3f
	mov	%rax, 24(%rsp)
3:	pop	%rdx
	pop	%rcx
	pop	%rax
	iretq

/*
 * void vmx_block_nmis(struct cpu *self): while an NMI is handled no other one comes. So this sends
 * one to its own CPU and does not return from it; the next IRET, in Linux, lets them in again. If
 * it does not come the caller goes on without.
 */
	.globl	vmx_block_nmis
vmx_block_nmis:
	push	%rbx
	push	%rbp
	push	%r12
	push	%r13
	push	%r14
	push	%r15
	movabs	$LOCAL_PRIVATE + LOCAL_OFFSET_NMI_STACK, %rax
	mov	%rsp, (%rax)
	call	arch_cpu_kick
	mov	$1 << 24, %ecx
1:	pause
	dec	%ecx
	jnz	1b
	mov	%rsp, %rax
	movabs	$LOCAL_PRIVATE, %rdx
nmis_are_blocked:				/* rax: the stack as saved above, rdx: LOCAL_PRIVATE */
	movq	$0, LOCAL_OFFSET_NMI_STACK(%rdx)
	mov	%rax, %rsp
	pop	%r15
	pop	%r14
	pop	%r13
	pop	%r12
	pop	%rbp
	pop	%rbx
	ret

	.section .note.GNU-stack, "", @progbits
