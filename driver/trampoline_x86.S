/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The way into the hypervisor and back (AMD). This code is mapped at the same address in Linux' and
 * in the hypervisor's page tables, so that CR3 can be changed here; it must not cross a page.
 */
#include <linux/linkage.h>
#include <asm/msr-index.h>
#include <asm/nospec-branch.h>

#define HC_DISABLE 1
#define SVME	   0x1000

	.text
	.balign 1024
	.globl	cloister_trampoline
cloister_trampoline:

	.macro save_state
	push	%rbp
	push	%rbx
	push	%r12
	push	%r13
	push	%r14
	push	%r15
	mov	%ds, %eax
	push	%rax
	mov	%es, %eax
	push	%rax
	pushfq
	.endm

/* int cloister_enter(const struct cl_entry_args *args) */
	.globl	cloister_enter
cloister_enter:
	endbr64
	save_state
	/* From here to the hypervisor's own IDT nothing may interrupt: SVM's global interrupt flag. */
	mov	$MSR_EFER, %ecx
	rdmsr
	or	$SVME, %eax
	wrmsr
	clgi
	mov	0(%rdi), %r9		/* page tables */
	mov	8(%rdi), %rax		/* entry */
	mov	16(%rdi), %edi		/* CPU */
	mov	%rsp, %rsi
	lea	cloister_return(%rip), %rdx
	mov	%cr3, %rcx
	mov	%r9, %cr3
	ANNOTATE_RETPOLINE_SAFE		/* once, to an address that nothing can train */
	jmp	*%rax
	int3

/* Linux goes on here, natively after a failure or disable, as a guest after a successful enable. */
cloister_return:
	endbr64
	popfq
	pop	%rcx
	mov	%ecx, %es
	pop	%rcx
	mov	%ecx, %ds
	pop	%r15
	pop	%r14
	pop	%r13
	pop	%r12
	pop	%rbx
	pop	%rbp
	ANNOTATE_UNRET_SAFE
	ret
	int3

/* int cloister_leave(void): returns natively, or in the guest with an error */
	.globl	cloister_leave
cloister_leave:
	endbr64
	save_state
	mov	$HC_DISABLE, %eax
	vmmcall
	jmp	cloister_return

/*
 * From the hypervisor, on its page tables and with GIF = 0; Linux' GDT, IDT and control registers
 * are loaded already:
 *   rcx CR3, rdx where to go on, rsi stack pointer, edi CS, r8 result, r10 EFER, r11d SS
 */
	.globl	cloister_exit
cloister_exit:
	endbr64
	mov	%rcx, %cr3
	mov	%rsi, %rsp
	mov	%r11d, %ss
	mov	%rdx, %r9
	push	%rdi
	lea	1f(%rip), %rax
	push	%rax
	lretq
1:	stgi
	mov	$MSR_EFER, %ecx
	mov	%r10, %rdx
	shr	$32, %rdx
	mov	%r10d, %eax
	wrmsr
	mov	%r8, %rax
	ANNOTATE_RETPOLINE_SAFE
	jmp	*%r9
	int3

	.org	cloister_trampoline + 1024	/* fails if the code is longer than it is aligned */
	.section .note.GNU-stack, "", @progbits
