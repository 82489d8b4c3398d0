// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0
/*
 * Interrupts by message of QEMU's "edu", a PCI function of the cell. Command line: own=DEVFN,
 * foreign=N for the APIC id of a CPU that is not the cell's. The size of its base address, its
 * interrupts, then messages that are not allowed. The last one stays switched on.
 */
#include <inmate.h>

#define VECTOR	   0x50U
#define FOR_CPU(n) (0xfee00000U | (uint32_t)(n) << 12)
#define ENABLE	   0x10000U /* in the capability's first word */
#define EDU_RAISE  0x60
#define EDU_ACK	   0x64

static uint8_t own, place;
static uintptr_t registers;
static volatile unsigned int interrupts;

static void on_message(void)
{
	mmio_write32(registers + EDU_ACK, 1);
	interrupts++;
}

static void set(unsigned int offset, uint32_t value)
{
	pci_write(0, own, (uint8_t)(place + offset), value);
}

static uint32_t get(unsigned int offset)
{
	return pci_read(0, own, (uint8_t)(place + offset));
}

/* Switched off, given a message, switched on: is it on then? */
static bool enable(uint32_t address, uint32_t high, uint32_t data)
{
	set(0, get(0) & ~ENABLE);
	set(4, address);
	set(8, high);
	set(12, data);
	set(0, get(0) | ENABLE);
	return get(0) & ENABLE;
}

static void raise(unsigned int count)
{
	while (interrupts < count) {
		unsigned int before = interrupts;

		mmio_write32(registers + EDU_RAISE, 1);
		while (interrupts == before)
			wait_for_interrupt();
	}
	printf("msi: %u interrupts\n", interrupts);
}

void inmate_main(void)
{
	uint32_t address, foreign = (uint32_t)cmdline_number("foreign", 0), mode;

	own = (uint8_t)cmdline_number("own", 0);
	address = pci_read(0, own, 0x10);
	registers = address;
	pci_write(0, own, 0x10, ~0U);
	printf("msi: base address 0x%x, size mask 0x%x", address, pci_read(0, own, 0x10));
	pci_write(0, own, 0x10, address);
	printf(", then 0x%x\n", pci_read(0, own, 0x10));
	pci_write(0, own, 0x04, 0x06); /* memory, bus master */
	for (place = pci_read(0, own, 0x34) & 0xfc; place && (get(0) & 0xff) != 0x05;)
		place = get(0) >> 8 & 0xfc;

	interrupt_handler(VECTOR, on_message);
	printf("msi: enabled: %d\n", enable(FOR_CPU(apic_id()), 0, VECTOR));
	raise(10);

	/* While it is on. */
	pci_write(0, own, 0x10, address + 0x100000);
	printf("msi: moved: %d\n", pci_read(0, own, 0x10) != address);
	set(4, FOR_CPU(foreign));
	printf("msi: foreign CPU: %d\n", get(4) != FOR_CPU(apic_id()));
	for (mode = 2; mode < 8; mode++)
		set(12, mode << 8 | VECTOR);
	printf("msi: mode: %d\n", (get(12) & 0xffff) != VECTOR);
	raise(20);

	/* What it is switched on with. */
	printf("msi: enabled for foreign CPU: %d\n", enable(FOR_CPU(foreign), 0, VECTOR));
	printf("msi: enabled for memory: %d\n", enable(0x100000, 0, VECTOR));
	printf("msi: enabled above 4 GiB: %d\n", enable(FOR_CPU(apic_id()), 1, VECTOR));
	printf("msi: enabled as SMI: %d\n", enable(FOR_CPU(apic_id()), 0, 0x200));
	printf("msi: enabled as NMI: %d\n", enable(FOR_CPU(apic_id()), 0, 0x400 | VECTOR));
	printf("msi: enabled as INIT: %d\n", enable(FOR_CPU(apic_id()), 0, 0x500));
	printf("msi: enabled as exception: %d\n", enable(FOR_CPU(apic_id()), 0, 14));
	printf("msi: enabled: %d\n", enable(FOR_CPU(apic_id()), 0, VECTOR));
	raise(30);
	printf("msi: done\n");
}
