// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0
/*
 * Devices and memory that the cell's config gives it, and their limits. Command line, what= one of
 *
 *   rtc      IOAPIC pin 8 and ports 0x70-0x71: interrupts of the real-time clock; then a foreign
 * pin pci      PCI configuration space by ports and by ECAM (ecam=ADDRESS): what is to be seen, and
 *            what writes to own=DEVFN do
 *   edu      registers of QEMU's "edu" device at address=ADDRESS: number 1 is the cell's, 0 is not
 *   write, read  a word of shared memory at address=ADDRESS
 */
#include <inmate.h>

#define IOAPIC_ADDRESS 0xfec00000UL
#define RTC_PIN	       8U
#define RTC_VECTOR     0x40

static volatile unsigned int interrupts;

static void ioapic_write(uint32_t index, uint32_t value)
{
	mmio_write32(IOAPIC_ADDRESS, index);
	mmio_write32(IOAPIC_ADDRESS + 0x10, value);
}

static uint32_t ioapic_read(uint32_t index)
{
	mmio_write32(IOAPIC_ADDRESS, index);
	return mmio_read32(IOAPIC_ADDRESS + 0x10);
}

static uint8_t rtc_read(uint8_t reg)
{
	outb(0x70, reg);
	return inb(0x71);
}

static void rtc_write(uint8_t reg, uint8_t value)
{
	outb(0x70, reg);
	outb(0x71, value);
}

static void on_rtc(void)
{
	interrupts++;
	rtc_read(0x0c); /* which one it was; allows the next */
}

static void rtc(void)
{
	uint8_t old_b = rtc_read(0x0b);

	interrupt_handler(RTC_VECTOR, on_rtc);
	ioapic_write(0x10 + 2 * RTC_PIN + 1, apic_id() << 24);
	ioapic_write(0x10 + 2 * RTC_PIN, RTC_VECTOR);
	rtc_write(0x0a, 0x26);	       /* 1024 Hz */
	rtc_write(0x0b, old_b | 0x40); /* periodic interrupt */
	rtc_read(0x0c);
	while (interrupts < 20)
		wait_for_interrupt();
	rtc_write(0x0b, old_b);
	ioapic_write(0x10 + 2 * RTC_PIN, 0x10000);
	printf("devices: %u interrupts of pin %u\n", interrupts, RTC_PIN);

	/* To another cell's CPU, or as SMI: the entry stays as it was. */
	ioapic_write(0x10 + 2 * RTC_PIN + 1, (apic_id() ^ 1) << 24);
	printf("devices: pin %u destination is own: %d\n", RTC_PIN,
	       ioapic_read(0x10 + 2 * RTC_PIN + 1) >> 24 == apic_id());
	ioapic_write(0x10 + 2 * RTC_PIN, 0x10200 | RTC_VECTOR);
	printf("devices: pin %u entry 0x%x\n", RTC_PIN, ioapic_read(0x10 + 2 * RTC_PIN));
	/* Somebody else's pin. */
	ioapic_write(0x10 + 2 * 4, RTC_VECTOR);
	printf("devices: pin 4 entry 0x%x\n", ioapic_read(0x10 + 2 * 4));
}

static void found(uint8_t bus, uint8_t devfn, uint32_t ids)
{
	printf("devices: function %u:%u.%u is %04x:%04x\n", bus, devfn / 8U, devfn % 8U,
	       ids & 0xffff, ids >> 16);
}

static void pci(void)
{
	uint8_t own = (uint8_t)cmdline_number("own", 0);
	uintptr_t ecam = cmdline_number("ecam", 0);
	uint32_t bar = pci_read(0, own, 0x10);

	pci_scan(found);
	pci_write(0, own, 0x04, 0x07); /* command */
	printf("devices: command 0x%x\n", pci_read(0, own, 0x04) & 0xffff);
	pci_write(0, own, 0x10, 0x12340000);
	printf("devices: base address unchanged: %d\n", pci_read(0, own, 0x10) == bar);
	pci_write(0, 0x1f << 3, 0x04, 0);
	printf("devices: ECAM own 0x%x foreign 0x%x\n", mmio_read32(ecam + ((uintptr_t)own << 12)),
	       mmio_read32(ecam + (0x1fUL << 15)));
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
