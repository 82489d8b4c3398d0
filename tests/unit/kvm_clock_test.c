// SPDX-License-Identifier: GPL-2.0
/* KVM's clock: what a guest makes of multiplier and shift, and where structures can be. */
#include "../host/machine.h"
#include <image.h>
#include <vendor.h>
#include <x86.h>
#include <setjmp.h>
#include <string.h>
#include <cmocka.h>

#define WALL_CLOCK  0x4b564d00
#define SYSTEM_TIME 0x4b564d01
#define NS_PER_S    1000000000UL

struct cell root_cell;
struct cl_system image_system;

static struct cell cell = { .start_ns = 1700000000123456789UL };
static struct cl_config config;
static uint8_t page[PAGE_SIZE] __aligned_page;
static unsigned int open_windows;

static struct cpu cpu;

void machine_window(uint64_t phys, bool writable)
{
	(void)phys;
	(void)writable;
}

/* RAM at 0x1000, registers at 0x2000, memory that is only read at 0x3000 */
bool config_region(const struct cl_config *of, uint32_t index, struct cl_memory *region)
{
	static const struct cl_memory regions[] = {
		{ 0x10000, 0x1000, PAGE_SIZE, CL_MEM_RAM },
		{ 0x20000, 0x2000, PAGE_SIZE, CL_MEM_READ | CL_MEM_WRITE | CL_MEM_IO },
		{ 0x30000, 0x3000, PAGE_SIZE, CL_MEM_READ },
	};

	assert_ptr_equal(of, &config);
	if (index >= ARRAY_SIZE(regions))
		return false;
	*region = regions[index];
	return true;
}

uint64_t arch_translate(const struct cell *of, uint64_t virt, uint64_t flags)
{
	assert_ptr_equal(of, &cell);
	assert_int_equal(flags, CL_MEM_WRITE);
	return virt >> PAGE_SHIFT == 3 ? ~0UL : virt + 0xf000;
}

void *arch_window(uint64_t phys)
{
	assert_int_equal(phys, 0x10000);
	open_windows++;
	return page;
}

void arch_window_close(void)
{
	open_windows--;
}

/* As the guest computes it, Linux' pvclock_scale_delta(). */
static uint64_t nanoseconds(struct clock_scale scale, uint64_t ticks)
{
	ticks = scale.shift < 0 ? ticks >> -scale.shift : ticks << scale.shift;
	return (uint64_t)((unsigned __int128)ticks * scale.multiplier >> 32);
}

static void scale(void **state)
{
	static const uint32_t frequencies[] = { 1,	 999,	  1000000,   1000001,
						1999999, 2000000, 2000001,   2596142,
						3999999, 4000001, 1000000000 };

	(void)state;
	for (unsigned int i = 0; i < ARRAY_SIZE(frequencies); i++) {
		struct clock_scale found = kvm_clock_scale(frequencies[i]);
		uint64_t hour = nanoseconds(found, 3600UL * 1000 * frequencies[i]);

		assert_true(found.multiplier >= 1U << 31);
		/* in an hour less than 4 microseconds are lost, and none is won */
		assert_in_range(hour, 3600 * NS_PER_S - 4000, 3600 * NS_PER_S);
	}
}

static void setup_cell(void)
{
	cell.config = &config;
	machine_reset();
	local->cpu = &cpu;
	cpu.cell = &cell;
	image_system.tsc_khz = 2000000;
	cell.arch.start_tsc = 5000;
	memset(page, 0xa5, sizeof(page));
}

static void structures(void **state)
{
	uint64_t value;
	uint32_t word;

	(void)state;
	setup_cell();
	assert_true(kvm_clock_write(SYSTEM_TIME, 0x1041));
	memcpy(&word, page + 0x40, sizeof(word));
	assert_int_equal(word, 2);
	memcpy(&value, page + 0x48, sizeof(value));
	assert_int_equal(value, 5000 + guest_tsc_offset());
	memcpy(&value, page + 0x50, sizeof(value));
	assert_int_equal(value, 0);
	assert_int_equal(page[0x5d], 1);
	assert_int_equal(page[0x60], 0xa5);
	assert_true(kvm_clock_write(WALL_CLOCK, 0x1000));
	memcpy(&word, page + 4, sizeof(word));
	assert_int_equal(word, 1700000000);
	memcpy(&word, page + 8, sizeof(word));
	assert_int_equal(word, 123456789);
	assert_int_equal(page[12], 0xa5);
	/* Switched off: nothing is written. */
	memset(page, 0xa5, sizeof(page));
	assert_true(kvm_clock_write(SYSTEM_TIME, 0x1040));
	assert_int_equal(page[0x40], 0xa5);
	assert_int_equal(open_windows, 0);
}

static void refused(void **state)
{
	(void)state;
	setup_cell();
	assert_false(kvm_clock_write(SYSTEM_TIME, 0x1043)); /* alignment */
	assert_false(kvm_clock_write(SYSTEM_TIME, 0x1fe5)); /* two pages */
	assert_true(kvm_clock_write(SYSTEM_TIME, 0x1fe1));
	assert_false(kvm_clock_write(WALL_CLOCK, 0x1ff8));
	assert_true(kvm_clock_write(WALL_CLOCK, 0x1ff4));
	assert_false(kvm_clock_write(SYSTEM_TIME, 0x2001)); /* registers */
	assert_false(kvm_clock_write(SYSTEM_TIME, 0x3001)); /* only read */
	assert_false(kvm_clock_write(SYSTEM_TIME, 0x4001)); /* nothing */
	assert_false(kvm_clock_write(SYSTEM_TIME, ~0UL << 2 | 1));
	assert_false(kvm_clock_write(SYSTEM_TIME + 1, 0x1001));
	cpu.cell = &root_cell;
	assert_false(kvm_clock_write(SYSTEM_TIME, 0x1001));
	setup_cell();
	image_system.tsc_khz = 0;
	assert_false(kvm_clock_write(SYSTEM_TIME, 0x1001));
	image_system.tsc_khz = 1000000001;
	assert_false(kvm_clock_write(WALL_CLOCK, 0x1000));
	assert_int_equal(open_windows, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(scale),
		cmocka_unit_test(structures),
		cmocka_unit_test(refused),
	};

	return cmocka_run_group_tests_name("kvm_clock", tests, NULL, NULL);
}
