// SPDX-License-Identifier: GPL-2.0
#include <page.h>
#include <paging.h>

#define LEVEL_SHIFT(level) (PAGE_SHIFT + 9 * ((level)-1))
#define LEVEL_SIZE(level)  (1UL << LEVEL_SHIFT(level))
#define MAX_LEVELS	   5

/* The size of the space that the tables translate. */
static uint64_t space_size(const struct paging *paging)
{
	return LEVEL_SIZE(paging->levels + 1) * paging->root_pages;
}

static unsigned int index_of(const struct paging *paging, uint64_t virt, unsigned int level)
{
	uint64_t index = virt >> LEVEL_SHIFT(level);

	return index & (level == paging->levels ? paging->root_pages * 512UL - 1 : 511);
}

static uint64_t *table_of(uint64_t entry)
{
	return phys_to_virt(entry & PTE_ADDRESS);
}

static bool is_table(uint64_t entry, unsigned int level)
{
	return pte_is_present(entry) && !pte_is_leaf(entry, level);
}

int paging_init(struct paging *paging, unsigned int levels, unsigned int root_pages,
		unsigned int leaf_level, uint64_t table_bits)
{
	paging->root = page_alloc_aligned(root_pages);
	paging->levels = levels;
	paging->root_pages = root_pages;
	paging->leaf_level = leaf_level;
	paging->table_bits = table_bits;
	paging->splitting = false;
	return paging->root ? 0 : -ENOMEM;
}

/*
 * Replace a large page by a table that maps the same. Where the architecture wants the entry to be
 * invalid in between, a guest that faults just then tries again: it sees `splitting`, or the table.
 */
static int paging_split(struct paging *paging, uint64_t *entry, unsigned int level)
{
	uint64_t *table = page_alloc(1);
	uint64_t step = LEVEL_SIZE(level - 1);
	uint64_t leaf = *entry;

	if (!table)
		return -ENOMEM;
	for (unsigned int i = 0; i < 512; i++)
		table[i] =
			pte_leaf((leaf & PTE_ADDRESS) + i * step, level - 1, leaf & ~PTE_ADDRESS);
	__atomic_store_n(&paging->splitting, true, __ATOMIC_SEQ_CST);
	pte_replace_leaf(entry, virt_to_phys(table) | paging->table_bits);
	__atomic_store_n(&paging->splitting, false, __ATOMIC_SEQ_CST);
	return 0;
}

int paging_update(struct paging *paging, uint64_t virt, uint64_t phys, uint64_t size, uint64_t bits)
{
	if (size > space_size(paging) || virt > space_size(paging) - size)
		return -ERANGE;
	while (size) {
		uint64_t *table = paging->root;
		unsigned int level = paging->levels;
		uint64_t done;

		for (;;) {
			uint64_t *entry = &table[index_of(paging, virt, level)];
			uint64_t step = LEVEL_SIZE(level);
			bool whole = !(virt & (step - 1)) && size >= step;
			int err;

			done = step - (virt & (step - 1));
			if (bits ? whole && level <= paging->leaf_level && !(phys & (step - 1)) &&
					    !is_table(*entry, level)
				 : !pte_is_present(*entry) || (whole && !is_table(*entry, level))) {
				WRITE_ONCE(*entry, bits ? pte_leaf(phys, level, bits) : 0);
				break;
			}
			if (!pte_is_present(*entry)) {
				uint64_t *next = page_alloc(1);

				if (!next)
					return -ENOMEM;
				pte_publish();
				WRITE_ONCE(*entry, virt_to_phys(next) | paging->table_bits);
			} else if (!is_table(*entry, level)) {
				err = paging_split(paging, entry, level);
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
	pte_publish();
	return 0;
}

uint64_t paging_lookup(const struct paging *paging, uint64_t virt, uint64_t *page_size)
{
	const uint64_t *table = paging->root;

	if (virt >= space_size(paging))
		return 0; /* its low bits would be another address */
	for (unsigned int level = paging->levels; level; level--) {
		uint64_t entry = table[index_of(paging, virt, level)];

		if (!pte_is_present(entry))
			return 0;
		if (pte_is_leaf(entry, level)) {
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
		unsigned int pages = level == paging->levels ? paging->root_pages : 1;
		uint64_t entry;

		if (position[level] == pages * 512) {
			page_free(stack[level], pages);
			level++;
			continue;
		}
		entry = stack[level][position[level]++];
		if (is_table(entry, level)) {
			level--;
			stack[level] = table_of(entry);
			position[level] = 0;
		}
	}
	paging->root = NULL;
}
