// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0
/*
 * Memory accesses by a device: QEMU's "edu", a PCI function of the cell. Command line: ecam=ADDRESS
 * of the function's configuration space, registers=ADDRESS of its base address 0. First the device
 * copies within the cell's memory, then it writes to the guest-physical address target=ADDRESS, or
 * with read=1 reads from there.
 */
#include <inmate.h>

#define COMMAND	    0x04
#define MEMORY	    0x02U
#define BUS_MASTER  0x04U
#define DMA_SOURCE  0x80
#define DMA_TARGET  0x88
#define DMA_COUNT   0x90
#define DMA_COMMAND 0x98
#define DMA_START   0x01U
#define DMA_TO_RAM  0x02U
#define BUFFER	    0x40000U /* in the device */

static uint32_t from[16], to[16];

static void copy(uintptr_t registers, uint32_t source, uint32_t target, uint32_t command)
{
	dsb();
	mmio_write32(registers + DMA_SOURCE, source);
	mmio_write32(registers + DMA_TARGET, target);
	mmio_write32(registers + DMA_COUNT, sizeof(from));
	mmio_write32(registers + DMA_COMMAND, command | DMA_START);
	while (mmio_read32(registers + DMA_COMMAND) & DMA_START)
		cpu_relax();
	dsb();
}

void inmate_main(void)
{
	uint64_t ecam = cmdline_number("ecam", 0), registers = cmdline_number("registers", 0);
	uint32_t target = (uint32_t)cmdline_number("target", 0), i, same = 0;

	map_registers(ecam);
	mmio_write32(ecam + COMMAND, MEMORY | BUS_MASTER);
	printf("dma: device 0x%x, command 0x%x\n", mmio_read32(ecam),
	       mmio_read32(ecam + COMMAND) & 0xffff);
	for (i = 0; i < 16; i++)
		from[i] = 0xd0a00000 + i;
	copy(registers, (uint32_t)(uintptr_t)from, BUFFER, 0);
	copy(registers, BUFFER, (uint32_t)(uintptr_t)to, DMA_TO_RAM);
	for (i = 0; i < 16; i++)
		same += ((volatile uint32_t *)to)[i] == from[i];
	printf("dma: %u of 16 words copied\n", same);
	if (cmdline_flag("read")) {
		copy(registers, target, BUFFER, 0);
		copy(registers, BUFFER, (uint32_t)(uintptr_t)to, DMA_TO_RAM);
		printf("dma: read 0x%x\n", *(volatile uint32_t *)to);
	} else {
		copy(registers, BUFFER, target, DMA_TO_RAM);
	}
	printf("dma: done\n");
}
