/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
/* The real-time clock with IOAPIC pin 8 and ports 0x70-0x71; PCI is the library's, by ports. */
#ifndef DEVICES_ARCH_H
#define DEVICES_ARCH_H

#define IOAPIC_ADDRESS 0xfec00000UL
#define RTC_PIN	       8U
#define RTC_VECTOR     0x40

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
	ioapic_write(0x10 + 2 * 6, RTC_VECTOR);
	printf("devices: pin 6 entry 0x%x\n", ioapic_read(0x10 + 2 * 6));
}

static void map_registers(uint64_t address)
{
	(void)address; /* the first 4 GiB are mapped */
}

#endif
