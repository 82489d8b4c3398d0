// SPDX-License-Identifier: GPL-2.0
/* The RAM of a cell for Linux, and what is loaded into it. */
#include <stdlib.h>
#include <cloister/check.h>
#include "linux.h"

static bool is_ram(const struct cl_memory *region)
{
	return (region->flags & (CL_MEM_RAM | CL_MEM_LOADABLE | CL_MEM_IO)) ==
	       (CL_MEM_RAM | CL_MEM_LOADABLE);
}

static int by_address(const void *a, const void *b)
{
	const struct cl_memory *left = a, *right = b;

	return left->virt < right->virt ? -1 : left->virt > right->virt;
}

unsigned int linux_ram(const struct cl_config *config, struct cl_memory *ram, unsigned int max)
{
	const struct cl_section *section = cl_find_section(config, CL_SEC_MEMORY);
	unsigned int count = 0, merged = 0;
	uint32_t i;

	for (i = 0; section && i < section->count && count < max; i++) {
		cl_get_entry(section, i, &ram[count], sizeof(ram[count]));
		if (is_ram(&ram[count]))
			count++;
	}
	qsort(ram, count, sizeof(*ram), by_address);
	for (i = 1; i < count; i++) {
		if (ram[i].virt == ram[merged].virt + ram[merged].size)
			ram[merged].size += ram[i].size;
		else
			ram[++merged] = ram[i];
	}
	return count ? merged + 1 : 0;
}

/* Bytes from address to the end of the region that has it; all that there can be if none has. */
static uint64_t left_in_region(const struct cl_config *config, uint64_t address)
{
	const struct cl_section *section = cl_find_section(config, CL_SEC_MEMORY);
	struct cl_memory region;
	uint32_t i;

	for (i = 0; section && i < section->count; i++) {
		cl_get_entry(section, i, &region, sizeof(region));
		if (is_ram(&region) && address >= region.virt &&
		    address - region.virt < region.size)
			return region.size - (address - region.virt);
	}
	return UINT64_MAX;
}

void linux_add(struct linux_guest *g, const char *what, const void *data, size_t size,
	       uint64_t address)
{
	const char *bytes = data;

	while (size) {
		uint64_t room = left_in_region(g->config, address);
		size_t part = room < size ? (size_t)room : size;

		if (g->count == LINUX_PIECES)
			abort();
		g->pieces[g->count++] = (struct piece){ what, bytes, part, address };
		bytes += part;
		address += part;
		size -= part;
	}
}
