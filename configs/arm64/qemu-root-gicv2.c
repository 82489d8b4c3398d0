// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0
/*
 * Root cell: QEMU's virt machine with GICv2 and 1 to 4 GiB of RAM (-M virt,virtualization=on,
 * gic-version=2 -m 1G .. 4G).
 *
 * RAM is named generously: where a smaller machine has no RAM, root sees what is really there. Left
 * out are the interrupt controller's distributor, which the hypervisor emulates, and CPU interfaces,
 * of which the root cell has the virtual ones.
 */
#include <cloister/config.h>

#ifndef POOL_SIZE
#define POOL_SIZE 0x3e00000
#endif

CLOISTER_CELL(.name = "qemu-root", .flags = CL_CELL_ROOT);

CLOISTER_PLATFORM(
	.hv_phys = CL_AUTO, .hv_size = 0x200000,
	.pool_phys = CL_AUTO, .pool_size = POOL_SIZE,
	.ecam_phys = 0x4010000000, .ecam_last_bus = 255,
	/* Linux' ttyAMA0 */
	.console_type = CL_CONSOLE_PL011, .console_address = 0x9000000);

#define DEVICES(start, end) \
	{ start, start, (end) - (start), CL_MEM_READ | CL_MEM_WRITE | CL_MEM_IO }

CLOISTER_MEMORY(
	/* flash */
	DEVICES(0x0, 0x8000000),
	/* the frame for messages (GICv2m) */
	DEVICES(0x8020000, 0x8021000),
	/* UARTs, clock, GPIO, firmware configuration, SMMU, virtio, platform bus */
	DEVICES(0x9000000, 0x10000000),
	/* PCI: registers, ports */
	DEVICES(0x10000000, 0x3f000000),
	{ 0x40000000, 0x40000000, 0x100000000, CL_MEM_RAM },
	/* PCI: registers above RAM */
	DEVICES(0x8000000000, 0x10000000000));

CLOISTER_GIC(
	.version = 2, .maintenance_irq = 25, .dist_phys = 0x8000000,
	.cpu_phys = 0x8010000, .hyp_phys = 0x8030000, .vcpu_phys = 0x8040000);

/* all shared interrupts */
#define ALL ~0ULL
CLOISTER_IRQCHIP({ 0x8000000, { ALL, ALL }, 32 },
		 { 0x8000000, { ALL, ALL }, 160 });
