// SPDX-License-Identifier: GPL-2.0
/* How hvctl reads and writes numbers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>
#include "tools/hvctl/numbers.h"

static void numbers(void **state)
{
	static const struct {
		const char *text;
		uint64_t value;
	} good[] = {
		{ "0", 0 },
		{ "4096", 4096 },
		{ "0x1000", 0x1000 },
		{ "4K", 4096 },
		{ "4k", 4096 },
		{ "0x10K", 0x4000 },
		{ "2M", 2 << 20 },
		{ "3g", 3ULL << 30 },
		{ "18446744073709551615", UINT64_MAX },
		{ "17179869183G", 17179869183ULL << 30 },
	};
	static const char *const bad[] = {
		"",
		"-1",
		"+1",
		" 1",
		"1 ",
		"K",
		"1KB",
		"1T",
		"0x",
		"0x1g2",
		"1.5M",
		"a",
		"--",
		"12a",
		"18446744073709551616",
		"17179869184G",
	};
	uint64_t value;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		assert_true(parse_number(good[i].text, &value));
		assert_int_equal(value, good[i].value);
	}
	value = 77;
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		if (parse_number(bad[i], &value))
			fail_msg("'%s' was taken for a number", bad[i]);
		assert_int_equal(value, 77);
	}
}

static void images(void **state)
{
	char plain[] = "dir/image.bin", with[] = "image.bin@2M", odd[] = "a@b", both[] = "a@b@0x10";
	char nothing[] = "@0x1000";
	uint64_t address = 7;

	(void)state;
	assert_true(split_image(plain, &address));
	assert_string_equal(plain, "dir/image.bin");
	assert_int_equal(address, 7);
	assert_true(split_image(odd, &address));
	assert_string_equal(odd, "a@b");
	assert_int_equal(address, 7);
	assert_true(split_image(with, &address));
	assert_string_equal(with, "image.bin");
	assert_int_equal(address, 2 << 20);
	assert_true(split_image(both, &address));
	assert_string_equal(both, "a@b");
	assert_int_equal(address, 16);
	assert_false(split_image(nothing, &address));
}

static void bytes(void **state)
{
	char buf[32];

	(void)state;
	format_bytes(buf, sizeof(buf), 0);
	assert_string_equal(buf, "0 B");
	format_bytes(buf, sizeof(buf), 1000);
	assert_string_equal(buf, "1000 B");
	format_bytes(buf, sizeof(buf), 2 << 20);
	assert_string_equal(buf, "2 MiB");
	format_bytes(buf, sizeof(buf), 1ULL << 41);
	assert_string_equal(buf, "2048 GiB");
}

static void cpus(void **state)
{
	uint64_t bitmap[4] = { 0 };
	char buf[64];

	(void)state;
	format_cpus(buf, sizeof(buf), bitmap, 4);
	assert_string_equal(buf, "");
	bitmap[0] = 0x27;
	bitmap[1] = 1;
	bitmap[3] = 3ULL << 62;
	format_cpus(buf, sizeof(buf), bitmap, 4);
	assert_string_equal(buf, "0-2,5,64,254-255");
	memset(bitmap, 0xff, sizeof(bitmap));
	format_cpus(buf, sizeof(buf), bitmap, 4);
	assert_string_equal(buf, "0-255");
	memset(bitmap, 0x55, sizeof(bitmap));
	format_cpus(buf, 16, bitmap, 4);
	assert_string_equal(buf, "0,2,4,6,8,10,12");
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(numbers),
		cmocka_unit_test(images),
		cmocka_unit_test(bytes),
		cmocka_unit_test(cpus),
	};

	return cmocka_run_group_tests_name("numbers", tests, NULL, NULL);
}
