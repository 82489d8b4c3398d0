/* SPDX-License-Identifier: GPL-2.0 */
/* Entries of x86 page tables: the hypervisor's own and the second-level ones, whose
 * entries have these bits in the same places: AMD's are the same format, of Intel's EPT the rights
 * to read and write are where P and RW are. */
#ifndef X86_PAGING_FORMAT_H
#define X86_PAGING_FORMAT_H

#include <hv.h>

#define PTE_P	BIT(0)
#define PTE_RW	BIT(1)
#define PTE_US	BIT(2)
#define PTE_PWT BIT(3)
#define PTE_PCD BIT(4)
#define PTE_PS	BIT(7)
#define PTE_NX	BIT(63)

#define PTE_ADDRESS 0x000ffffffffff000UL

static inline bool pte_is_present(uint64_t entry)
{
	return entry & PTE_P;
}

static inline bool pte_is_leaf(uint64_t entry, unsigned int level)
{
	return level == 1 || entry & PTE_PS;
}

/* A page of this level with these attributes, whatever level they were read from. */
static inline uint64_t pte_leaf(uint64_t phys, unsigned int level, uint64_t bits)
{
	return phys | (bits & ~PTE_PS) | (level > 1 ? PTE_PS : 0);
}

/* One store: a CPU that walks the table at this moment sees the large page or the table. */
static inline void pte_replace_leaf(uint64_t *entry, uint64_t table)
{
	WRITE_ONCE(*entry, table);
}

/* New entries are seen by the CPUs' table walks; x86 keeps the order of stores. */
static inline void pte_publish(void)
{
}

#endif
