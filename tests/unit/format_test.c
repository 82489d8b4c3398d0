// SPDX-License-Identifier: GPL-2.0
/* The hypervisor's format(), which has to agree with snprintf() on what it knows. */
#include <hv.h>
#include <setjmp.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#define BUFFER 80

/* The same call to both; format() returns the length of what fits, snprintf() of the whole text. */
#define SAME_IN(size, ...)                                                        \
	do {                                                                      \
		char ours[BUFFER + 1], theirs[BUFFER + 1];                        \
		int length, whole;                                                \
		memset(ours, '#', sizeof(ours));                                  \
		memset(theirs, '#', sizeof(theirs));                              \
		length = format(ours, size, __VA_ARGS__);                         \
		whole = snprintf(theirs, size, __VA_ARGS__);                      \
		assert_memory_equal(ours, theirs, sizeof(ours));                  \
		assert_int_equal(length, (size) ? MIN(whole, (int)(size)-1) : 0); \
	} while (0)

#define SAME(...) SAME_IN((size_t)BUFFER, __VA_ARGS__)

static void text(void **state)
{
	(void)state;
	SAME("plain");
	SAME("%s", "");
	SAME("<%s> and <%s>", "one", "two");
	SAME("%c%c", 'a', '%');
	SAME("100%%");
}

static void numbers(void **state)
{
	static const int ints[] = { 0, 1, 9, 10, 42, 99, 100, -1, -9, -10, INT_MAX, INT_MIN };
	static const long longs[] = { 0, 1, -1, 1L << 32, -(1L << 32), LONG_MAX, LONG_MIN };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(ints); i++) {
		SAME("%d %u %x", ints[i], (unsigned int)ints[i], (unsigned int)ints[i]);
		SAME("<%1d> <%5d> <%12d>", ints[i], ints[i], ints[i]);
		SAME("<%01d> <%05d> <%012d>", ints[i], ints[i], ints[i]);
		SAME("<%5u> <%012u>", (unsigned int)ints[i], (unsigned int)ints[i]);
		SAME("<%2x> <%02x> <%08x>", (unsigned int)ints[i], (unsigned int)ints[i],
		     (unsigned int)ints[i]);
	}
	for (size_t i = 0; i < ARRAY_SIZE(longs); i++) {
		SAME("%ld %lu %lx", longs[i], (unsigned long)longs[i], (unsigned long)longs[i]);
		SAME("<%22ld> <%022ld>", longs[i], longs[i]);
		SAME("<%22lu> <%016lx>", (unsigned long)longs[i], (unsigned long)longs[i]);
		SAME("%lld %llx", (long long)longs[i], (unsigned long long)longs[i]);
	}
}

/* The arguments behind one are found, whatever its size. */
static void mixed(void **state)
{
	(void)state;
	SAME("cell '%s' (%u): %c 0x%lx + 0x%lx at %d", "rtvm", 3U, 'x', ~0UL, 1UL, -7);
	SAME("%d %ld %u %lu %x %lx %s", -1, -2L, 3U, 4UL, 5U, 6UL, "seven");
}

static void cut(void **state)
{
	(void)state;
	for (size_t size = 0; size < 24; size++) {
		SAME_IN(size, "ab%s%d", "cdef", -12345);
		SAME_IN(size, "%08lx%s", 0x1234UL, "!");
	}
}

static void random_numbers(void **state)
{
	(void)state;
	srandom(7);
	for (int i = 0; i < 20000; i++) {
		unsigned long value = ((unsigned long)random() << 33 ^ (unsigned long)random()) >>
				      random() % 64;
		char fmt[16];

		/* %[0][width][l]{d,u,x}; the compiler checks formats it can see, so: not this one */
		snprintf(fmt, sizeof(fmt), "<%%%s%ld%s%c>", random() & 1 ? "0" : "",
			 random() % 24 + 1, "l", "dux"[random() % 3]);
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
		SAME(fmt, value);
#pragma GCC diagnostic pop
	}
}

/* A % at the end is dropped; an unknown conversion shows its letter and takes no argument. */
static void odd(void **state)
{
	char buf[16];
	const char *fmt = "a%";

	(void)state;
	assert_int_equal(format(buf, sizeof(buf), fmt), 1);
	assert_string_equal(buf, "a");
	fmt = "a%5";
	assert_int_equal(format(buf, sizeof(buf), fmt), 1);
	assert_string_equal(buf, "a");
	fmt = "%y%d";
	assert_int_equal(format(buf, sizeof(buf), fmt, 3), 2);
	assert_string_equal(buf, "y3");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(text), cmocka_unit_test(numbers),	  cmocka_unit_test(mixed),
		cmocka_unit_test(cut),	cmocka_unit_test(random_numbers), cmocka_unit_test(odd),
	};

	return cmocka_run_group_tests_name("format", tests, NULL, NULL);
}
