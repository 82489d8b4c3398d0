// SPDX-License-Identifier: GPL-2.0
/*
 * Damage for tests of "hvctl verify": each kind is one mistake that the hypervisor must never make.
 * Only in images that are built for fault injection.
 */
#include <image.h>
#include <inspect.h>
#include <page.h>
#include <vendor.h>
#include <x86.h>
#include <cloister/hypercall.h>

#ifdef CONFIG_FAULT_INJECT

static int64_t map(struct cell *cell, uint64_t phys)
{
	return paging_update(&cell->arch.npt, phys, phys, PAGE_SIZE, vendor_page_bits(CL_MEM_RAM));
}

/* Make the page of the hypervisor that contains virt writable, in the tables of this CPU. */
static int64_t make_writable(uint64_t virt)
{
	uint64_t table = local->cpu->id * AREA_PAGES + AREA_TOP;

	table = hv_phys + image_header.core_size + table * PAGE_SIZE;
	for (unsigned int level = read_cr4() & CR4_LA57 ? 5 : 4;; level--) {
		volatile uint64_t *entry = window(WINDOW_COPY, table & PTE_ADDRESS, PTE_RW);

		entry += virt >> (PAGE_SHIFT + 9 * (level - 1)) & 511;
		if (!(*entry & PTE_P))
			return -EINVAL;
		if (level == 1) {
			*entry |= PTE_RW;
			return 0;
		}
		table = *entry;
	}
}

static void allow_msr(unsigned char *bitmap, int bit)
{
	bitmap[bit / 8] &= (unsigned char)~(1U << bit % 8);
}

static int64_t direct_pin(uint64_t pin, uint32_t apic_id)
{
	const struct cl_irqchip *chip = &root_cell.arch.chips[0];
	volatile uint32_t *registers =
		window(WINDOW_MMIO, chip->address, PTE_RW | PTE_PCD | PTE_PWT);

	registers[0] = (uint32_t)(0x10 + 2 * pin + 1);
	registers[4] = apic_id << 24;
	registers[0] = (uint32_t)(0x10 + 2 * pin);
	registers[4] = 0x50;
	return 0;
}

int64_t arch_damage(uint64_t kind, uint64_t cell_id, uint64_t value)
{
	struct cell *cell = cell_id < CONFIG_MAX_CELLS ? cells[cell_id] : NULL;

	if (!cell)
		return -ENOENT;
	switch (kind) {
	case CL_DAMAGE_MAP:
		return map(cell, value & PAGE_MASK);
	case CL_DAMAGE_PORT:
		cell->arch.io_bitmap[(value & 0xffff) / 8] &= (unsigned char)~BIT(value % 8);
		return 0;
	case CL_DAMAGE_MSR:
		allow_msr(cell->arch.msr_bitmap, vendor_msr_bit(value & 0x1fff, false));
		allow_msr(cell->arch.msr_bitmap, vendor_msr_bit(value & 0x1fff, true));
		return 0;
	case CL_DAMAGE_WRITABLE:
		return make_writable(HV_BASE + (value & 0xfffff));
	case CL_DAMAGE_PIN:
		cell->arch.chips[0].pins[0] |= BIT(value & 63);
		return 0;
	case CL_DAMAGE_PCI:
		pci_move(cell, false);
		return 0;
	case CL_DAMAGE_CPU:
		cell->info->cpus[0] |= BIT(value & 63);
		return 0;
	case CL_DAMAGE_ENTRY:
		for_each_cpu_in(cell, i)
			return direct_pin(value & 63, cpus[i].hw_id);
		return -EINVAL;
	case CL_DAMAGE_FOREIGN:
		((uint64_t *)LOCAL_TABLE)[0] = (value & PTE_ADDRESS) | PTE_P | PTE_RW | PTE_NX;
		return 0;
	default:
		return -EINVAL;
	}
}

#endif
