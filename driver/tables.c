// SPDX-License-Identifier: GPL-2.0
/*
 * Page tables for the entry. The formats of the architectures have in common that a table is a page
 * of 512 entries, and that the address of the next one is in the entry as it is.
 */
#include <linux/gfp.h>
#include <linux/io.h>
#include <linux/mm.h>
#include "driver.h"

/* Top, one more for 5 levels, and three below for each of two ranges. */
#define TABLES (CL_TABLES_SIZE / SZ_4K)
static u64 *tables;
static unsigned int used;

static u64 *next_table(void)
{
	return used < TABLES ? tables + 512 * used++ : NULL;
}

u64 *cl_tables_begin(void)
{
	tables = alloc_pages_exact(CL_TABLES_SIZE, GFP_KERNEL | __GFP_ZERO);
	used = 0;
	return tables ? next_table() : NULL;
}

u64 *cl_tables_entry(unsigned int levels, u64 virt, unsigned int level, u64 flags)
{
	u64 *table = tables;

	for (; levels > level; levels--) {
		u64 *entry = &table[virt >> (12 + 9 * (levels - 1)) & 511];

		if (!*entry) {
			u64 *next = next_table();

			if (!next)
				return NULL;
			*entry = virt_to_phys(next) | flags;
		}
		table = phys_to_virt(*entry & PAGE_MASK);
	}
	return &table[virt >> (12 + 9 * (level - 1)) & 511];
}

void cl_tables_end(void)
{
	if (tables)
		free_pages_exact(tables, CL_TABLES_SIZE);
	tables = NULL;
}
