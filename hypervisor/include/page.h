/* SPDX-License-Identifier: GPL-2.0 */
/* Pages of the hypervisor's own memory, behind image, CPU areas and root config. */
#ifndef HV_PAGE_H
#define HV_PAGE_H

#include <hv.h>

/* The hypervisor's memory is mapped in one piece. */
extern uint64_t hv_phys;
extern char hv_base[]; /* linker: start of the image */

static inline uint64_t virt_to_phys(const volatile void *virt)
{
	return (uint64_t)virt - (uint64_t)hv_base + hv_phys;
}

static inline void *phys_to_virt(uint64_t phys)
{
	return hv_base + (phys - hv_phys);
}

/*
 * Give the allocator the pages [first, end) of the hypervisor's memory, in bytes from its start.
 * Called once per enable by the first CPU.
 */
void page_init(uint64_t first, uint64_t end);

/*
 * count zeroed pages in one piece, or NULL. Used during enable and, under the management lock,
 * while a cell is created; never while a cell runs.
 */
void *page_alloc(unsigned int count);
/* The same; count is a power of 2, up to 512, and the address a multiple of their size. */
void *page_alloc_aligned(unsigned int count);
void page_free(void *page, unsigned int count);

uint64_t page_bytes_used(void);
unsigned int page_count_free(void);

#endif
