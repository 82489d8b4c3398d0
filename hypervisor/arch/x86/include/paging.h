/* SPDX-License-Identifier: GPL-2.0 */
/* x86 page tables: the hypervisor's own and, in the same format, AMD's nested ones. */
#ifndef X86_PAGING_H
#define X86_PAGING_H

#include <hv.h>

#define PTE_P	BIT(0)
#define PTE_RW	BIT(1)
#define PTE_US	BIT(2)
#define PTE_PWT BIT(3)
#define PTE_PCD BIT(4)
#define PTE_PS	BIT(7)
#define PTE_NX	BIT(63)

#define PTE_ADDRESS 0x000ffffffffff000UL

struct paging {
	uint64_t *root;
	unsigned int levels;	 /* 4 or 5 */
	unsigned int leaf_level; /* largest page: 1 = 4 KiB, 2 = 2 MiB, 3 = 1 GiB */
	uint64_t table_bits;	 /* attributes of entries that point to tables */
};

int paging_init(struct paging *paging, unsigned int levels, unsigned int leaf_level,
		uint64_t table_bits);

/* Free all tables; the CPUs must not use them any more. */
void paging_exit(struct paging *paging);

/*
 * Map [virt, virt + size) to phys with the attributes bits, or with bits == 0 unmap it. All page
 * aligned. Large pages are used where they fit and split where only a part changes. -ENOMEM if a
 * table is missing; what was changed until then stays.
 */
int paging_update(struct paging *paging, uint64_t virt, uint64_t phys, uint64_t size,
		  uint64_t bits);

/* The entry that maps virt and its page size, or 0. */
uint64_t paging_lookup(const struct paging *paging, uint64_t virt, uint64_t *page_size);

#endif
