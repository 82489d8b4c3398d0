// SPDX-License-Identifier: GPL-2.0
/* A cell's RAM for Linux, and how what is loaded there is divided. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include "fail_message.h"
#include "config_builder.h"
#include "linux.h"

#define RAM (CL_MEM_RAM | CL_MEM_LOADABLE)

static struct blob blob;

static int setup(void **state)
{
	static const struct cl_memory memory[] = {
		{ CL_AUTO, 0x300000, 0x100000, RAM },
		{ CL_AUTO, 0x100000, 0x100000, RAM },
		{ CL_AUTO, 0x200000, 0x100000, RAM },
		{ 0, 0x400000, 0x1000, CL_MEM_READ | CL_MEM_WRITE | CL_MEM_COMM },
		{ CL_AUTO, 0x500000, 0x100000, CL_MEM_RAM },
		{ CL_AUTO, 0x800000, 0x100000, RAM },
	};

	(void)state;
	blob_begin(&blob, "linux", 0, 0);
	BLOB_ADD(&blob, CL_SEC_MEMORY, memory);
	return 0;
}

static void neighbours_are_one(void **state)
{
	struct cl_memory ram[LINUX_RAM];

	(void)state;
	assert_int_equal(linux_ram(&blob.config, ram, LINUX_RAM), 2);
	assert_int_equal(ram[0].virt, 0x100000);
	assert_int_equal(ram[0].size, 0x300000);
	assert_int_equal(ram[1].virt, 0x800000);
	assert_int_equal(ram[1].size, 0x100000);
}

static void a_piece_for_each_region(void **state)
{
	static const struct {
		size_t offset, size;
		uint64_t address;
	} expected[] = {
		{ 0, 0x800, 0x1ff800 },
		{ 0x800, 0x100000, 0x200000 },
		{ 0x100800, 0x100, 0x300000 },
	};
	static char data[0x100900];
	struct linux_guest g = { .config = &blob.config };

	(void)state;
	linux_add(&g, "kernel", data, sizeof(data), 0x1ff800);
	assert_int_equal(g.count, 3);
	for (unsigned int i = 0; i < 3; i++) {
		assert_string_equal(g.pieces[i].what, "kernel");
		assert_ptr_equal(g.pieces[i].data, data + expected[i].offset);
		assert_int_equal(g.pieces[i].size, expected[i].size);
		assert_int_equal(g.pieces[i].address, expected[i].address);
	}
	/* Just up to the end of a region */
	linux_add(&g, "initrd", data, 0x1000, 0x8ff000);
	assert_int_equal(g.count, 4);
	assert_int_equal(g.pieces[3].size, 0x1000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(neighbours_are_one, setup),
		cmocka_unit_test_setup(a_piece_for_each_region, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
