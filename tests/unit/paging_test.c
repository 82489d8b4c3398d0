// SPDX-License-Identifier: GPL-2.0
/*
 * Page tables and the pages that they are made of: random changes compared with a flat array.
 * SEED=NUMBER in the environment varies them.
 */
#include <log.h>
#include <page.h>
#include <paging.h>
#include <setjmp.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#define GIB (1UL << 30)
#define MIB (1UL << 20)

/* The hypervisor's memory: an image of IMAGE_SIZE, then pages. */
#define IMAGE_SIZE (3 * PAGE_SIZE)
#define POOL_PAGES 4096UL /* as many as page.c can keep track of */

char hv_base[IMAGE_SIZE + POOL_PAGES * PAGE_SIZE] __aligned_page;

/* The only lines that this code logs say that an invariant does not hold. */
void log_write(unsigned int severity, uint32_t cell, const char *fmt, ...)
{
	(void)severity;
	(void)cell;
	fail_msg("%s", fmt);
}

static int fresh(void **state)
{
	(void)state;
	hv_phys = 0x3a000000;
	memset(hv_base, 0xa5, sizeof(hv_base));
	page_init(IMAGE_SIZE, sizeof(hv_base));
	return 0;
}

static bool is_zero(const unsigned char *memory, size_t size)
{
	for (size_t i = 0; i < size; i++)
		if (memory[i])
			return false;
	return true;
}

static void pages(void **state)
{
	char *one, *three, *two;

	(void)state;
	assert_int_equal(page_count_free(), POOL_PAGES);
	assert_int_equal(page_bytes_used(), 0);
	one = page_alloc(1);
	three = page_alloc(3);
	two = page_alloc(2);
	assert_ptr_equal(one, hv_base + IMAGE_SIZE);
	assert_int_equal(page_bytes_used(), 6 * PAGE_SIZE);
	assert_int_equal(page_count_free(), POOL_PAGES - 6);
	assert_int_equal(virt_to_phys(three), hv_phys + (uint64_t)(three - hv_base));
	assert_ptr_equal(phys_to_virt(virt_to_phys(three)), three);
	assert_true(is_zero((unsigned char *)one, PAGE_SIZE));
	assert_true(is_zero((unsigned char *)three, 3 * PAGE_SIZE));
	/* None of them overlap. */
	memset(one, 1, PAGE_SIZE);
	memset(three, 3, 3 * PAGE_SIZE);
	memset(two, 2, 2 * PAGE_SIZE);
	assert_int_equal(one[0] + one[PAGE_SIZE - 1], 2);
	assert_int_equal(three[0] + three[3 * PAGE_SIZE - 1], 6);

	/* The hole of three is too small for four, right for three, and zeroed again. */
	page_free(three, 3);
	assert_int_equal(page_bytes_used(), 3 * PAGE_SIZE);
	assert_true((char *)page_alloc(4) > two);
	assert_ptr_equal(page_alloc(3), three);
	assert_true(is_zero((unsigned char *)three, 3 * PAGE_SIZE));
	page_free(NULL, 7);
	assert_int_equal(page_bytes_used(), 10 * PAGE_SIZE);
}

static void pages_run_out(void **state)
{
	char *last;

	(void)state;
	assert_null(page_alloc(POOL_PAGES + 1));
	assert_int_equal(page_count_free(), POOL_PAGES);
	assert_non_null(page_alloc(POOL_PAGES - 1));
	assert_null(page_alloc(2));
	last = page_alloc(1);
	assert_ptr_equal(last, hv_base + sizeof(hv_base) - PAGE_SIZE);
	assert_null(page_alloc(1));
	assert_int_equal(page_count_free(), 0);
	page_free(last, 1);
	assert_ptr_equal(page_alloc(1), last);
	/* A new enable starts with all of them, here fewer. */
	page_init(IMAGE_SIZE, IMAGE_SIZE + 2 * PAGE_SIZE);
	assert_int_equal(page_bytes_used(), 0);
	assert_non_null(page_alloc(2));
	assert_null(page_alloc(1));
}

/* What is mapped where, page by page: address and attributes, 0: nothing. */
#define SPACE	    (2 * GIB)
#define SPACE_PAGES (SPACE / PAGE_SIZE)

static uint64_t model[SPACE_PAGES];

#define TABLE_BITS (PTE_P | PTE_RW | PTE_US)

/* What the tables say, in the form of the model, and up to which page it is one mapping. */
static uint64_t actual(const struct paging *paging, uint64_t base, uint64_t page, uint64_t *end)
{
	uint64_t virt = base + page * PAGE_SIZE, size = 0;
	uint64_t entry = paging_lookup(paging, virt, &size);

	*end = page + 1;
	if (!entry)
		return 0;
	assert_true(size == PAGE_SIZE || size == 2 * MIB || size == GIB);
	assert_true(size <= PAGE_SIZE << 9 * (paging->leaf_level - 1));
	assert_int_equal(!!(entry & PTE_PS), size > PAGE_SIZE);
	assert_int_equal(entry & PTE_ADDRESS & (size - 1), 0);
	*end = (((virt | (size - 1)) + 1) - base) / PAGE_SIZE;
	return (entry & ~PTE_PS) + (virt & (size - 1));
}

static uint64_t at(uint64_t first, uint64_t page)
{
	return first ? first + page * PAGE_SIZE : 0;
}

static void compare(const struct paging *paging, uint64_t base)
{
	for (uint64_t page = 0, end; page < SPACE_PAGES; page = end) {
		uint64_t first = actual(paging, base, page, &end);

		for (uint64_t i = page; i < MIN(end, SPACE_PAGES); i++)
			if (model[i] != at(first, i - page))
				fail_msg("0x%lx: 0x%lx, expected 0x%lx", base + i * PAGE_SIZE,
					 at(first, i - page), model[i]);
	}
}

struct change {
	uint64_t first, count; /* pages */
	uint64_t phys, bits;
};

static uint64_t new_value(const struct change *change, uint64_t page)
{
	return change->bits ? (change->phys + (page - change->first) * PAGE_SIZE) | change->bits
			    : 0;
}

/* A change that failed has changed nothing, or a first part completely: take that into the model. */
static void adopt_part(const struct paging *paging, uint64_t base, const struct change *change)
{
	uint64_t page, end;

	for (page = change->first; page < change->first + change->count; page++) {
		uint64_t now = actual(paging, base, page, &end);

		if (now != new_value(change, page)) {
			assert_int_equal(now, model[page]);
			return;
		}
		model[page] = now;
	}
	fail_msg("-ENOMEM, but everything was done");
}

static uint64_t random_below(uint64_t limit)
{
	return ((uint64_t)random() << 31 ^ (uint64_t)random()) % limit;
}

static void random_change(struct change *change)
{
	static const uint64_t bits[] = { 0,
					 0,
					 PTE_P | PTE_US,
					 PTE_P | PTE_US | PTE_RW,
					 PTE_P | PTE_US | PTE_RW | PTE_NX,
					 PTE_P | PTE_RW | PTE_PCD | PTE_PWT };
	static const uint64_t steps[] = { 1, 512, 512 * 512 };
	uint64_t step = steps[random_below(3)], step_phys = steps[random_below(3)];

	change->first = random_below(SPACE_PAGES / step) * step;
	change->count = (random_below(4) + 1) * steps[random_below(3)];
	if (random_below(4) == 0)
		change->count = random_below(SPACE_PAGES) + 1;
	change->count = MIN(change->count, SPACE_PAGES - change->first);
	change->phys = random_below(1UL << 40 >> PAGE_SHIFT) / step_phys * step_phys * PAGE_SIZE;
	change->bits = bits[random_below(ARRAY_SIZE(bits))];
}

static struct {
	void *page;
	unsigned int count;
} held[POOL_PAGES];
static unsigned int held_count;

/* Leave `count` pages to the tables; take the others in the largest pieces that there are. */
static void starve(unsigned int count)
{
	for (unsigned int piece = POOL_PAGES; piece; piece /= 2) {
		while (page_count_free() >= count + piece) {
			void *page = page_alloc(piece);

			if (!page)
				break;
			held[held_count].page = page;
			held[held_count++].count = piece;
		}
	}
	assert_int_equal(page_count_free(), count);
}

static void feed(void)
{
	while (held_count) {
		held_count--;
		page_free(held[held_count].page, held[held_count].count);
	}
}

/* With no page, then with more each time, until it works. Returns how often it did not. */
static unsigned int update_hungry(struct paging *paging, uint64_t base, const struct change *change)
{
	unsigned int failed = 0;

	for (unsigned int count = 0;; count += 1 + count / 4, failed++) {
		int err;

		starve(count);
		err = paging_update(paging, base + change->first * PAGE_SIZE, change->phys,
				    change->count * PAGE_SIZE, change->bits);
		feed();
		if (!err)
			return failed;
		assert_int_equal(err, -ENOMEM);
		adopt_part(paging, base, change);
	}
}

static unsigned int sequence(unsigned int levels, unsigned int leaf_level, uint64_t base,
			     bool hungry)
{
	/* Comparing takes longest where all pages are small. */
	unsigned int changes = leaf_level > 1 ? 24 : 6, failed = 0;
	struct paging paging;

	memset(model, 0, sizeof(model));
	assert_int_equal(paging_init(&paging, levels, 1, leaf_level, TABLE_BITS), 0);
	compare(&paging, base);
	for (unsigned int i = 0; i < changes; i++) {
		struct change change;

		random_change(&change);
		if (hungry)
			failed += update_hungry(&paging, base, &change);
		else
			assert_int_equal(paging_update(&paging, base + change.first * PAGE_SIZE,
						       change.phys, change.count * PAGE_SIZE,
						       change.bits),
					 0);
		for (uint64_t page = change.first; page < change.first + change.count; page++)
			model[page] = new_value(&change, page);
		compare(&paging, base);
	}
	/* Nothing is mapped outside of the space. */
	assert_int_equal(paging_lookup(&paging, base - PAGE_SIZE, &(uint64_t){ 0 }), 0);
	assert_int_equal(paging_lookup(&paging, base + SPACE, &(uint64_t){ 0 }), 0);
	paging_exit(&paging);
	assert_null(paging.root);
	assert_int_equal(page_bytes_used(), 0);
	paging_exit(&paging);
	return failed;
}

static void seed(void)
{
	const char *text = getenv("SEED");
	unsigned int value = text ? (unsigned int)strtoul(text, NULL, 0) : 4711;

	print_message("SEED=%u\n", value);
	srandom(value);
}

static unsigned int all_sequences(bool hungry)
{
	unsigned int failed = 0;

	seed();
	for (unsigned int leaf_level = 1; leaf_level <= 3; leaf_level++) {
		failed += sequence(4, leaf_level, 3 * GIB, hungry);
		/* across a slot of the top table */
		failed += sequence(4, leaf_level, 511 * GIB, hungry);
		failed += sequence(5, leaf_level, (1UL << 48) - GIB, hungry);
	}
	return failed;
}

static void random_sequences(void **state)
{
	(void)state;
	all_sequences(false);
}

static void out_of_memory(void **state)
{
	(void)state;
	/* Else the test has tested nothing. */
	assert_in_range(all_sequences(true), 20, 1000000);
}

static unsigned int tables_for(unsigned int leaf_level, uint64_t virt, uint64_t phys, uint64_t size)
{
	struct paging paging;
	uint64_t used;

	assert_int_equal(paging_init(&paging, 4, 1, leaf_level, TABLE_BITS), 0);
	assert_int_equal(paging_update(&paging, virt, phys, size, PTE_P), 0);
	used = page_bytes_used() / PAGE_SIZE;
	paging_exit(&paging);
	return (unsigned int)used;
}

/* Large pages wherever they fit: the memory of a cell is to cost little. */
static void large_pages(void **state)
{
	(void)state;
	assert_int_equal(tables_for(3, 0, 0, 512 * GIB), 2);
	assert_int_equal(tables_for(2, 0, 0, 512 * GIB), 2 + 512);
	assert_int_equal(tables_for(3, 0, 2 * MIB, GIB), 3); /* address not aligned to 1 GiB */
	assert_int_equal(tables_for(3, 0, PAGE_SIZE, 2 * MIB), 4);
	/* two ends of 4 KiB pages, 2 MiB pages between them */
	assert_int_equal(tables_for(3, PAGE_SIZE, PAGE_SIZE, 6 * MIB), 5);
	assert_int_equal(tables_for(1, 0, 0, 2 * MIB), 4);
}

/* One page taken out of a large one: its neighbours stay as they are. */
static void split(void **state)
{
	const uint64_t bits = PTE_P | PTE_RW | PTE_US | PTE_NX;
	struct paging paging;
	uint64_t size;

	(void)state;
	assert_int_equal(paging_init(&paging, 4, 1, 3, TABLE_BITS), 0);
	assert_int_equal(paging_update(&paging, 0, 4 * GIB, 2 * GIB, bits), 0);
	assert_int_equal(paging_lookup(&paging, 0, &size), (4 * GIB) | bits | PTE_PS);
	assert_int_equal(size, GIB);
	assert_int_equal(paging_update(&paging, 5 * MIB, 0, PAGE_SIZE, 0), 0);
	assert_int_equal(paging_lookup(&paging, 5 * MIB, &size), 0);
	/* An address that the tables do not reach is not the one with the same low bits. */
	assert_int_equal(paging_lookup(&paging, 1UL << (12 + 9 * paging.levels), &size), 0);
	assert_int_equal(paging_lookup(&paging, 1UL << 63, &size), 0);
	assert_int_equal(paging_lookup(&paging, 5 * MIB - PAGE_SIZE, &size),
			 (4 * GIB + 5 * MIB - PAGE_SIZE) | bits);
	assert_int_equal(size, PAGE_SIZE);
	assert_int_equal(paging_lookup(&paging, 2 * MIB, &size),
			 (4 * GIB + 2 * MIB) | bits | PTE_PS);
	assert_int_equal(size, 2 * MIB);
	assert_int_equal(paging_lookup(&paging, GIB, &size), (5 * GIB) | bits | PTE_PS);
	assert_int_equal(size, GIB);
	paging_exit(&paging);
}

static void no_memory_at_all(void **state)
{
	struct paging paging;

	(void)state;
	assert_non_null(page_alloc(POOL_PAGES));
	assert_int_equal(paging_init(&paging, 4, 1, 3, TABLE_BITS), -ENOMEM);
	paging_exit(&paging);
	assert_int_equal(page_count_free(), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(pages, fresh),
		cmocka_unit_test_setup(pages_run_out, fresh),
		cmocka_unit_test_setup(random_sequences, fresh),
		cmocka_unit_test_setup(out_of_memory, fresh),
		cmocka_unit_test_setup(large_pages, fresh),
		cmocka_unit_test_setup(split, fresh),
		cmocka_unit_test_setup(no_memory_at_all, fresh),
	};

	return cmocka_run_group_tests_name("paging", tests, NULL, NULL);
}
