/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
/*
 * Run an inmate on a machine of its own, as a multiboot kernel: put image and command line where
 * they belong, make up a comm region, and jump. It stands for the hypervisor's part in starting a
 * cell, and nothing more.
 */
#define MULTIBOOT_MAGIC	0x1badb002
#define MULTIBOOT_FLAGS	0
#define INFO_CMDLINE	16	/* offset in the multiboot information */

#define INMATE_ADDRESS	0x10000
#define CMDLINE_ADDRESS	0x1000
#define CMDLINE_SIZE	0x1000

	.section .multiboot, "a"
	.balign	4
	.long	MULTIBOOT_MAGIC, MULTIBOOT_FLAGS, -(MULTIBOOT_MAGIC + MULTIBOOT_FLAGS)

	.text
	.globl boot
boot:
	cli
	cld
	lgdt	gdt_pointer
	ljmp	$0x08, $1f
1:	mov	$0x10, %eax
	mov	%eax, %ds
	mov	%eax, %es
	mov	%eax, %ss
	/* the firmware's timer interrupt is nobody's business in a cell: mask the PICs */
	mov	$0xff, %al
	outb	%al, $0x21
	outb	%al, $0xa1
#ifdef X2APIC
	mov	$0x1b, %ecx
	rdmsr
	or	$0x400, %eax
	wrmsr
#endif
	/* skip the kernel's name, which goes before the command line */
	mov	INFO_CMDLINE(%ebx), %esi
2:	lodsb
	cmp	$' ', %al
	je	3f
	test	%al, %al
	jnz	2b
	dec	%esi
3:	mov	$CMDLINE_ADDRESS, %edi
	mov	$CMDLINE_SIZE, %ecx
	rep movsb
	mov	$inmate, %esi
	mov	$INMATE_ADDRESS, %edi
	mov	$inmate_end - inmate, %ecx
	rep movsb
	mov	$comm, %ebx
	mov	$INMATE_ADDRESS, %eax
	jmp	*%eax

	.data
	.balign	4096
comm:	/* struct cl_comm */
	.ascii	"CLSTCOMM"
	.long	1, 0		/* abi_version, tsc_khz */
	.long	0, 0		/* message, cell_state */
	.long	NR_CPUS		/* cpu_count */
#ifdef X2APIC
	.long	1		/* flags: CL_COMM_X2APIC */
#else
	.long	0
#endif
	.long	0, 1, 2, 3, 4, 5, 6, 7
	.balign	4096
gdt:	.quad	0, 0x00cf9b000000ffff, 0x00cf93000000ffff
gdt_pointer:
	.word	. - gdt - 1
	.long	gdt
inmate:	.incbin	INMATE
inmate_end:
	.section .note.GNU-stack, "", @progbits
