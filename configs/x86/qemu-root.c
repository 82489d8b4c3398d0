// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0
/*
 * Root cell: QEMU's q35 machine with 1 to 4 GiB of RAM (-M q35 -m 1G .. 4G).
 *
 * RAM is named generously: where a smaller machine has no RAM, root sees what is really there, and
 * the guest's own page attributes decide about caching, as they do without the hypervisor.
 */
#include <cloister/config.h>

#ifndef POOL_SIZE
/* with the hypervisor half of one memory block of 128 MiB */
#define POOL_SIZE 0x3e00000
#endif

CLOISTER_CELL(.name = "qemu-root", .flags = CL_CELL_ROOT);

CLOISTER_PLATFORM(
	.hv_phys = CL_AUTO, .hv_size = 0x200000,
	.pool_phys = CL_AUTO, .pool_size = POOL_SIZE,
	.ecam_phys = 0xb0000000, .ecam_first_bus = 0, .ecam_last_bus = 255,
	.console_type = CL_CONSOLE_16550_PIO, .console_address = 0x3f8);

#define RAM(start, end) { start, start, (end) - (start), CL_MEM_RAM }
#define DEVICES(start, end) \
	{ start, start, (end) - (start), CL_MEM_READ | CL_MEM_WRITE | CL_MEM_IO }

CLOISTER_MEMORY(
	RAM(0x0, 0x80000000),
	/* PCI devices, on both sides of the memory-mapped configuration space */
	DEVICES(0x80000000, 0xb0000000),
	DEVICES(0xc0000000, 0xfec00000),
	/* behind the IOAPIC: HPET, IOMMU, chipset */
	DEVICES(0xfec01000, 0xfee00000),
	/* behind the local APIC: flash, from which firmware runs */
	{ 0xfee01000, 0xfee01000, 0x11ff000,
	  CL_MEM_READ | CL_MEM_WRITE | CL_MEM_EXECUTE | CL_MEM_IO },
	/* RAM above 4 GiB, and behind it the 64-bit window for PCI devices */
	RAM(0x100000000, 0x980000000));

/* all of them: what belongs to cells and PCI configuration is moderated by the hypervisor */
CLOISTER_PIO({ 0x0, 0x10000 });

CLOISTER_IRQCHIP({ 0xfec00000, { 0xffffff, 0 } });
