// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0
/*
 * Misbehaves on request. Command line: what= one of
 *
 *   mem	read, then (unless readonly) write address=N
 *   scan	read the first word of each page from start=N to end=N
 *   garbage	run fill=N bytes (0xcc, 0xff, 0x00 ...), or with fill=unmapped memory beyond the RAM
 *   hlt	halt with interrupts off and without a word
 *   flood	count=N hypercalls of all numbers, known and unknown, with odd arguments
 *   hypercall	the one with number=N
 *   loop	never end; counts in comm->heartbeat
 *
 * or what <arch>/fault_arch.h has.
 *
 * What was survived is printed, line by line, and "fault: survived" at the end.
 */
#include <inmate.h>

struct fault {
	const char *name;
	void (*run)(void);
};

static uint64_t required(const char *key)
{
	uint64_t value = cmdline_number(key, UINT64_MAX);

	if (value == UINT64_MAX) {
		printf("fault: %s=N is missing\n", key);
		inmate_exit();
	}
	return value;
}

#include "fault_arch.h"

static void mem(void)
{
	uint64_t address = required("address");
	uint32_t value;
	unsigned int fault = mmio_read32_safe(address, &value);

	if (fault)
		printf("fault: reading 0x%llx: exception %u\n", (unsigned long long)address,
		       fault & 0xff);
	else
		printf("fault: 0x%llx reads 0x%x\n", (unsigned long long)address, value);
	if (cmdline_flag("readonly"))
		return;
	mmio_write32(address, 0x55aa55aa);
	printf("fault: 0x%llx was written\n", (unsigned long long)address);
}

static void scan(void)
{
	uint64_t address = required("start");
	uint64_t end = required("end");
	uint64_t readable = 0, ones = 0, pages = 0;
	uint32_t value;

	for (; address < end; address += 0x1000) {
		pages++;
		if (mmio_read32_safe(address, &value))
			continue;
		readable++;
		ones += value == 0xffffffff;
	}
	printf("fault: %llu pages, %llu readable, %llu of them read as ones\n",
	       (unsigned long long)pages, (unsigned long long)readable, (unsigned long long)ones);
}

static void garbage(void)
{
	static uint8_t page[4096] __attribute__((aligned(4096)));
	uint8_t fill = cmdline_number("fill", 0xcc);
	char text[16];
	unsigned int i;

	cmdline_string("fill", text, sizeof(text));
	if (text[0] == 'u') {
		/* behind the RAM of any small cell, and below what the library maps */
		((void (*)(void))cmdline_number("address", 0x70000000))();
		return;
	}
	for (i = 0; i < sizeof(page); i++)
		page[i] = fill;
	sync_code(page, sizeof(page));
	((void (*)(void))page)();
}

static void flood(void)
{
	uint64_t count = cmdline_number("count", 100000);
	uint64_t refused = 0;
	uint64_t i;

	/* destroying and disabling are root's: that a cell is refused is the test */
	for (i = 0; i < count; i++)
		refused += hypercall(i % 3 ? i % (CL_HC_COUNT + 4) : ~i, i, ~i, i << 32) < 0;
	printf("fault: %llu hypercalls, %llu refused\n", (unsigned long long)count,
	       (unsigned long long)refused);
}

static void one_hypercall(void)
{
	uint64_t number = required("number");

	printf("fault: hypercall 0x%llx returned %lld\n", (unsigned long long)number,
	       (long long)hypercall(number, 0, 0, 0));
}

static void loop(void)
{
	for (;;)
		if (comm)
			comm->heartbeat++;
}

static const struct fault faults[] = {
	ARCH_FAULTS{ "mem", mem },	{ "scan", scan },   { "garbage", garbage },
	{ "hlt", inmate_stop },		{ "flood", flood }, { "loop", loop },
	{ "hypercall", one_hypercall },
};

static bool same(const char *a, const char *b)
{
	for (; *a && *a == *b; a++, b++)
		;
	return *a == *b;
}

void inmate_main(void)
{
	char what[16];
	unsigned int i;

	cmdline_string("what", what, sizeof(what));
	for (i = 0; i < sizeof(faults) / sizeof(faults[0]); i++) {
		if (!same(what, faults[i].name))
			continue;
		printf("fault: %s\n", what);
		faults[i].run();
		printf("fault: survived\n");
		return;
	}
	printf("fault: what=%s is not known\n", what);
}
