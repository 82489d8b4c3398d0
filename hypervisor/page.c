// SPDX-License-Identifier: GPL-2.0
#include <log.h>
#include <page.h>

/* One byte per page keeps the code trivial; 2 MiB of memory need 512 of them. */
#define MAX_PAGES 4096

uint64_t hv_phys __ro_after_init;

static uint8_t in_use[MAX_PAGES];
static uint64_t pool_first __ro_after_init;
static unsigned int pages __ro_after_init, used;

void page_init(uint64_t first, uint64_t end)
{
	pool_first = first;
	pages = (unsigned int)MIN((end - first) / PAGE_SIZE, MAX_PAGES);
	used = 0;
	memset(in_use, 0, sizeof(in_use));
}

static void *take(unsigned int first, unsigned int count)
{
	void *page = hv_base + pool_first + first * PAGE_SIZE;

	memset(&in_use[first], 1, count);
	used += count;
	memset(page, 0, count * PAGE_SIZE);
	return page;
}

void *page_alloc(unsigned int count)
{
	unsigned int run = 0;

	for (unsigned int i = 0; i < pages; i++) {
		run = in_use[i] ? 0 : run + 1;
		if (run == count)
			return take(i + 1 - count, count);
	}
	return NULL;
}

void *page_alloc_aligned(unsigned int count)
{
	/* The hypervisor's memory itself begins at a multiple of 2 MiB. */
	unsigned int first = (unsigned int)(-(pool_first / PAGE_SIZE) & (count - 1));

	for (; first + count <= pages; first += count) {
		unsigned int run = 0;

		while (run < count && !in_use[first + run])
			run++;
		if (run == count)
			return take(first, count);
	}
	return NULL;
}

void page_free(void *page, unsigned int count)
{
	uint64_t index;

	if (!page)
		return;
	index = ((uint64_t)page - (uint64_t)hv_base - pool_first) / PAGE_SIZE;
	check_invariant(index + count <= pages && used >= count);
	for (unsigned int i = 0; i < count; i++)
		check_invariant(in_use[index + i]);
	memset(&in_use[index], 0, count);
	used -= count;
}

uint64_t page_bytes_used(void)
{
	return used * PAGE_SIZE;
}

unsigned int page_count_free(void)
{
	return pages - used;
}
