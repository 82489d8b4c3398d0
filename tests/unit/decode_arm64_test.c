// SPDX-License-Identifier: GPL-2.0
/*
 * The arm64 decoder against capstone. SEED=NUMBER in the environment repeats or varies the random
 * test, RUNS=NUMBER its length.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "decode_arm64_reference.h"

static csh capstone;

static void compare(uint32_t word, unsigned int *known)
{
	struct insn mine, theirs;
	bool good = reference(capstone, word, &theirs) && !is_unpredictable(&theirs);
	bool ours = decode(word, &mine);

	if (ours != good)
		fail_msg("%08x: %s", word, ours ? "capstone refuses it" : "not decoded");
	if (!good)
		return;
	++*known;
	if (!same_access(&mine, &theirs))
		fail_msg("%08x: size %u/%u offset %d/%d base %u/%u writeback %u/%u", word,
			 mine.size, theirs.size, mine.offset, theirs.offset, mine.base, theirs.base,
			 mine.writeback, theirs.writeback);
}

static uint32_t random_word(void)
{
	return (uint32_t)random() ^ (uint32_t)random() << 16;
}

/* All of the two classes that are decoded, and anything. */
static void random_words(void **state)
{
	const char *seed = getenv("SEED"), *runs = getenv("RUNS");
	unsigned int count = runs ? (unsigned int)strtoul(runs, NULL, 0) : 300000, known = 0;

	(void)state;
	srandom(seed ? (unsigned int)strtoul(seed, NULL, 0) : 4711);
	for (unsigned int i = 0; i < count; i++) {
		uint32_t word = random_word();

		if (i % 3 == 0)
			word = (word & ~0x3e000000U) | 0x28000000;
		else if (i % 3 == 1)
			word = (word & ~0x3f200000U) | 0x38000000;
		/* Other classes have many more instructions, in which capstone knows other names. */
		else if ((word & 0x0a000000) == 0x08000000)
			continue;
		compare(word, &known);
	}
	assert_true(known > count / 4);
}

/* What compilers make of loops over registers, one by one. */
static void examples(void **state)
{
	static const struct {
		uint32_t word;
		struct insn insn;
	} table[] = {
		/* str w1, [x0], #4 */
		{ 0xb8004401,
		  { .write = true,
		    .writeback = true,
		    .post = true,
		    .size = 4,
		    .count = 1,
		    .target = { 1 },
		    .offset = 4 } },
		/* ldr x2, [x3, #-8]! */
		{ 0xf85f8c62,
		  { .wide = true,
		    .writeback = true,
		    .size = 8,
		    .count = 1,
		    .target = { 2 },
		    .base = 3,
		    .offset = -8 } },
		/* ldp w4, w5, [x6] */
		{ 0x294014c4, { .size = 4, .count = 2, .target = { 4, 5 }, .base = 6 } },
		/* stp x7, xzr, [sp, #-16]! */
		{ 0xa9bf7fe7,
		  { .write = true,
		    .wide = true,
		    .writeback = true,
		    .size = 8,
		    .count = 2,
		    .target = { 7, 31 },
		    .base = 31,
		    .offset = -16 } },
		/* ldrsb w8, [x9], #1 */
		{ 0x38c01528,
		  { .sign_extend = true,
		    .writeback = true,
		    .post = true,
		    .size = 1,
		    .count = 1,
		    .target = { 8 },
		    .base = 9,
		    .offset = 1 } },
	};
	/* ldxr w0, [x1]; ldr q0, [x1], #16; dc zva, x0; ldr x0, [x0], #8; ldp x1, x1, [x2] */
	static const uint32_t refused[] = { 0x885f7c20, 0x3cc10420, 0xd50b7420,
					    0xf8408400, 0xa9400441, 0 };
	struct insn insn;

	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		unsigned int known = 0;

		assert_true(decode(table[i].word, &insn));
		compare(table[i].word, &known);
		assert_int_equal(known, 1);
		assert_memory_equal(&insn, &table[i].insn, sizeof(insn));
	}
	for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++)
		assert_false(decode(refused[i], &insn));
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(examples),
		cmocka_unit_test(random_words),
	};

	if (cs_open(CS_ARCH_ARM64, CS_MODE_ARM, &capstone) != CS_ERR_OK)
		return 1;
	cs_option(capstone, CS_OPT_DETAIL, CS_OPT_ON);
	return cmocka_run_group_tests_name("decode_arm64", tests, NULL, NULL);
}
