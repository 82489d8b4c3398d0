// SPDX-License-Identifier: GPL-2.0
/*
 * IOAPICs: index and data register are emulated; a cell writes the redirection entries of its own
 * pins, to its own CPUs.
 */
#include <x86.h>

#define INDEX		0x00
#define DATA		0x10
#define REG_EOI		0x40
#define REG_REDIRECTION 0x10 /* two 32-bit registers per pin */
#define MAX_PINS	120
#define ENTRY_MASKED	BIT(16)

static struct lock hardware_lock;

/* The chip of this cell whose registers are at this address. */
static const struct cl_irqchip *find_chip(const struct cell *cell, uint64_t address)
{
	for (unsigned int i = 0; i < cell->arch.chip_count; i++)
		if ((address & PAGE_MASK) == cell->arch.chips[i].address)
			return &cell->arch.chips[i];
	return NULL;
}

static bool owns_pin(const struct cl_irqchip *chip, unsigned int pin)
{
	return pin < MAX_PINS && chip->pins[index_nospec(pin / 64, 2)] & BIT(pin % 64);
}

int ioapic_init_cell(struct cell *cell)
{
	const struct cl_section *section = cl_find_section(cell->config, CL_SEC_IRQCHIP);

	if (!section)
		return 0;
	if (section->count > MAX_CHIPS)
		return -ENOSPC;
	for (uint32_t i = 0; i < section->count; i++)
		cl_get_entry(section, i, &cell->arch.chips[i], sizeof(cell->arch.chips[i]));
	cell->arch.chip_count = section->count;
	return 0;
}

/* Pins of a new cell leave root, masked, and come back masked with its end. */
void ioapic_move(const struct cell *cell, bool to_cell)
{
	for (unsigned int i = 0; i < cell->arch.chip_count; i++) {
		const struct cl_irqchip *chip = &cell->arch.chips[i];
		volatile uint32_t *registers =
			window(WINDOW_MMIO, chip->address, PTE_RW | PTE_PCD | PTE_PWT);
		struct cl_irqchip *roots =
			(struct cl_irqchip *)find_chip(&root_cell, chip->address);

		for (unsigned int pin = 0; pin < MAX_PINS; pin++) {
			if (!owns_pin(chip, pin))
				continue;
			lock_take(&hardware_lock);
			registers[INDEX / 4] = REG_REDIRECTION + 2 * pin;
			registers[DATA / 4] = ENTRY_MASKED;
			lock_drop(&hardware_lock);
		}
		for (unsigned int word = 0; roots && word < ARRAY_SIZE(roots->pins); word++) {
			if (to_cell)
				roots->pins[word] &= ~chip->pins[word];
			else
				roots->pins[word] |= chip->pins[word];
		}
	}
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
	const struct cl_irqchip *chip = find_chip(cell, address);
	uint32_t index = cell->arch.ioapic_select & 0xff;
	unsigned int offset = address & 0xfff;

	if (!chip)
		return false;
	registers = window(WINDOW_MMIO, chip->address, PTE_RW | PTE_PCD | PTE_PWT);
	switch (offset) {
	case INDEX:
		if (write)
			cell->arch.ioapic_select = *value;
		else
			*value = cell->arch.ioapic_select;
		break;
	case DATA:
		if (index >= REG_REDIRECTION && !owns_pin(chip, (index - REG_REDIRECTION) / 2)) {
			if (write)
				cell_denied("IOAPIC pin", (index - REG_REDIRECTION) / 2, *value);
			*value = ENTRY_MASKED;
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
