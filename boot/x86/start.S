/* SPDX-License-Identifier: GPL-2.0 */
/*
 * From a multiboot loader to main() in 64-bit mode, into the hypervisor, and to the payload. The
 * first 4 GiB are mapped one to one.
 */
#define MULTIBOOT_MAGIC	0x1badb002
#define MULTIBOOT_FLAGS	1	/* modules on page boundaries */

#define CS32	0x08
#define DS	0x10
#define CS64	0x18
#define TSS	0x20

#define CR0_PE	0x00000001
#define CR0_PG	0x80000000
#define CR4_PAE	0x20
#define EFER	0xc0000080
#define EFER_LME 0x100
#define EFER_NXE 0x800		/* the hypervisor expects it, Linux has it */
#define EFER_SVME 0x1000

#define PTE_TABLE 0x003		/* present, writable */
#define PTE_PAGE  0x083		/* ... 2 MiB page */

	.section .multiboot, "a"
	.balign	4
	.long	MULTIBOOT_MAGIC, MULTIBOOT_FLAGS, -(MULTIBOOT_MAGIC + MULTIBOOT_FLAGS)

	.text
	.code32
	.globl	boot
boot:
	cli
	cld
	/* the firmware's timer interrupt is nobody's business here: mask the PICs */
	mov	$0xff, %al
	outb	%al, $0x21
	outb	%al, $0xa1
	mov	$page_dirs, %edi
	mov	$PTE_PAGE, %eax
	mov	$2048, %ecx
1:	mov	%eax, (%edi)
	add	$0x200000, %eax
	add	$8, %edi
	loop	1b
	mov	$page_dirs + PTE_TABLE, %eax
	mov	$pdpt, %edi
	mov	$4, %ecx
1:	mov	%eax, (%edi)
	add	$0x1000, %eax
	add	$8, %edi
	loop	1b
	movl	$pdpt + PTE_TABLE, boot_tables
	lgdt	gdt_pointer
	mov	%cr4, %eax
	or	$CR4_PAE, %eax
	mov	%eax, %cr4
	mov	$boot_tables, %eax
	mov	%eax, %cr3
	mov	$EFER, %ecx
	rdmsr
	or	$EFER_LME | EFER_NXE, %eax
	wrmsr
	mov	%cr0, %eax
	or	$CR0_PG | CR0_PE, %eax
	mov	%eax, %cr0
	ljmp	$CS64, $1f
	.code64
1:	mov	$DS, %eax
	mov	%eax, %ds
	mov	%eax, %es
	mov	%eax, %ss
	xor	%eax, %eax
	mov	%eax, %fs
	mov	%eax, %gs
	lldt	%ax
	lea	tss(%rip), %rax		/* the descriptor's base */
	mov	%ax, gdt_tss + 2
	shr	$16, %rax
	mov	%al, gdt_tss + 4
	mov	%ah, gdt_tss + 7
	mov	$TSS, %eax
	ltr	%ax
	mov	$stack_top, %esp
	mov	%ebx, %edi
	call	boot_main
	ud2

/*
 * int boot_enter(uint64_t entry, bool amd): into the hypervisor, as include/cloister/image.h and the
 * driver's trampoline have it. Nothing here sends NMIs. Returns in the guest with 0, or on the bare
 * machine with an error.
 */
	.balign	4096
	.globl	boot_enter
boot_enter:
	push	%rbx
	push	%rbp
	push	%r12
	push	%r13
	push	%r14
	push	%r15
	mov	%rdi, %rax
	test	%sil, %sil
	jz	1f
	push	%rax
	mov	$EFER, %ecx
	rdmsr
	or	$EFER_SVME, %eax
	wrmsr
	pop	%rax
	clgi
1:	mov	gdt_tss, %r10
	mov	gdt_tss + 8, %r11
	xor	%r12d, %r12d
	xor	%r13d, %r13d
	xor	%r14d, %r14d
	xor	%r15d, %r15d
	xor	%edi, %edi
	mov	%rsp, %rsi
	lea	entered(%rip), %rdx
	mov	%cr3, %rcx
	jmp	*%rax

/* Back on the bare machine, on the hypervisor's tables: see x86_exit there. */
	.globl	boot_exit
boot_exit:
	mov	%rcx, %cr3
	mov	%rsi, %rsp
	mov	%r11d, %ss
	mov	%rdx, %r9
	push	%rdi
	lea	1f(%rip), %rax
	push	%rax
	lretq
1:	mov	$EFER, %ecx
	rdmsr
	test	$EFER_SVME, %eax
	jz	2f
	stgi
2:	mov	%r10, %rdx
	shr	$32, %rdx
	mov	%r10d, %eax
	wrmsr
	mov	%r8, %rax
	jmp	*%r9

entered:
	pop	%r15
	pop	%r14
	pop	%r13
	pop	%r12
	pop	%rbp
	pop	%rbx
	ret

/* void boot_payload(uint32_t entry, uint32_t ebx): in 32-bit mode without paging, as a cell starts. */
	.globl	boot_payload
boot_payload:
	mov	%esi, %ebx
	mov	%edi, %esi
	pushq	$CS32
	lea	1f(%rip), %rax
	push	%rax
	lretq
	.code32
1:	mov	%cr0, %eax
	and	$~CR0_PG, %eax
	mov	%eax, %cr0
	mov	$EFER, %ecx
	rdmsr
	and	$~(EFER_LME | EFER_NXE), %eax
	wrmsr
	mov	%cr4, %eax
	and	$~CR4_PAE, %eax
	mov	%eax, %cr4
	jmp	*%esi
	.code64

	.data
	.balign	8
gdt:	.quad	0, 0x00cf9b000000ffff, 0x00cf93000000ffff, 0x00af9b000000ffff
gdt_tss:
	.quad	0x0000890000000067, 0
gdt_pointer:
	.word	. - gdt - 1
	.long	gdt, 0

	.bss
	.balign	4096
	.globl	boot_tables
boot_tables:
	.space	4096
pdpt:	.space	4096
page_dirs:
	.space	4 * 4096
tss:	.space	104
	.balign	16
	.space	16384
stack_top:

	.section .note.GNU-stack, "", @progbits
