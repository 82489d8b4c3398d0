/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The first instructions of a cell with Linux: from 32-bit protected mode, as cells start, to the
 * kernel's 64-bit entry (Documentation/arch/x86/boot.rst of Linux, "64-bit boot protocol"). hvctl
 * fills in address and kernel, and makes the page tables.
 */
#include <cloister/ports.h>
#include "linux_x86_boot.h"

#define CR0_PG	 0x80000000
#define CR4_PAE	 0x20
#define MSR_EFER 0xc0000080
#define EFER_LME 0x100

#define AT(label) (label - linux_entry)(%ebp)

	.section .rodata
	.balign 8
	.globl linux_entry, linux_entry_size, linux_entry_base, linux_entry_kernel
linux_entry:
	.code32
	.byte	0xbd			/* mov $address, %ebp */
address:
	.long	0
	leal	AT(gdt), %eax
	movl	%eax, AT(gdt_base)
	lgdtl	AT(gdt_limit)
	movl	%cr4, %eax
	orl	$CR4_PAE, %eax
	movl	%eax, %cr4
	leal	BOOT_PML4(%ebp), %eax
	movl	%eax, %cr3
	movl	$MSR_EFER, %ecx
	rdmsr
	orl	$EFER_LME, %eax
	wrmsr
	movl	%cr0, %eax
	orl	$CR0_PG, %eax
	movl	%eax, %cr0
	leal	AT(in_64bit), %eax
	movl	%eax, AT(far_pointer)
	ljmpl	*AT(far_pointer)

	.code64
in_64bit:
	movl	$BOOT_DS, %eax
	movl	%eax, %ds
	movl	%eax, %es
	movl	%eax, %ss
	movl	%ebp, %ebp		/* its upper half is not defined after a change of mode */
	leaq	BOOT_PARAMS(%rbp), %rsi
	jmp	*(kernel - linux_entry)(%rbp)

	.balign 8
gdt:
	.quad	0, 0
	.quad	0x00af9b000000ffff	/* BOOT_CS */
	.quad	0x00cf93000000ffff	/* BOOT_DS */
gdt_limit:
	.word	. - gdt - 1
gdt_base:
	.long	0
	.balign 4
far_pointer:
	.long	0
	.word	BOOT_CS
	.balign 8
kernel:
	.quad	0
entry_end:

linux_entry_size:
	.long	entry_end - linux_entry
linux_entry_base:
	.long	address - linux_entry
linux_entry_kernel:
	.long	kernel - linux_entry

/*
 * Where a PC's BIOS begins, at 0xffff0 in real mode: kernels that find a machine with reduced
 * hardware and no EFI try that for a restart, and not ACPI's register.
 */
	.globl linux_reset, linux_reset_size
linux_reset:
	.code16
	movw	$CL_PORT_RESET, %dx
	movb	$CL_RESET_VALUE, %al
	outb	%al, %dx
1:	hlt
	jmp	1b
reset_end:
	.balign 4
linux_reset_size:
	.long	reset_end - linux_reset

	.globl linux_dsdt, linux_dsdt_size
linux_dsdt:
	.incbin "linux_x86_dsdt.aml"
dsdt_end:
	.balign 4
linux_dsdt_size:
	.long	dsdt_end - linux_dsdt

	.section .note.GNU-stack, "", @progbits
