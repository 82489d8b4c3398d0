/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The way into the hypervisor and back. This code is mapped at the same address in Linux' and
 * in the hypervisor's page tables, so that CR3 can be changed here; it must not cross a page.
 */
#include <linux/linkage.h>
#include <asm/msr-index.h>
#include <asm/nospec-branch.h>

#define HC_DISABLE 1
#define SVME	   0x1000

	.text
	.balign 2048
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

/*
 * Intel. There is nothing like GIF: NMIs are held back by being in the handler of one, from the way
 * in to the first VM entry, and from the hypervisor's end to the IRET here (SDM vol. 3, 7.7.1).
 *
 * A VM exit loads TR, LDTR, FS and GS anew, and so the way back has to. What it takes for that is
 * put on the stack first, below what save_state has put there:
 */
#define SAVED_IDT     0		/* 10 bytes */
#define SAVED_GDT     16	/* address of one that can be written to */
#define SAVED_GS_BASE 24
#define SAVED_FS_BASE 32
#define SAVED_TR      40
#define SAVED_LDTR    48
#define SAVED_GS      56
#define SAVED_FS      64
#define SAVED_SIZE    72

/* struct entry_args in x86_intel.c */
#define ARGS_GDT	 24
#define ARGS_ICR	 32
#define ARGS_APIC_ID	 40
#define ARGS_DESCRIPTORS 48
#define ARGS_IDT	 96

#define ICR_NMI	    0x4400	/* fixed edge, asserted */
#define X2APIC_ICR  0x830
#define ERROR_TIME  62		/* -ETIME: the NMI has not come */

	.macro push_msr msr
	mov	$\msr, %ecx
	rdmsr
	shl	$32, %rdx
	or	%rdx, %rax
	push	%rax
	.endm

	.macro write_msr msr, value
	mov	$\msr, %ecx
	mov	\value, %eax
	mov	4+\value, %edx
	wrmsr
	.endm

	.macro save_segments gdt
	mov	%fs, %eax
	push	%rax
	mov	%gs, %eax
	push	%rax
	xor	%eax, %eax
	sldt	%ax
	push	%rax
	str	%ax
	push	%rax
	push_msr MSR_FS_BASE
	push_msr MSR_GS_BASE
	push	\gdt
	sub	$SAVED_GDT, %rsp
	sidt	SAVED_IDT(%rsp)
	.endm

/* int cloister_enter_vmx(const struct entry_args *args) */
	.globl	cloister_enter_vmx
cloister_enter_vmx:
	endbr64
	save_state
	save_segments ARGS_GDT(%rdi)
	lidt	ARGS_IDT(%rdi)
	mov	ARGS_ICR(%rdi), %r8
	mov	ARGS_APIC_ID(%rdi), %edx
	mov	$ICR_NMI, %eax
	test	%r8, %r8
	jz	1f
	shl	$24, %edx
	mov	%edx, 0x10(%r8)
	mov	%eax, (%r8)
	jmp	2f
1:	mov	$X2APIC_ICR, %ecx
	wrmsr
2:	mov	$1 << 28, %ecx
3:	pause
	dec	%ecx
	jnz	3b
	lidt	SAVED_IDT(%rsp)
	mov	$-ERROR_TIME, %rax
	jmp	cloister_return_vmx

	.globl	cloister_nmi
cloister_nmi:
	endbr64
	mov	24(%rsp), %rsp		/* as it was: this does not return to where it came */
	lidt	SAVED_IDT(%rsp)
	mov	ARGS_DESCRIPTORS(%rdi), %r10
	mov	ARGS_DESCRIPTORS+8(%rdi), %r11
	mov	ARGS_DESCRIPTORS+16(%rdi), %r12
	mov	ARGS_DESCRIPTORS+24(%rdi), %r13
	mov	ARGS_DESCRIPTORS+32(%rdi), %r14
	mov	ARGS_DESCRIPTORS+40(%rdi), %r15
	mov	0(%rdi), %r9
	mov	8(%rdi), %rax
	mov	16(%rdi), %edi
	mov	%rsp, %rsi
	lea	cloister_return_vmx(%rip), %rdx
	mov	%cr3, %rcx
	mov	%r9, %cr3
	ANNOTATE_RETPOLINE_SAFE
	jmp	*%rax
	int3

cloister_return_vmx:
	endbr64
	add	$SAVED_SIZE, %rsp
	jmp	cloister_return

/* int cloister_leave_vmx(void *gdt) */
	.globl	cloister_leave_vmx
cloister_leave_vmx:
	endbr64
	save_state
	save_segments %rdi
	mov	$HC_DISABLE, %eax
	vmcall
	jmp	cloister_return_vmx

/* As cloister_exit, in the handler of an NMI. */
	.globl	cloister_exit_vmx
cloister_exit_vmx:
	endbr64
	mov	%rcx, %cr3
	mov	%rsi, %rsp
	mov	%rdx, %r9
	mov	$MSR_EFER, %ecx
	mov	%r10, %rdx
	shr	$32, %rdx
	mov	%r10d, %eax
	wrmsr
	/* LTR takes a TSS that is not busy, and marks it in a table that it can write to. */
	mov	SAVED_GDT(%rsp), %rax
	movzwl	SAVED_TR(%rsp), %ecx
	andb	$~2, 5(%rax, %rcx)
	sub	$32, %rsp
	sgdt	(%rsp)
	mov	(%rsp), %dx
	mov	%dx, 16(%rsp)
	mov	%rax, 18(%rsp)
	lgdt	16(%rsp)
	ltr	%cx
	lgdt	(%rsp)
	add	$32, %rsp
	lldt	SAVED_LDTR(%rsp)
	mov	SAVED_FS(%rsp), %fs
	mov	SAVED_GS(%rsp), %gs
	write_msr MSR_FS_BASE, SAVED_FS_BASE(%rsp)
	write_msr MSR_GS_BASE, SAVED_GS_BASE(%rsp)
	lidt	SAVED_IDT(%rsp)
	mov	%rsp, %rcx
	push	%r11
	push	%rcx
	push	$2			/* RFLAGS: interrupts off */
	push	%rdi
	push	%r9
	mov	%r8, %rax
	iretq

	.org	cloister_trampoline + 2048	/* fails if the code is longer than it is aligned */
	.section .note.GNU-stack, "", @progbits
