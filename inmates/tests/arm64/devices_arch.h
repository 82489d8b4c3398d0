/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
/* A clock, PL031 (ARM DDI 0224), with its interrupt; PCI configuration space by ECAM. */
#ifndef DEVICES_ARCH_H
#define DEVICES_ARCH_H

#define CLOCK	    0x9010000UL
#define CLOCK_DR    0x00 /* seconds */
#define CLOCK_MR    0x04 /* ... at which there is an interrupt */
#define CLOCK_IMSC  0x10
#define CLOCK_RIS   0x14
#define CLOCK_ICR   0x1c
#define CLOCK_INTID 34U
#define OTHER_INTID 33U /* of root's console */

#define GICD_ISENABLER 0x100
#define GICD_IROUTER   0x6000

/* It stays pending: masked here, it comes once more when that ends. */
static void on_clock(void)
{
	interrupts++;
	mmio_write32(CLOCK + CLOCK_IMSC, 0);
}

static void rtc(void)
{
	uintptr_t dist = comm->gic_dist, router = dist + GICD_IROUTER + 8 * CLOCK_INTID;

	while (!(mmio_read32(CLOCK + CLOCK_RIS) & 1))
		mmio_write32(CLOCK + CLOCK_MR, mmio_read32(CLOCK + CLOCK_DR));
	interrupt_handler(CLOCK_INTID, on_clock);
	while (interrupts < 20) {
		mmio_write32(CLOCK + CLOCK_IMSC, 1);
		wait_for_interrupt();
	}
	mmio_write32(CLOCK + CLOCK_IMSC, 0);
	mmio_write32(CLOCK + CLOCK_ICR, 1);
	printf("devices: %u interrupts of pin %u\n", interrupts, CLOCK_INTID);

	/* To another cell's CPU: the route stays as it was. */
	mmio_write32(router, cpu_hw_id() ^ 1);
	printf("devices: pin %u destination is own: %d\n", CLOCK_INTID,
	       mmio_read32(router) == cpu_hw_id());
	/* Somebody else's pin. */
	mmio_write32(dist + GICD_ISENABLER + 4, 1U << OTHER_INTID % 32);
	printf("devices: enabled pins 0x%x\n", mmio_read32(dist + GICD_ISENABLER + 4));
}

static uint32_t pci_read(uint8_t bus, uint8_t devfn, uint16_t offset)
{
	uintptr_t ecam = cmdline_number("ecam", 0);

	return mmio_read32(ecam + ((uintptr_t)bus << 20 | (uintptr_t)devfn << 12 | offset));
}

static void pci_write(uint8_t bus, uint8_t devfn, uint16_t offset, uint32_t value)
{
	uintptr_t ecam = cmdline_number("ecam", 0);

	mmio_write32(ecam + ((uintptr_t)bus << 20 | (uintptr_t)devfn << 12 | offset), value);
}

static void pci_scan(void (*found)(uint8_t bus, uint8_t devfn, uint32_t ids))
{
	for (unsigned int devfn = 0; devfn < 256; devfn++) {
		uint32_t ids = pci_read(0, (uint8_t)devfn, 0);

		if (ids != 0xffffffff)
			found(0, (uint8_t)devfn, ids);
	}
}

#endif
