// SPDX-License-Identifier: GPL-2.0
#include <arch.h>
#include <inspect.h>
#include <page.h>
#include <paging_format.h>
#include <pci.h>

/* More than any machine needs; bounds the walk over root's tables. */
#define INSPECT_MAX (4UL << 20)

/* In the caller's memory, which has been checked; a record never crosses a page. */
static void write_record(struct inspection *inspection)
{
	uint64_t address = inspection->phys + inspection->count * sizeof(inspection->last);
	uint64_t host;

	if (!inspection->last.kind)
		return;
	if (inspection->count++ >= inspection->capacity)
		return;
	host = arch_translate(&root_cell, address, CL_MEM_WRITE);
	memcpy((char *)arch_window(host & PAGE_MASK) + (host & ~PAGE_MASK), &inspection->last,
	       sizeof(inspection->last));
}

static bool is_memory(uint32_t kind)
{
	return kind == CL_INSPECT_MEMORY || kind == CL_INSPECT_HV_MAPPING ||
	       kind == CL_INSPECT_HV_WINDOW;
}

void inspect_add(struct inspection *inspection, const struct cl_inspect_record *record)
{
	struct cl_inspect_record *last = &inspection->last;

	if (last->kind == record->kind && last->cell == record->cell &&
	    last->access == record->access && last->index == record->index &&
	    last->start + last->size == record->start &&
	    (is_memory(record->kind) ? last->target + last->size == record->target
				     : last->target == record->target)) {
		last->size += record->size;
		return;
	}
	write_record(inspection);
	*last = *record;
}

/* Tables are read through a window: other CPUs' are not mapped here. */
static uint64_t read_entry(uint64_t table, uint64_t index)
{
	table += index / 512 * PAGE_SIZE;
	return ((volatile uint64_t *)arch_window(table))[index % 512];
}

bool inspect_next_mapping(uint64_t root, unsigned int levels, unsigned int root_pages,
			  struct mapping *mapping)
{
	uint64_t end = root_pages * (1UL << (PAGE_SHIFT + 9 * levels));

	while (mapping->virt < end) {
		uint64_t table = root, entry = 0, step = 0;

		mapping->set_in_all = ~0UL;
		mapping->set_in_any = 0;
		for (unsigned int level = levels; level; level--) {
			unsigned int shift = PAGE_SHIFT + 9 * (level - 1);
			uint64_t index = mapping->virt >> shift;

			step = 1UL << shift;
			entry = read_entry(table, level == levels ? index : index & 511);
			if (!pte_is_present(entry))
				break;
			mapping->set_in_all &= entry;
			mapping->set_in_any |= entry;
			if (pte_is_leaf(entry, level))
				break;
			table = entry & PTE_ADDRESS;
		}
		if (pte_is_present(entry)) {
			uint64_t offset = mapping->virt & (step - 1);

			mapping->phys = (entry & PTE_ADDRESS & ~(step - 1)) + offset;
			mapping->size = step - offset;
			return true;
		}
		mapping->virt = (mapping->virt | (step - 1)) + 1;
	}
	return false;
}

void inspect_pci(struct inspection *inspection, const struct cell *cell)
{
	struct cl_inspect_record functions = { .kind = CL_INSPECT_PCI,
					       .cell = cell->id,
					       .size = 1,
					       .access = CL_MEM_READ | CL_MEM_WRITE };

	for (functions.start = 0; functions.start < 65536; functions.start++)
		if (pci_owns(cell, (uint32_t)functions.start))
			inspect_add(inspection, &functions);
}

static void inspect_config(struct inspection *inspection, const struct cell *cell)
{
	struct cl_memory region;

	for_each_region(cell->config, i, region) {
		struct cl_inspect_record record = { .start = region.phys, .size = region.size };

		if (region.flags & CL_MEM_SHARED) {
			record.kind = CL_INSPECT_SHARED;
			record.cell = cell->id;
			inspect_add(inspection, &record);
		} else if (region.flags & CL_MEM_LOADABLE && cell->loadable) {
			record.kind = CL_INSPECT_LENT;
			record.cell = 0;
			record.access = CL_MEM_RAM;
			inspect_add(inspection, &record);
		}
	}
}

static void inspect_cpus(struct inspection *inspection, const struct cell *cell)
{
	for_each_cpu_in(cell, i) {
		struct cl_inspect_record record = { .kind = CL_INSPECT_CPU,
						    .cell = cell->id,
						    .start = i,
						    .size = 1,
						    .target = cpus[i].cell->id };

		inspect_add(inspection, &record);
	}
}

static void lend(struct inspection *inspection, uint32_t cell, const void *start, uint64_t size,
		 uint32_t access)
{
	struct cl_inspect_record record = { .kind = CL_INSPECT_LENT,
					    .cell = cell,
					    .start = virt_to_phys(start),
					    .size = size,
					    .access = access };

	inspect_add(inspection, &record);
}

static int64_t inspect_all(struct inspection *inspection)
{
	struct cl_inspect_record own = { .kind = CL_INSPECT_HV_MEMORY,
					 .cell = CL_NO_CELL,
					 .start = info.head.hv_phys,
					 .size = info.head.hv_size };

	inspect_add(inspection, &own);
	arch_inspect_hypervisor(inspection);
	lend(inspection, 0, &info, sizeof(info), CL_MEM_READ);
	for (unsigned int i = 0; i < CONFIG_MAX_CELLS; i++) {
		int err;

		if (!cells[i])
			continue;
		if (cells[i]->comm)
			lend(inspection, i, cells[i]->comm, PAGE_SIZE, CL_MEM_READ | CL_MEM_WRITE);
		inspect_config(inspection, cells[i]);
		inspect_cpus(inspection, cells[i]);
		err = arch_inspect_cell(inspection, cells[i]);
		if (err)
			return err;
	}
	write_record(inspection);
	return (int64_t)inspection->count;
}

int64_t cell_inspect(uint64_t phys, uint64_t size)
{
	struct inspection inspection = {
		.phys = phys,
		.capacity = size / sizeof(struct cl_inspect_record),
	};
	int64_t result;

	_Static_assert(64 == sizeof(struct cl_inspect_record), "whole ones fill a page");
	if (phys & ~PAGE_MASK || size & ~PAGE_MASK || size > INSPECT_MAX)
		return -EINVAL;
	if (!cell_management_begin())
		return -EAGAIN;
	for (uint64_t offset = 0; offset < size; offset += PAGE_SIZE) {
		if (arch_translate(&root_cell, phys + offset, CL_MEM_WRITE) == ~0UL) {
			cell_management_end();
			return -EINVAL;
		}
	}
	result = inspect_all(&inspection);
	arch_window_close();
	cell_management_end();
	return result;
}
