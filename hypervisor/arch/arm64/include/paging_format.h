/* SPDX-License-Identifier: GPL-2.0 */
/* Descriptors of the 4 KiB granule, VMSAv8-64: the hypervisor's own tables and stage 2. ARM DDI
 * 0487, D8.3. */
#ifndef ARM64_PAGING_FORMAT_H
#define ARM64_PAGING_FORMAT_H

#include <asm.h>
#include <hv.h>

#define PTE_VALID BIT(0)
#define PTE_TABLE BIT(1) /* levels 0 to 2: a table; level 3: a page, and must be set */
#define PTE_AF	  BIT(10)
#define PTE_INNER (3UL << 8) /* inner shareable */

/* EL2's own */
#define PTE_ATTR(index) ((uint64_t)(index) << 2)
#define PTE_AP1		BIT(6) /* RES1 in a regime of one exception level */
#define PTE_RO		BIT(7)
#define PTE_XN		BIT(54)

/* Stage 2 */
#define S2_NORMAL (0xfUL << 2) /* write-back, as far as stage 1 agrees */
#define S2_FORCED (0x6UL << 2) /* with HCR_EL2.FWB: write-back whatever stage 1 says, D8.6.6 */
#define S2_DEVICE (0x1UL << 2) /* Device-nGnRE */
#define S2_READ	  BIT(6)
#define S2_WRITE  BIT(7)
#define S2_XN	  BIT(54) /* at EL1 and EL0: with FEAT_XNX 0b10 in bits 54:53 says the same */

#define PTE_ADDRESS 0x0000fffffffff000UL

static inline bool pte_is_present(uint64_t entry)
{
	return entry & PTE_VALID;
}

static inline bool pte_is_leaf(uint64_t entry, unsigned int level)
{
	return level == 1 || !(entry & PTE_TABLE);
}

/* A page of this level with these attributes, whatever level they were read from. */
static inline uint64_t pte_leaf(uint64_t phys, unsigned int level, uint64_t bits)
{
	return phys | (bits & ~PTE_TABLE) | (level == 1 ? PTE_TABLE : 0);
}

/*
 * Break before make (D8.16): the old entry is gone from all translation caches before the new one
 * is there. The VMID is that of the caller, which is root: only its tables change while in use.
 */
static inline void pte_replace_leaf(uint64_t *entry, uint64_t table)
{
	WRITE_ONCE(*entry, 0);
	forget_stage2();
	WRITE_ONCE(*entry, table);
}

/* New entries are seen by the CPUs' table walks. */
static inline void pte_publish(void)
{
	asm volatile("dsb ish\n\tisb" : : : "memory");
}

#endif
