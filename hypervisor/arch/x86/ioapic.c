// SPDX-License-Identifier: GPL-2.0
/*
 * IOAPICs: index and data register are emulated; a cell writes the redirection entries of its own
 * pins, to its own CPUs.
 */
#include <x86.h>

#define INDEX	 0x00
#define DATA	 0x10
#define REG_EOI	 0x40
#define REG_REDIRECTION 0x10 /* two 32-bit registers per pin */
#define MAX_PINS 120

static struct lock hardware_lock;

/* The chip of this cell whose registers are at this address. */
static bool find_chip(const struct cell *cell, uint64_t address, struct cl_irqchip *chip)
{
	const struct cl_section *section = cl_find_section(cell->config, CL_SEC_IRQCHIP);

	for (uint32_t i = 0; section && i < section->count; i++) {
		cl_get_entry(section, i, chip, sizeof(*chip));
		if ((address & PAGE_MASK) == chip->address)
			return true;
	}
	return false;
}

static bool owns_pin(const struct cell *cell, const struct cl_irqchip *chip, unsigned int pin)
{
	if (pin >= MAX_PINS || !(chip->pins[pin / 64] & BIT(pin % 64)))
		return false;
	if (cell != &root_cell)
		return true;
	/* Root has all that its config names, as long as no other cell has it. */
	for (unsigned int i = 1; i < CONFIG_MAX_CELLS; i++) {
		struct cl_irqchip other;

		if (cells[i] && find_chip(cells[i], chip->address, &other) &&
		    other.pins[pin / 64] & BIT(pin % 64))
			return false;
	}
	return true;
}

/*
 * May the cell put this into a redirection entry? Low half: delivery mode fixed or lowest priority,
 * physical destination; high half: one of its CPUs. Root's entries can hold what firmware and the
 * interrupt remapping unit want.
 */
static bool entry_allowed(const struct cell *cell, unsigned int index, uint32_t value)
{
	unsigned int dest = value >> 24;

	if (cell == &root_cell)
		return true;
	if (index & 1)
		return !(value & 0xffffff) && cpu_of_apic_id[dest] != 0xff &&
		       cell_has_cpu(cell, cpu_of_apic_id[dest]);
	return (value >> 8 & 7) <= 1 && !(value & BIT(11));
}

bool ioapic_access(struct cell *cell, uint64_t address, bool write, uint32_t *value)
{
	volatile uint32_t *registers;
	struct cl_irqchip chip;
	uint32_t index = cell->arch.ioapic_select & 0xff;
	unsigned int offset = address & 0xfff;

	if (!find_chip(cell, address, &chip))
		return false;
	registers = window(WINDOW_MMIO, chip.address, PTE_RW | PTE_PCD | PTE_PWT);
	switch (offset) {
	case INDEX:
		if (write)
			cell->arch.ioapic_select = *value;
		else
			*value = cell->arch.ioapic_select;
		break;
	case DATA:
		if (index >= REG_REDIRECTION &&
		    !owns_pin(cell, &chip, (index - REG_REDIRECTION) / 2)) {
			if (write)
				cell_denied("IOAPIC pin", (index - REG_REDIRECTION) / 2, *value);
			*value = 0x10000; /* masked */
			break;
		}
		if (write && index < REG_REDIRECTION && cell != &root_cell)
			break;
		if (write && index >= REG_REDIRECTION && !entry_allowed(cell, index, *value)) {
			cell_denied("IOAPIC entry", index, *value);
			break;
		}
		lock_take(&hardware_lock);
		registers[INDEX / 4] = index;
		if (write)
			registers[DATA / 4] = *value;
		else
			*value = registers[DATA / 4];
		lock_drop(&hardware_lock);
		break;
	case REG_EOI:
		if (write && cell == &root_cell)
			registers[REG_EOI / 4] = *value;
		break;
	default:
		*value = 0;
	}
	return true;
}
