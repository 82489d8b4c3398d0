/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
/*
 * Entry of the first CPU in 32-bit protected mode, of the others in real mode, and the way of all of
 * them to 64-bit mode.
 */

#define CS32	0x08
#define DS	0x10
#define CS64	0x18

#define CR0_PE	0x00000001
#define CR0_PG	0x80000000
#define CR4_PAE	0x20
#define EFER	0xc0000080
#define EFER_LME 0x100

#define PTE_TABLE 0x003	/* present, writable */
#define PTE_PAGE  0x083	/* ... 2 MiB page */
#define PTE_UC	  0x018	/* PCD, PWT */
#define APIC_PD_ENTRY (0xfee00000 >> 21)

/* Stack of each CPU: STACK_SIZE in internal.h; AP_TRAMPOLINE: in smp.c as well */
#define STACK_SHIFT 13
#define AP_TRAMPOLINE 0x3000

	.section .boot, "ax"
	.code32
	.globl inmate_entry
inmate_entry:
	/* EBX: guest-physical address of the comm region, or 0 */
	cld
	mov	$bss_start, %edi
	mov	$bss_end, %ecx
	sub	%edi, %ecx
	xor	%eax, %eax
	rep stosb

	/* first 4 GiB one to one: four page directories behind one another */
	mov	$page_dirs, %edi
	mov	$PTE_PAGE, %eax
	mov	$2048, %ecx
1:	mov	%eax, (%edi)
	add	$0x200000, %eax
	add	$8, %edi
	loop	1b
	orl	$PTE_UC, page_dirs + 8 * APIC_PD_ENTRY
	mov	$page_dirs + PTE_TABLE, %eax
	mov	$pdpt, %edi
	mov	$4, %ecx
1:	mov	%eax, (%edi)
	add	$0x1000, %eax
	add	$8, %edi
	loop	1b
	movl	$pdpt + PTE_TABLE, pml4

	mov	$stack_top, %esp
	mov	$start64, %edi

/* EBX: comm region, ESP: stack, EDI: where to go in 64-bit mode */
to_64bit:
	lgdt	gdt_pointer
	mov	%cr4, %eax
	or	$CR4_PAE, %eax
	mov	%eax, %cr4
	mov	$pml4, %eax
	mov	%eax, %cr3
	mov	$EFER, %ecx
	rdmsr
	or	$EFER_LME, %eax
	wrmsr
	mov	%cr0, %eax
	or	$CR0_PG, %eax
	mov	%eax, %cr0
	mov	$DS, %eax
	mov	%eax, %ds
	mov	%eax, %es
	mov	%eax, %ss
	xor	%eax, %eax
	mov	%eax, %fs
	mov	%eax, %gs
	ljmp	$CS64, $1f
	.code64
1:	mov	%edi, %edi
	jmp	*%rdi

start64:
	mov	%ebx, %edi
	call	inmate_start

/*
 * A CPU that smp_start() started: real mode, CS:IP = AP_TRAMPOLINE >> 4 : 0. This piece is copied
 * there, so nothing in it may be addressed by its label alone.
 */
	.code16
	.globl ap_trampoline, ap_trampoline_end
ap_trampoline:
	cli
	cld
	mov	%cs, %ax
	mov	%ax, %ds
	lgdtl	ap_gdt_pointer - ap_trampoline
	mov	%cr0, %eax
	or	$CR0_PE, %eax
	mov	%eax, %cr0
	ljmpl	$CS32, $ap_32bit
	.balign	4
ap_gdt_pointer:
	.word	gdt_end - gdt - 1
	.long	gdt
ap_trampoline_end:

	.code32
ap_32bit:
	mov	$DS, %eax
	mov	%eax, %ds
	mov	%eax, %ss
	/* each takes the next stack */
	mov	$1, %eax
	lock xadd %eax, ap_ticket
	inc	%eax
	shl	$STACK_SHIFT, %eax
	lea	ap_stacks(%eax), %esp
	mov	$ap_64bit, %edi
	jmp	to_64bit
	.code64
ap_64bit:
	call	arch_ap_start

	.data
	.balign	8
	.globl gdt
gdt:
	.quad	0
	.quad	0x00cf9b000000ffff	/* CS32 */
	.quad	0x00cf93000000ffff	/* DS */
	.quad	0x00af9b000000ffff	/* CS64 */
gdt_end:
gdt_pointer:
	.word	gdt_end - gdt - 1
	.long	gdt
	.globl ap_ticket
	.balign	4
ap_ticket:
	.long	0

	.bss
	.balign	4096
pml4:	.space	4096
pdpt:	.space	4096
page_dirs:
	.space	4 * 4096
	.balign	1 << STACK_SHIFT
	.space	1 << STACK_SHIFT
stack_top:
	/* CL_COMM_MAX_CPUS of them */
ap_stacks:
	.space	64 << STACK_SHIFT

	.section .note.GNU-stack, "", @progbits
