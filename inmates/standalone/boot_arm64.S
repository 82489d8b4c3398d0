/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
/*
 * Run an inmate on a machine of its own, QEMU's virt: make up a comm region, and jump. It stands for
 * the hypervisor's part in starting a cell, and nothing more. There is no RAM at CL_INMATE_ADDRESS,
 * so the inmate is linked for another one.
 */
	.text
	.globl boot
boot:
	adr	x0, comm
	mrs	x1, cntfrq_el0
	mov	x2, #1000
	udiv	x1, x1, x2
	str	w1, [x0, #12]
	ldr	x1, =inmate
	br	x1
	.ltorg

	.data
	.balign	4096
comm:	/* struct cl_comm */
	.ascii	"CLSTCOMM"
	.long	1, 0		/* abi_version, tsc_khz */
	.long	0, 0		/* message, cell_state */
	.long	NR_CPUS, 0	/* cpu_count, flags */
	.long	0, 1, 2, 3, 4, 5, 6, 7
	.org	comm + 32 + 4 * 64
	.quad	0		/* heartbeat */
	.quad	0x08000000	/* gic_dist */
#if GIC == 2
	.quad	0x08010000	/* gic_cpu */
#else
	.quad	0x080a0000
#endif
	.long	GIC, 0		/* gic_version */

	.section .inmate, "awx"
inmate:	.incbin	INMATE
	.section .note.GNU-stack, "", @progbits
