/* SPDX-License-Identifier: GPL-2.0 */
#include <layout.h>

	.text

/*
 * From the driver's trampoline (driver/trampoline_x86.S), on the driver's page tables, interrupts
 * and NMIs off (AMD: GIF = 0; Intel: in an NMI's handler):
 *   edi  number of this CPU
 *   rsi  Linux' stack pointer, rdx where Linux goes on, rcx Linux' CR3
 *   Intel: r10 and r11 descriptor of TR, r12 and r13 of LDTR, r14 of FS, r15 of GS
 */
	.globl	image_entry
image_entry:
	endbr64
	cld
	mov	%edi, %eax
	imul	$AREA_PAGES * 4096, %rax, %rax
	lea	hv_core_end(%rip), %r8
	add	%rax, %r8
	lea	(AREA_STACK + 2) * 4096(%r8), %rsp
	push	%r15				/* struct linux_descriptors */
	push	%r14
	push	%r13
	push	%r12
	push	%r11
	push	%r10
	mov	%rsp, %r9
	call	boot_cpu			/* the CPU's own tables: their address in rax */
	mov	%rax, %cr3
	movabs	$LOCAL_STACK_TOP, %rsp
	call	boot_continue
	ud2

/*
 * x86_exit(rdi = exit address in the trampoline, rsi = the values for it, see x86_leave()), on
 * tables that map the trampoline.
 */
	.globl	x86_exit
x86_exit:
	mov	%rdi, %rax
	mov	0x00(%rsi), %rcx		/* Linux' CR3 */
	mov	0x08(%rsi), %rdx		/* rip */
	mov	0x18(%rsi), %rdi		/* cs */
	mov	0x20(%rsi), %r8			/* result */
	mov	0x28(%rsi), %r10		/* EFER */
	mov	0x30(%rsi), %r11		/* ss */
	mov	0x10(%rsi), %rsi		/* rsp */
	jmp	*%rax

/*
 * Load the new GDT's selectors.
 */
	.globl	x86_load_segments
x86_load_segments:
	mov	$HV_DS, %eax
	mov	%eax, %ss
	mov	%eax, %ds
	mov	%eax, %es
	pop	%rax
	push	$HV_CS
	push	%rax
	lretq

/*
 * bool x86_wrmsr_safe(uint32_t msr, uint64_t value): for values that come from a guest. False if the
 * CPU refuses the value (#GP).
 */
	.globl	x86_wrmsr_safe
x86_wrmsr_safe:
	mov	%edi, %ecx
	mov	%esi, %eax
	mov	%rsi, %rdx
	shr	$32, %rdx
wrmsr_may_fault:
	wrmsr
	mov	$1, %eax
	ret
may_fault_did:
	xor	%eax, %eax
	ret

/* bool x86_xsetbv_safe(uint32_t xcr, uint64_t value): likewise */
	.globl	x86_xsetbv_safe
x86_xsetbv_safe:
	mov	%edi, %ecx
	mov	%esi, %eax
	mov	%rsi, %rdx
	shr	$32, %rdx
xsetbv_may_fault:
	xsetbv
	mov	$1, %eax
	ret

/* #GP: at these instructions an answer, anywhere else a defect. */
	.globl	exception_gp
exception_gp:
	push	%rax
	lea	wrmsr_may_fault(%rip), %rax
	cmp	%rax, 16(%rsp)			/* above rax and the error code */
	je	2f
	lea	xsetbv_may_fault(%rip), %rax
	cmp	%rax, 16(%rsp)
	jne	1f
2:	lea	may_fault_did(%rip), %rax
	mov	%rax, 16(%rsp)
	pop	%rax
	add	$8, %rsp
	iretq
1:	pop	%rax
	jmp	exception_13

/* A stray interrupt while apic_reset() drains what is pending: acknowledge it by EOI in C. */
	.globl	exception_drain
exception_drain:
	push	%rax
	push	%rcx
	push	%rdx
	push	%rsi
	push	%rdi
	push	%r8
	push	%r9
	push	%r10
	push	%r11
	cld
	call	apic_drained
	pop	%r11
	pop	%r10
	pop	%r9
	pop	%r8
	pop	%rdi
	pop	%rsi
	pop	%rdx
	pop	%rcx
	pop	%rax
	iretq

/* Exceptions of the hypervisor itself: a defect of ours. */
	.altmacro
	.macro	stub number
exception_\number:
	.if	(\number == 8) || (\number >= 10 && \number <= 14) || (\number == 17) || (\number == 21) || (\number == 29) || (\number == 30)
	.else
	push	$0
	.endif
	push	$\number
	jmp	exception_common
	.endm
	.set	i, 0
	.rept	32
	stub	%i
	.set	i, i + 1
	.endr

exception_common:
	mov	%rsp, %rdi			/* number, error code, rip, cs, rflags, rsp */
	and	$-16, %rsp
	cld
	call	exception_fatal
	.globl	x86_halt
x86_halt:					/* for ever: interrupts are off, GIF is 0 */
	hlt
	jmp	x86_halt

	.section .rodata
	.balign	8
	.globl	exception_stubs
exception_stubs:
	.macro	stub_address number
	.quad	exception_\number
	.endm
	.set	i, 0
	.rept	32
	stub_address %i
	.set	i, i + 1
	.endr

	.section .note.GNU-stack, "", @progbits
