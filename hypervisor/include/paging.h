/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Page tables of 512 entries in the architecture's format: paging_format.h says what an entry looks
 * like. Level 1 has the smallest pages.
 */
#ifndef HV_PAGING_H
#define HV_PAGING_H

#include <hv.h>
#include <paging_format.h>

struct paging {
	uint64_t *root;
	unsigned int levels;
	unsigned int root_pages; /* more than one: tables side by side, a power of 2 */
	unsigned int leaf_level; /* largest page: 1 = 4 KiB, 2 = 2 MiB, 3 = 1 GiB */
	uint64_t table_bits;	 /* attributes of entries that point to tables */
	bool splitting;		 /* a page that is in use has no entry just now, see paging_split */
};

int paging_init(struct paging *paging, unsigned int levels, unsigned int root_pages,
		unsigned int leaf_level, uint64_t table_bits);

/* Free all tables; the CPUs must not use them any more. */
void paging_exit(struct paging *paging);

/*
 * Map [virt, virt + size) to phys with the attributes bits, or with bits == 0 unmap it. All page
 * aligned. Large pages are used where they fit and split where only a part changes. -ENOMEM if a
 * table is missing; what was changed until then stays. -ERANGE: more than the tables translate.
 */
int paging_update(struct paging *paging, uint64_t virt, uint64_t phys, uint64_t size,
		  uint64_t bits);

/* The entry that maps virt and its page size, or 0. */
uint64_t paging_lookup(const struct paging *paging, uint64_t virt, uint64_t *page_size);

#endif
