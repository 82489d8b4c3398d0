// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0
/*
 * A cell that must not miss a tick while others misbehave: counts timer interrupts in
 * comm->heartbeat and keeps the longest time between two of them.
 *
 * Command line: period_us=N (1000), print_ms=N between lines (1000), 0: none, so that nothing but
 * the timer runs. release_ms=N: after that time, release the lock that CL_CELL_LOCKED has set.
 */
#include <inmate.h>

static volatile uint64_t ticks;
static uint64_t last, longest;

static void on_timer(void)
{
	uint64_t now = rdtsc();

	timer_latency(); /* also sets the next deadline */
	if (last && now - last > longest)
		longest = now - last;
	last = now;
	ticks++;
	if (comm)
		comm->heartbeat++;
}

static void report(void)
{
	printf("heartbeat: %llu ticks, longest interval %llu ns\n", (unsigned long long)ticks,
	       (unsigned long long)tsc_to_ns(longest));
}

void inmate_main(void)
{
	uint64_t period_us = cmdline_number("period_us", 1000);
	uint64_t print_ms = cmdline_number("print_ms", 1000);
	uint64_t release_ms = cmdline_number("release_ms", 0);
	uint64_t per_line, release, next;

	if (!period_us)
		period_us = 1;
	per_line = print_ms * 1000 / period_us;
	release = release_ms * 1000 / period_us;
	next = per_line;
	interrupt_handler(TIMER_VECTOR, on_timer);
	timer_start(TIMER_VECTOR, ns_to_tsc(period_us * 1000));
	printf("heartbeat: period %llu us\n", (unsigned long long)period_us);
	while (!shutdown_requested()) {
		wait_for_interrupt();
		/* the report must not delay the next tick */
		interrupts_on();
		if (per_line && ticks >= next) {
			next = ticks + per_line;
			report();
		}
		if (release && ticks >= release) {
			release = 0;
			printf("heartbeat: release %lld\n",
			       (long long)hypercall(CL_HC_RELEASE, 0, 0, 0));
		}
		interrupts_off();
	}
	timer_stop();
	report();
	printf("heartbeat: done\n");
}
