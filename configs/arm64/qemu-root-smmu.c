// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0
/*
 * Root cell: as qemu-root.c, on a machine with an SMMUv3 (-M virt,virtualization=on,gic-version=3,
 * iommu=smmuv3 -m 1G .. 4G), which keeps devices to the memory of their cells. Linux must not use
 * it: boot with initcall_blacklist=arm_smmu_driver_init deferred_probe_timeout=0.
 */
#include <cloister/config.h>

CLOISTER_CELL(.name = "qemu-root", .flags = CL_CELL_ROOT);

CLOISTER_PLATFORM(
	.hv_phys = CL_AUTO, .hv_size = 0x200000,
	.pool_phys = CL_AUTO, .pool_size = 0x3e00000,
	.ecam_phys = 0x4010000000, .ecam_last_bus = 255,
	/* Linux' ttyAMA0 */
	.console_type = CL_CONSOLE_PL011, .console_address = 0x9000000);

#define DEVICES(start, end) \
	{ start, start, (end) - (start), CL_MEM_READ | CL_MEM_WRITE | CL_MEM_IO }

CLOISTER_MEMORY(
	/* flash */
	DEVICES(0x0, 0x8000000),
	/* where devices send messages to, behind the registers of the ITS */
	DEVICES(0x8090000, 0x80a0000),
	/* UARTs, clock, GPIO, firmware configuration; virtio and platform bus behind the SMMU */
	DEVICES(0x9000000, 0x9050000),
	DEVICES(0x9070000, 0x10000000),
	/* PCI: registers, ports */
	DEVICES(0x10000000, 0x3f000000),
	{ 0x40000000, 0x40000000, 0x100000000, CL_MEM_RAM },
	/* PCI: registers above RAM */
	DEVICES(0x8000000000, 0x10000000000));

CLOISTER_GIC(
	.version = 3, .maintenance_irq = 25, .dist_phys = 0x8000000,
	.redist_phys = 0x80a0000, .redist_size = 0xf60000, .its_phys = { 0x8080000 });

CLOISTER_IOMMU({ .kind = CL_IOMMU_SMMUV3, .phys = 0x9050000 });

/* all shared interrupts */
#define ALL ~0ULL
CLOISTER_IRQCHIP({ 0x8000000, { ALL, ALL }, 32 },
		 { 0x8000000, { ALL, ALL }, 160 });
