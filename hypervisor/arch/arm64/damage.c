// SPDX-License-Identifier: GPL-2.0
/*
 * Damage for tests of "hvctl verify": each kind is one mistake that the hypervisor must never make.
 * Only in images that are built for fault injection.
 */
#include <arm64.h>
#include <image.h>
#include <inspect.h>
#include <page.h>
#include <pci.h>
#include <cloister/hypercall.h>

#ifdef CONFIG_FAULT_INJECT

/*
 * Make the page of the hypervisor that contains virt writable and executable, in the tables of this
 * CPU. (It will not be executed: SCTLR_EL2.WXN.)
 */
static int64_t make_writable(uint64_t virt)
{
	uint64_t table = hv_phys + image_header.core_size +
			 (local->cpu->id * AREA_PAGES + AREA_L0) * PAGE_SIZE;

	for (unsigned int level = 4;; level--) {
		volatile uint64_t *entry = arch_window(table & PTE_ADDRESS);

		entry += virt >> (PAGE_SHIFT + 9 * (level - 1)) & 511;
		if (!pte_is_present(*entry))
			return -EINVAL;
		if (level == 1) {
			*entry &= ~(PTE_RO | PTE_XN);
			return 0;
		}
		table = *entry;
	}
}

int64_t arch_damage(uint64_t kind, uint64_t cell_id, uint64_t value)
{
	struct cell *cell = cell_id < CONFIG_MAX_CELLS ? cells[cell_id] : NULL;
	struct cl_memory page = { .phys = value & PAGE_MASK,
				  .virt = value & PAGE_MASK,
				  .size = PAGE_SIZE,
				  .flags = CL_MEM_RAM };

	if (!cell)
		return -ENOENT;
	switch (kind) {
	case CL_DAMAGE_MAP:
		return arch_map(cell, &page);
	case CL_DAMAGE_WRITABLE:
		return make_writable(HV_BASE + (value & 0xfffff));
	case CL_DAMAGE_PIN:
		cell->arch.spis[value % GIC_INTIDS / 32] |= 1U << value % 32;
		return 0;
	case CL_DAMAGE_ENTRY:
		return gic_misdirect(cell, (unsigned int)(value % GIC_INTIDS));
	case CL_DAMAGE_PCI:
		pci_move(cell, false);
		return 0;
	case CL_DAMAGE_STREAM:
		return smmu_misdirect((uint32_t)value, cell);
	case CL_DAMAGE_BYPASS:
		return smmu_misdirect((uint32_t)value, NULL);
	case CL_DAMAGE_CPU:
		cell->info->cpus[0] |= BIT(value & 63);
		return 0;
	case CL_DAMAGE_FOREIGN:
		((volatile uint64_t *)LOCAL_TABLE)[0] = (value & PTE_ADDRESS) | PTE_VALID |
							PTE_TABLE | PTE_AF | PTE_INNER | PTE_AP1 |
							PTE_XN;
		pte_publish();
		return 0;
	default:
		return -EINVAL;
	}
}

#endif
