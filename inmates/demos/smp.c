// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0
/*
 * Starts all CPUs of the cell; measures how long an interrupt to another CPU and back takes, and
 * lets all of them count in parallel. Then it repeats the counting until root shuts the cell down.
 *
 * Command line: rounds=N (1000) of ping-pong, count=N (100K) for each CPU.
 */
#include <inmate.h>

#define PING_VECTOR IPI_VECTOR(0)
#define PONG_VECTOR IPI_VECTOR(1)
#define PATIENCE_US 1000000

static uint32_t pongs;
static uint32_t go;	 /* the round of counting that has begun */
static uint32_t arrived; /* CPUs that are done with it */
static uint64_t shared_count;
static uint64_t count_each;

static void on_ping(void)
{
	ipi_send(0, PONG_VECTOR);
}

static void on_pong(void)
{
	__atomic_add_fetch(&pongs, 1, __ATOMIC_RELEASE);
}

static void count_up(void)
{
	uint64_t i;

	for (i = 0; i < count_each; i++)
		__atomic_add_fetch(&shared_count, 1, __ATOMIC_RELAXED);
	__atomic_add_fetch(&arrived, 1, __ATOMIC_RELEASE);
}

static void other_cpu(unsigned int index)
{
	uint32_t seen = 0;

	printf("smp: CPU %u is here, hardware id %u\n", index, cpu_hw_id());
	interrupts_on();
	for (;;) {
		while (__atomic_load_n(&go, __ATOMIC_ACQUIRE) == seen)
			cpu_relax();
		seen++;
		count_up();
	}
}

static bool wait_until(const uint32_t *value, uint32_t reached)
{
	uint64_t start = rdtsc();
	uint64_t ticks = ns_to_tsc(PATIENCE_US * 1000ULL);

	while (__atomic_load_n(value, __ATOMIC_ACQUIRE) < reached) {
		if (rdtsc() - start > ticks)
			return false;
		cpu_relax();
	}
	return true;
}

static void ping_pong(unsigned int index, uint32_t rounds)
{
	uint64_t min = UINT64_MAX, max = 0, sum = 0;
	uint32_t i;

	for (i = 0; i < rounds; i++) {
		uint32_t before = pongs;
		uint64_t start = rdtsc();
		uint64_t took;

		ipi_send(index, PING_VECTOR);
		if (!wait_until(&pongs, before + 1)) {
			printf("smp: CPU %u did not answer ping %u\n", index, i);
			return;
		}
		took = rdtsc() - start;
		sum += took;
		if (took < min)
			min = took;
		if (took > max)
			max = took;
	}
	if (rounds)
		printf("smp: %u x IPI to CPU %u and back: min %llu avg %llu max %llu ns\n", rounds,
		       index, (unsigned long long)tsc_to_ns(min),
		       (unsigned long long)tsc_to_ns(sum / rounds),
		       (unsigned long long)tsc_to_ns(max));
}

static void count_together(unsigned int cpus)
{
	uint64_t start = rdtsc();

	shared_count = 0;
	arrived = 0;
	__atomic_add_fetch(&go, 1, __ATOMIC_RELEASE);
	count_up();
	while (__atomic_load_n(&arrived, __ATOMIC_ACQUIRE) < cpus)
		cpu_relax();
	printf("smp: %u CPUs counted to %llu (expected %llu) in %llu us\n", cpus,
	       (unsigned long long)shared_count, (unsigned long long)(count_each * cpus),
	       (unsigned long long)tsc_to_ns(rdtsc() - start) / 1000);
}

void inmate_main(void)
{
	uint32_t rounds = cmdline_number("rounds", 1000);
	unsigned int running, i;

	count_each = cmdline_number("count", 100 * 1024);
	interrupt_handler(PING_VECTOR, on_ping);
	interrupt_handler(PONG_VECTOR, on_pong);
	printf("smp: CPU 0 is here, hardware id %u\n", cpu_hw_id());
	running = smp_start(other_cpu) + 1;
	printf("smp: %u of %u CPUs run\n", running, cpu_count());
	interrupts_on();
	if (running == cpu_count())
		for (i = 1; i < running; i++)
			ping_pong(i, rounds);
	while (!shutdown_requested()) {
		count_together(running);
		for (i = 0; i < 50 && !shutdown_requested(); i++) {
			if (comm)
				comm->heartbeat++;
			delay_us(100000);
		}
	}
	printf("smp: done\n");
}
