// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0
/*
 * Devices and memory that the cell's config gives it, and their limits. Command line, what= one of
 *
 *   rtc	interrupts of a clock; then another destination, and somebody else's pin
 *   pci	PCI configuration space, on x86 by ports, and by ECAM (ecam=ADDRESS): what is to be
 *		seen, and what writes to own=DEVFN and foreign=DEVFN do
 *   edu	registers of QEMU's "edu" device at address=ADDRESS: 1 is the cell's, 0 is not
 *   write, read	a word of shared memory at address=ADDRESS
 */
#include <inmate.h>

static volatile unsigned int interrupts;

#include <devices_arch.h>

static void found(uint8_t bus, uint8_t devfn, uint32_t ids)
{
	printf("devices: function %u:%u.%u is %04x:%04x\n", bus, devfn / 8U, devfn % 8U,
	       ids & 0xffff, ids >> 16);
}

static void pci(void)
{
	uint8_t own = (uint8_t)cmdline_number("own", 0);
	uint8_t foreign = (uint8_t)cmdline_number("foreign", 0);
	uintptr_t ecam = cmdline_number("ecam", 0);
	uint32_t bar;

	map_registers(ecam);
	bar = pci_read(0, own, 0x10);
	pci_scan(found);
	pci_write(0, own, 0x04, 0x07); /* command */
	printf("devices: command 0x%x\n", pci_read(0, own, 0x04) & 0xffff);
	pci_write(0, own, 0x10, 0x12340000);
	printf("devices: base address unchanged: %d\n", pci_read(0, own, 0x10) == bar);
	pci_write(0, foreign, 0x04, 0);
	printf("devices: ECAM own 0x%x foreign 0x%x\n", mmio_read32(ecam + ((uintptr_t)own << 12)),
	       mmio_read32(ecam + ((uintptr_t)foreign << 12)));
}

static void edu(void)
{
	uintptr_t address = cmdline_number("address", 0);

	/* Register 1 answers with the complement of what was written. */
	mmio_write32(address + 4, 0x12345678);
	printf("devices: edu answers 0x%x\n", mmio_read32(address + 4));
	printf("devices: edu id 0x%x\n", mmio_read32(address));
}

void inmate_main(void)
{
	volatile uint32_t *word = (volatile uint32_t *)cmdline_number("address", 0);
	char what[8];

	cmdline_string("what", what, sizeof(what));
	switch (what[0]) {
	case 'r':
		if (what[1] == 't') {
			rtc();
			break;
		}
		while (*word != 0xc0ffee)
			cpu_relax();
		printf("devices: the word has arrived\n");
		*word = 0;
		break;
	case 'p':
		pci();
		break;
	case 'e':
		edu();
		break;
	case 'w':
		*word = 0xc0ffee;
		while (*word)
			cpu_relax();
		printf("devices: the word was taken\n");
		break;
	}
	printf("devices: done\n");
}
