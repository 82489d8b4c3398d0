// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0
/*
 * What operations cost that cause an exit: the least of each in nanoseconds, without what measuring
 * costs. On a machine that counts instructions (-icount) one is one.
 *
 * Command line: n=N (100) rounds; only=NAME.
 */
#include <inmate.h>

#define GICD_ISENABLER 0x104 /* of the first shared interrupts */
#define GICD_ICENABLER 0x184
#define SGI	       1
#define BATCH	       64

static volatile uint64_t received;

static void do_nothing(void)
{
	__asm__ volatile("" ::: "memory");
}

static void do_hypercall(void)
{
	hypercall(CL_HC_GET_INFO, CL_INFO_ABI_VERSION, 0, 0);
}

static void do_psci_version(void)
{
	register uint64_t x0 __asm__("x0") = PSCI_VERSION;

	__asm__ volatile("smc #0" : "+r"(x0)::"x1", "x2", "x3", "memory");
}

static void do_dist_read(void)
{
	mmio_read32(comm->gic_dist + GICD_ISENABLER);
}

/* An interrupt that is not the cell's: checked, and nothing is left to be written. */
static void do_dist_write(void)
{
	mmio_write32(comm->gic_dist + GICD_ICENABLER, 0);
}

static void receive(void)
{
	received++;
}

/* From the sending to the return of the handler. */
static void do_sgi(void)
{
	uint64_t before = received;

	ipi_send(0, SGI);
	while (received == before)
		;
}

static const struct {
	const char *name;
	void (*operation)(void);
} operations[] = {
	{ "hypercall", do_hypercall },
	{ "psci-version", do_psci_version },
	{ "dist-read", do_dist_read },
	{ "dist-write", do_dist_write },
	{ "sgi", do_sgi },
};

/*
 * Least ticks of BATCH operations in a row, out of so many rounds: the counter is slower than the
 * CPU, and at times other CPUs of an emulated machine have their turn in between.
 */
static uint64_t measure(void (*operation)(void), uint64_t rounds)
{
	uint64_t least = UINT64_MAX, round;

	for (round = 0; round < rounds; round++) {
		uint64_t start = rdtsc_ordered(), took, i;

		for (i = 0; i < BATCH; i++)
			operation();
		took = rdtsc_ordered() - start;
		least = took < least ? took : least;
	}
	return least;
}

static bool same(const char *a, const char *b)
{
	for (; *a && *a == *b; a++, b++)
		;
	return *a == *b;
}

void inmate_main(void)
{
	uint64_t rounds = cmdline_number("n", 100), empty, took;
	char only[32];
	bool all = !cmdline_string("only", only, sizeof(only));
	unsigned int i;

	if (!rounds)
		rounds = 1;
	interrupt_handler(IPI_VECTOR(SGI), receive);
	interrupts_on();
	printf("bench: %s, %llu rounds\n", interrupt_controller(), (unsigned long long)rounds);
	empty = measure(do_nothing, rounds);
	for (i = 0; i < sizeof(operations) / sizeof(operations[0]); i++) {
		if (!all && !same(only, operations[i].name))
			continue;
		took = measure(operations[i].operation, rounds);
		took = took > empty ? took - empty : 0;
		printf("bench: %-20s min %llu\n", operations[i].name,
		       (unsigned long long)(tsc_to_ns(took) / BATCH));
	}
	printf("bench: done\n");
}
