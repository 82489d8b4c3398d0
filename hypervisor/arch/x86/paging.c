// SPDX-License-Identifier: GPL-2.0
#include <page.h>
#include <paging.h>

#define LEVEL_SHIFT(level) (PAGE_SHIFT + 9 * ((level)-1))
#define LEVEL_SIZE(level)  (1UL << LEVEL_SHIFT(level))
#define MAX_LEVELS	   5

static unsigned int index_of(uint64_t virt, unsigned int level)
{
	return virt >> LEVEL_SHIFT(level) & 511;
}

static uint64_t *table_of(uint64_t entry)
{
	return phys_to_virt(entry & PTE_ADDRESS);
}

static bool is_leaf(uint64_t entry, unsigned int level)
{
	return level == 1 || entry & PTE_PS;
}

int paging_init(struct paging *paging, unsigned int levels, unsigned int leaf_level,
		uint64_t table_bits)
{
	paging->root = page_alloc(1);
	paging->levels = levels;
	paging->leaf_level = leaf_level;
	paging->table_bits = table_bits;
	return paging->root ? 0 : -ENOMEM;
}

/* Replace a large page by a table that maps the same. */
static int split(const struct paging *paging, uint64_t *entry, unsigned int level)
{
	uint64_t *table = page_alloc(1);
	uint64_t step = LEVEL_SIZE(level - 1);
	uint64_t leaf = *entry;

	if (!table)
		return -ENOMEM;
	if (level - 1 == 1)
		leaf &= ~PTE_PS;
	for (unsigned int i = 0; i < 512; i++)
		table[i] = leaf + i * step;
	/* One store: a CPU that walks the table at this moment sees the old or the new form. */
	WRITE_ONCE(*entry, virt_to_phys(table) | paging->table_bits);
	return 0;
}

int paging_update(struct paging *paging, uint64_t virt, uint64_t phys, uint64_t size, uint64_t bits)
{
	while (size) {
		uint64_t *table = paging->root;
		unsigned int level = paging->levels;
		uint64_t done;

		for (;;) {
			uint64_t *entry = &table[index_of(virt, level)];
			uint64_t step = LEVEL_SIZE(level);
			bool whole = !(virt & (step - 1)) && size >= step;
			bool is_table = *entry & PTE_P && !is_leaf(*entry, level);
			int err;

			done = step - (virt & (step - 1));
			if (bits ? whole && level <= paging->leaf_level && !(phys & (step - 1)) &&
					    !is_table
				 : !(*entry & PTE_P) || (whole && !is_table)) {
				uint64_t leaf = level > 1 ? PTE_PS : 0;

				WRITE_ONCE(*entry, bits ? phys | bits | leaf : 0);
				break;
			}
			if (!(*entry & PTE_P)) {
				uint64_t *next = page_alloc(1);

				if (!next)
					return -ENOMEM;
				WRITE_ONCE(*entry, virt_to_phys(next) | paging->table_bits);
			} else if (!is_table) {
				err = split(paging, entry, level);
				if (err)
					return err;
			}
			table = table_of(*entry);
			level--;
		}
		done = MIN(done, size);
		virt += done;
		phys += done;
		size -= done;
	}
	return 0;
}

uint64_t paging_lookup(const struct paging *paging, uint64_t virt, uint64_t *page_size)
{
	const uint64_t *table = paging->root;

	if (virt >> LEVEL_SHIFT(paging->levels + 1))
		return 0; /* more than the tables translate: its low bits would be another address */
	for (unsigned int level = paging->levels; level; level--) {
		uint64_t entry = table[index_of(virt, level)];

		if (!(entry & PTE_P))
			return 0;
		if (is_leaf(entry, level)) {
			*page_size = LEVEL_SIZE(level);
			return entry;
		}
		table = table_of(entry);
	}
	return 0;
}

void paging_exit(struct paging *paging)
{
	uint64_t *stack[MAX_LEVELS + 1] = { 0 };
	unsigned int position[MAX_LEVELS + 1] = { 0 };
	unsigned int level = paging->levels;

	if (!paging->root)
		return;
	stack[level] = paging->root;
	while (level <= paging->levels) {
		uint64_t entry;

		if (position[level] == 512) {
			page_free(stack[level], 1);
			level++;
			continue;
		}
		entry = stack[level][position[level]++];
		if (entry & PTE_P && !is_leaf(entry, level)) {
			level--;
			stack[level] = table_of(entry);
			position[level] = 0;
		}
	}
	paging->root = NULL;
}
