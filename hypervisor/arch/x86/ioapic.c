// SPDX-License-Identifier: GPL-2.0
/*
 * IOAPICs: index and data register are emulated; a cell writes the redirection entries of its own
 * pins, to its own CPUs.
 */
#include <audit.h>
#include <vendor.h>
#include <x86.h>

#define INDEX		0x00
#define DATA		0x10
#define REG_EOI		0x40
#define REG_VERSION	0x01
#define REG_ARBITRATION 0x02 /* after id and version; nothing from here to the entries */
#define REG_REDIRECTION 0x10 /* two 32-bit registers per pin */
#define MAX_PINS	120
/* Low half: delivery mode, destination mode. High half: format of the interrupt remapping unit. */
#define ENTRY_MODE(low)	 ((low) >> 8 & 7)
#define ENTRY_LOGICAL	 BIT(11)
#define ENTRY_REMAPPABLE BIT(16)
#define MODE_EXTINT	 7

/* Of a chip that has no pins but the virtual ones: 24 pins, as the usual ones have, and an EOI
 * register. */
#define VIRTUAL_VERSION 0x170020

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

static uint32_t read_register(volatile uint32_t *registers, unsigned int index)
{
	registers[INDEX / 4] = index;
	return registers[DATA / 4];
}

uint64_t ioapic_entry(uint64_t chip, unsigned int pin)
{
	volatile uint32_t *registers = window(WINDOW_MMIO, chip, PTE_RW | PTE_PCD | PTE_PWT);
	uint64_t entry;

	lock_take(&hardware_lock);
	entry = read_register(registers, REG_REDIRECTION + 2 * pin);
	entry |= (uint64_t)read_register(registers, REG_REDIRECTION + 2 * pin + 1) << 32;
	lock_drop(&hardware_lock);
	return entry;
}

int ioapic_init_cell(struct cell *cell)
{
	const struct cl_section *section = cl_find_section(cell->config, CL_SEC_IRQCHIP);

	if (!section)
		return 0;
	if (section->count > MAX_CHIPS)
		return cell_refuse(ENOSPC, "interrupt controller", "address", section->count,
				   MAX_CHIPS, "at most @ interrupt controllers in one config");
	for (uint32_t i = 0; i < section->count; i++)
		cl_get_entry(section, i, &cell->arch.chips[i], sizeof(cell->arch.chips[i]));
	cell->arch.chip_count = section->count;
	return 0;
}

/*
 * Pins of a new cell leave root, masked, and come back masked with its end. A cell's go to its
 * first CPU until it says otherwise: what the former owner had there is not its own.
 */
void ioapic_move(const struct cell *cell, bool to_cell)
{
	struct cl_cpu first;

	cl_get_entry(cl_find_section(cell->config, CL_SEC_CPUS), 0, &first, sizeof(first));
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
			registers[DATA / 4] = IOAPIC_MASKED;
			registers[INDEX / 4] = REG_REDIRECTION + 2 * pin + 1;
			registers[DATA / 4] = to_cell ? cpus[first.id].hw_id << 24 : 0;
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
 * physical destination; high half: one of its CPUs.
 *
 * Root: an entry that is not masked can have ExtINT, too, and a logical destination, as no other
 * cell's CPU has a logical id. What is in the format of the interrupt remapping unit names an entry
 * of a table in root's memory, which we do not see.
 */
bool ioapic_entry_allowed(const struct cell *cell, unsigned int index, uint32_t value,
			  uint32_t other_half)
{
	uint32_t low = index & 1 ? other_half : value, high = index & 1 ? value : other_half;
	bool own_cpu = cell_has_apic(cell, (uint8_t)(high >> 24));

	if (cell == &root_cell) {
		if (low & IOAPIC_MASKED || high & ENTRY_REMAPPABLE)
			return true;
		return (ENTRY_MODE(low) <= 1 || ENTRY_MODE(low) == MODE_EXTINT) &&
		       (low & ENTRY_LOGICAL || own_cpu);
	}
	if (index & 1)
		return !(value & 0xffffff) && own_cpu;
	return ENTRY_MODE(value) <= 1 && !(value & ENTRY_LOGICAL);
}

/* Root and a pin that it does not have. */
static bool audited_pin(const struct cell *cell, const struct cl_irqchip *chip, unsigned int pin,
			bool write)
{
	return cell == &root_cell && pin < MAX_PINS &&
	       audit_access(CL_AUDIT_PIN, chip->address + pin,
			    write ? CL_AUDIT_WRITE : CL_AUDIT_READ, guest_rip()) == AUDIT_ALLOW;
}

/*
 * Is a pin masked, and stays so with this write? Then its refusal is not worth a line: operating
 * systems mask what they find before they use any.
 */
static bool stays_masked(unsigned int index, uint32_t value, uint32_t other_half)
{
	return (index & 1 ? other_half : value) & IOAPIC_MASKED;
}

/* The data register of what no hardware is behind. */
static void virtual_access(struct cell *cell, bool write, unsigned int index, uint32_t *value)
{
	unsigned int pin = (index - REG_REDIRECTION) / 2;

	if (index < REG_REDIRECTION) {
		*value = index == REG_VERSION ? VIRTUAL_VERSION : 0;
	} else if (!vpin_is(cell, CL_VUART_CHIP, pin)) {
		if (write && !stays_masked(index, *value, IOAPIC_MASKED))
			cell_denied("IOAPIC pin", pin, *value);
		*value = IOAPIC_MASKED;
	} else if (!write) {
		*value = vpin_read(cell, index);
	} else if (!vpin_write(cell, index, *value) &&
		   !stays_masked(index, *value, vpin_read(cell, index ^ 1))) {
		cell_denied("IOAPIC entry", index, *value);
	}
}

bool ioapic_access(struct cell *cell, uint64_t address, bool write, unsigned int size,
		   uint32_t *value)
{
	volatile uint32_t *registers;
	const struct cl_irqchip *chip = find_chip(cell, address);
	uint32_t index = cell->arch.ioapic_select & 0xff;
	unsigned int offset = address & 0xfff;
	uint32_t other_half = 0;
	bool virtual = false;
	bool allowed;

	/* In the four registers of the two virtual pins? */
	if (unlikely(!chip || index / 4 == (REG_REDIRECTION + 2 * CL_VUART_PIN) / 4))
		virtual = vpin_is(cell, address & PAGE_MASK, CL_VUART_PIN);
	if (unlikely(!chip && !virtual))
		return false;
	if (size != 4) {
		cell_denied("access of this size to IOAPIC", address, size);
		*value = ~0U;
		return true;
	}
	if (offset == INDEX) {
		if (write)
			cell->arch.ioapic_select = *value;
		else
			*value = cell->arch.ioapic_select;
		return true;
	}
	if (unlikely(virtual)) {
		if (offset == DATA)
			virtual_access(cell, write, index, value);
		else
			*value = 0;
		return true;
	}
	registers = window(WINDOW_MMIO, chip->address, PTE_RW | PTE_PCD | PTE_PWT);
	switch (offset) {
	case DATA:
		/* What other chips do with registers that they do not have nobody can say. */
		if (index > REG_ARBITRATION && index < REG_REDIRECTION) {
			*value = 0;
			break;
		}
		if (index >= REG_REDIRECTION && !owns_pin(chip, (index - REG_REDIRECTION) / 2) &&
		    !audited_pin(cell, chip, (index - REG_REDIRECTION) / 2, write)) {
			if (write && cell != &root_cell &&
			    !stays_masked(index, *value, IOAPIC_MASKED))
				cell_denied("IOAPIC pin", (index - REG_REDIRECTION) / 2, *value);
			*value = IOAPIC_MASKED;
			break;
		}
		if (write && index < REG_REDIRECTION && cell != &root_cell)
			break;
		lock_take(&hardware_lock);
		if (write && index >= REG_REDIRECTION)
			other_half = read_register(registers, index ^ 1);
		allowed = !write || index < REG_REDIRECTION ||
			  ioapic_entry_allowed(cell, index, *value, other_half);
		registers[INDEX / 4] = index;
		if (!write)
			*value = registers[DATA / 4];
		else if (allowed)
			registers[DATA / 4] = *value;
		lock_drop(&hardware_lock);
		if (!allowed && !stays_masked(index, *value, other_half))
			cell_denied("IOAPIC entry", index, *value);
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
