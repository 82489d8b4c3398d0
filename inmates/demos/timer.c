// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0
/*
 * How late is a periodic timer interrupt? Reports minimum, average, maximum and a histogram.
 *
 * Command line: period_us=N (10000), ticks=N (0: for ever; then the numbers so far come every
 * report_s=N seconds (5), 0: never).
 */
#include <inmate.h>

#define BUCKETS 40 /* of powers of two: 2^39 ticks is minutes */

static struct {
	volatile uint64_t ticks;
	uint64_t min, max, sum;
	uint64_t buckets[BUCKETS];
} latency = { .min = UINT64_MAX };

/* Bucket n holds latencies below 2^n that are in no smaller one. */
static unsigned int bucket_of(uint64_t value)
{
	unsigned int n = value ? 64 - __builtin_clzll(value) : 0;

	return n < BUCKETS ? n : BUCKETS - 1;
}

static void on_timer(void)
{
	uint64_t late = timer_latency();

	if (late < latency.min)
		latency.min = late;
	if (late > latency.max)
		latency.max = late;
	latency.sum += late;
	latency.buckets[bucket_of(late)]++;
	latency.ticks++;
	if (comm)
		comm->heartbeat++;
}

static void print_latency(const char *name, uint64_t ticks)
{
	printf("  %s %llu ticks, %llu ns\n", name, (unsigned long long)ticks,
	       (unsigned long long)tsc_to_ns(ticks));
}

static void report(void)
{
	unsigned int i;

	if (!latency.ticks)
		return;
	printf("timer: latency of %llu interrupts\n", (unsigned long long)latency.ticks);
	print_latency("min", latency.min);
	print_latency("avg", latency.sum / latency.ticks);
	print_latency("max", latency.max);
	for (i = 0; i < BUCKETS; i++)
		if (latency.buckets[i])
			printf("  < %8llu ns: %llu\n", (unsigned long long)tsc_to_ns(1ULL << i),
			       (unsigned long long)latency.buckets[i]);
}

void inmate_main(void)
{
	uint64_t wanted = cmdline_number("ticks", 0);
	uint64_t period_us = cmdline_number("period_us", 10000);
	uint64_t report_s = cmdline_number("report_s", 5);
	uint64_t per_report;

	if (!period_us)
		period_us = 1;
	per_report = report_s * 1000000 / period_us;
	interrupt_handler(TIMER_VECTOR, on_timer);
	timer_start(TIMER_VECTOR, ns_to_tsc(period_us * 1000));
	printf("timer: one interrupt every %llu us, %s, %s mode\n", (unsigned long long)period_us,
	       comm ? interrupt_controller() : "unknown", timer_mode());
	while (!shutdown_requested() && (!wanted || latency.ticks < wanted)) {
		wait_for_interrupt();
		/* the report must not delay the next tick */
		interrupts_on();
		if (!wanted && per_report && latency.ticks % per_report == 0)
			report();
		interrupts_off();
	}
	timer_stop();
	report();
	printf("timer: done\n");
}
