// SPDX-License-Identifier: GPL-2.0
/* hvctl verify: which records are violations. Real tables with real damage:
 * tests/system/test_verify.py. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>
#include <cloister/config.h>
#include <cloister/info.h>
#include "tools/hvctl/ownership.h"

#define RW  (CL_MEM_READ | CL_MEM_WRITE)
#define RWX CL_MEM_RAM

static char said[4096];
static uint16_t arch = CL_ARCH_X86_64;

static const char *cell_name(void *context, uint32_t id, char buf[32])
{
	(void)context;
	snprintf(buf, 32, "c%u", id);
	return buf;
}

/* Hardware ids are 10 more than the CPUs' numbers. */
static uint32_t hw_id(void *context, uint32_t cpu)
{
	(void)context;
	return cpu + 10;
}

static void note(void *context, const char *text)
{
	(void)context;
	strncat(said, text, sizeof(said) - strlen(said) - 2);
	strcat(said, "\n");
}

static size_t check(const struct cl_inspect_record *records, size_t count)
{
	said[0] = '\0';
	return ownership_check(&(struct ownership){ .records = records,
						    .count = count,
						    .arch = arch,
						    .cell_name = cell_name,
						    .hw_id = hw_id,
						    .violation = note });
}

#define CHECK(...)                                                        \
	check((const struct cl_inspect_record[]){ __VA_ARGS__ },          \
	      sizeof((const struct cl_inspect_record[]){ __VA_ARGS__ }) / \
		      sizeof(struct cl_inspect_record))

#define MEMORY(owner, at, bytes, to, rights)                                          \
	{                                                                             \
		.kind = CL_INSPECT_MEMORY, .cell = owner, .start = at, .size = bytes, \
		.target = to, .access = rights                                        \
	}
#define RANGE(what, owner, at, bytes, rights)                                             \
	{                                                                                 \
		.kind = what, .cell = owner, .start = at, .size = bytes, .access = rights \
	}
#define HV(what, cpu, at, bytes, to, rights)                                                \
	{                                                                                   \
		.kind = what, .cell = CL_NO_CELL, .start = at, .size = bytes, .target = to, \
		.access = rights, .index = cpu                                              \
	}
#define OWN	  RANGE(CL_INSPECT_HV_MEMORY, CL_NO_CELL, 0x70000000, 0x200000, 0)
#define HAS(text) assert_non_null(strstr(said, text))

static void memory_owners(void **state)
{
	(void)state;
	assert_int_equal(CHECK(MEMORY(0, 0, 0x1000, 0, RWX), MEMORY(1, 0, 0x1000, 0x1000, RWX),
			       MEMORY(2, 0x5000, 0x3000, 0x2000, RW)),
			 0);
	/* The last page of one is the first of the other. */
	assert_int_equal(CHECK(MEMORY(1, 0, 0x3000, 0x10000, RWX),
			       MEMORY(2, 0x8000, 0x2000, 0x12000, CL_MEM_READ)),
			 1);
	HAS("memory 0x12000 to 0x12fff has two owners, 'c1' and 'c2'");
	/* A cell may have the same memory at two addresses. */
	assert_int_equal(CHECK(MEMORY(1, 0, 0x1000, 0x5000, RWX),
			       MEMORY(1, 0x9000, 0x1000, 0x5000, RWX)),
			 0);
	/* One large region, two small ones inside it. */
	assert_int_equal(CHECK(MEMORY(0, 0, 0x100000, 0, RWX), MEMORY(1, 0, 0x1000, 0x4000, RWX),
			       MEMORY(2, 0, 0x1000, 0x80000, RWX)),
			 2);
}

static void shared_memory(void **state)
{
	(void)state;
#define TWO MEMORY(1, 0, 0x2000, 0x40000, RW), MEMORY(2, 0x7000, 0x2000, 0x40000, RW)
	assert_int_equal(CHECK(TWO, RANGE(CL_INSPECT_SHARED, 1, 0x40000, 0x2000, 0)), 1);
	assert_int_equal(CHECK(TWO, RANGE(CL_INSPECT_SHARED, 1, 0x40000, 0x2000, 0),
			       RANGE(CL_INSPECT_SHARED, 2, 0x40000, 0x1000, 0)),
			 1);
	/* In two pieces. */
	assert_int_equal(CHECK(TWO, RANGE(CL_INSPECT_SHARED, 1, 0x40000, 0x2000, 0),
			       RANGE(CL_INSPECT_SHARED, 2, 0x41000, 0x1000, 0),
			       RANGE(CL_INSPECT_SHARED, 2, 0x40000, 0x1000, 0)),
			 0);
	/* With root, the other cell's word counts. */
	assert_int_equal(CHECK(MEMORY(0, 0, 0x100000, 0, RWX), MEMORY(2, 0, 0x1000, 0x8000, RW),
			       RANGE(CL_INSPECT_SHARED, 2, 0x8000, 0x1000, 0)),
			 0);
}

static void lent_memory(void **state)
{
	(void)state;
	/* Every cell reads its CPUs' own APIC; none may write it. */
	assert_int_equal(CHECK(MEMORY(0, 0xfee00000, 0x1000, 0xfee00000, CL_MEM_READ),
			       MEMORY(1, 0xfee00000, 0x1000, 0xfee00000, CL_MEM_READ),
			       RANGE(CL_INSPECT_LENT, 0, 0xfee00000, 0x1000, CL_MEM_READ),
			       RANGE(CL_INSPECT_LENT, 1, 0xfee00000, 0x1000, CL_MEM_READ)),
			 0);
	assert_int_equal(CHECK(MEMORY(1, 0xfee00000, 0x1000, 0xfee00000, RW),
			       RANGE(CL_INSPECT_LENT, 1, 0xfee00000, 0x1000, CL_MEM_READ)),
			 1);
	HAS("cell 'c1' has more access (rw-) to 0xfee00000");
	/* The comm page is the hypervisor's; the page behind it is not lent. */
	assert_int_equal(CHECK(OWN, MEMORY(1, 0x200000, 0x1000, 0x70080000, RW),
			       RANGE(CL_INSPECT_LENT, 1, 0x70080000, 0x1000, RW)),
			 0);
	assert_int_equal(CHECK(OWN, MEMORY(1, 0x200000, 0x2000, 0x70080000, RW),
			       RANGE(CL_INSPECT_LENT, 1, 0x70080000, 0x1000, RW)),
			 1);
	HAS("cell 'c1' maps hypervisor memory 0x70080000 to 0x70081fff (rw-, at 0x200000)");
	/* What is lent to one is not lent to another. */
	assert_int_equal(CHECK(OWN, MEMORY(2, 0, 0x1000, 0x70080000, RW),
			       RANGE(CL_INSPECT_LENT, 1, 0x70080000, 0x1000, RW)),
			 1);
}

static void hypervisor(void **state)
{
	(void)state;
	assert_int_equal(CHECK(OWN,
			       HV(CL_INSPECT_HV_MAPPING, 0, 0xf000, 0x1000, 0x70000000,
				  CL_MEM_READ | CL_MEM_EXECUTE),
			       HV(CL_INSPECT_HV_MAPPING, 0, 0x10000, 0x1000, 0x70001000, RW),
			       HV(CL_INSPECT_HV_WINDOW, 1, 0x20000, 0x1000, 0x1000, RW)),
			 0);
	assert_int_equal(CHECK(OWN, HV(CL_INSPECT_HV_MAPPING, 2, 0xf000, 0x1000, 0x70000000, RWX)),
			 1);
	HAS("CPU 2: the hypervisor's mapping at 0xf000 is writable and executable");
	assert_int_equal(CHECK(OWN, HV(CL_INSPECT_HV_MAPPING, 0, 0xf000, 0x2000, 0x701ff000, RW)),
			 1);
	HAS("foreign memory 0x701ff000");
	assert_int_equal(CHECK(OWN, HV(CL_INSPECT_HV_WINDOW, 0, 0xf000, 0x1000, 0x1000,
				       CL_MEM_READ | CL_MEM_EXECUTE)),
			 1);
	HAS("window at 0xf000 is executable");
}

static void other_things(void **state)
{
	(void)state;
	assert_int_equal(
		CHECK(RANGE(CL_INSPECT_PORT, 0, 0, 0x70, RW),
		      RANGE(CL_INSPECT_PORT, 1, 0x70, 2, RW), RANGE(CL_INSPECT_PCI, 0, 0, 0x28, RW),
		      RANGE(CL_INSPECT_PCI, 1, 0x28, 1, RW),
		      /* Registers are each CPU's own. */
		      RANGE(CL_INSPECT_MSR, 0, 0x48, 2, RW), RANGE(CL_INSPECT_MSR, 1, 0x48, 2, RW)),
		0);
	assert_int_equal(CHECK(RANGE(CL_INSPECT_PORT, 0, 0, 0x71, RW),
			       RANGE(CL_INSPECT_PORT, 1, 0x70, 2, RW)),
			 1);
	HAS("I/O port 0x70 to 0x70 has two owners, 'c0' and 'c1'");
	assert_int_equal(CHECK(RANGE(CL_INSPECT_PORT, 1, 0xcf0, 9, RW)), 1);
	HAS("PCI configuration ports");
	assert_int_equal(CHECK(RANGE(CL_INSPECT_PORT, 1, 0xcf0, 8, RW),
			       RANGE(CL_INSPECT_PORT, 1, 0xd00, 8, RW)),
			 0);
	assert_int_equal(CHECK({ .kind = CL_INSPECT_MSR,
				 .cell = 3,
				 .start = 0x1b,
				 .size = 1,
				 .access = RW,
				 .index = 1 }),
			 1);
	HAS("'c3' reaches MSR 0x1b to 0x1b against the policy");
	assert_int_equal(CHECK(RANGE(CL_INSPECT_PCI, 0, 0, 0x100, RW),
			       RANGE(CL_INSPECT_PCI, 1, 0x28, 1, RW)),
			 1);
}

static void streams(void **state)
{
	(void)state;
	assert_int_equal(CHECK(RANGE(CL_INSPECT_PCI, 0, 0, 0x28, RW),
			       RANGE(CL_INSPECT_PCI, 0, 0x29, 0x10, RW),
			       RANGE(CL_INSPECT_PCI, 1, 0x28, 1, RW),
			       RANGE(CL_INSPECT_STREAM, 0, 0, 0x28, RW),
			       RANGE(CL_INSPECT_STREAM, 1, 0x28, 1, RW),
			       RANGE(CL_INSPECT_STREAM, 0, 0x29, 0x10, RW)),
			 0);
	assert_int_equal(CHECK(RANGE(CL_INSPECT_PCI, 0, 0, 0x28, RW),
			       RANGE(CL_INSPECT_PCI, 1, 0x28, 1, RW),
			       RANGE(CL_INSPECT_STREAM, 0, 0, 0x29, RW)),
			 1);
	HAS("PCI functions 0x0 to 0x28, not all of 'c0', reach its memory");
	assert_int_equal(CHECK(RANGE(CL_INSPECT_PCI, 0, 0, 0x28, RW),
			       RANGE(CL_INSPECT_STREAM, CL_NO_CELL, 0x10, 1, RW)),
			 1);
	HAS("PCI functions 0x10 to 0x10 reach what no cell's tables say");
}

#define CPU(owner, first, count, runs)                                                \
	{                                                                             \
		.kind = CL_INSPECT_CPU, .cell = owner, .start = first, .size = count, \
		.target = runs                                                        \
	}
#define PIN(owner, number, entry)                                                      \
	{                                                                              \
		.kind = CL_INSPECT_PIN, .cell = owner, .start = 0xfec00000, .size = 1, \
		.target = entry, .index = number                                       \
	}
#define TO(apic_id) ((uint64_t)(apic_id) << 56 | 0x40)

static void cpus_and_pins(void **state)
{
	(void)state;
	assert_int_equal(CHECK(CPU(0, 0, 2, 0), CPU(1, 2, 1, 1), PIN(0, 4, TO(11)),
			       PIN(1, 5, TO(12)), PIN(0, 6, TO(12) | 1 << 16),
			       PIN(0, 7, TO(12) | 1 << 11), PIN(0, 8, TO(12) | 1ULL << 48)),
			 0);
	assert_int_equal(CHECK(CPU(0, 0, 2, 0), CPU(1, 2, 1, 1), PIN(0, 4, TO(12))), 1);
	HAS("pin 4 of 'c0' interrupts a CPU that is not its own (APIC id 12)");
	/* No other cell has a logical id. */
	assert_int_equal(CHECK(CPU(1, 2, 1, 1), PIN(1, 4, TO(1) | 1 << 11)), 1);
	assert_int_equal(CHECK(PIN(0, 4, 1 << 16), PIN(1, 4, 1 << 16)), 1);
	HAS("interrupt pin 0x4 to 0x4 has two owners");
	assert_int_equal(CHECK(CPU(0, 0, 3, 0), CPU(1, 2, 1, 1)), 1);
	HAS("CPU 0x2 to 0x2 has two owners");
	assert_int_equal(CHECK(CPU(1, 2, 1, 0)), 1);
	HAS("CPU 2 is counted as one of 'c1', and runs 'c0'");
}

static void routes(void **state)
{
	(void)state;
	arch = CL_ARCH_ARM64;
	assert_int_equal(CHECK(CPU(0, 0, 2, 0), CPU(1, 2, 1, 1), PIN(0, 40, 11), PIN(1, 41, 12)),
			 0);
	assert_int_equal(CHECK(CPU(0, 0, 2, 0), CPU(1, 2, 1, 1), PIN(1, 41, 11)), 1);
	HAS("pin 41 of 'c1' interrupts a CPU that is not its own (affinity 0xb)");
	/* Aff3 is apart from the others. */
	assert_int_equal(CHECK(CPU(0, 0x1000000 - 10, 1, 0), PIN(0, 40, 1ULL << 32)), 0);
	assert_int_equal(CHECK(CPU(0, 0, 2, 0), PIN(0, 40, 1ULL << 32 | 11)), 1);
	HAS("(affinity 0x100000b)");
	arch = CL_ARCH_X86_64;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(memory_owners), cmocka_unit_test(shared_memory),
		cmocka_unit_test(lent_memory),	 cmocka_unit_test(hypervisor),
		cmocka_unit_test(other_things),	 cmocka_unit_test(cpus_and_pins),
		cmocka_unit_test(routes),	 cmocka_unit_test(streams),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
