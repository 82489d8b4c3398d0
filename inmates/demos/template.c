// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0
/* Start here: one interrupt a second, until root asks the cell to shut down. */
#include <inmate.h>

static volatile unsigned int seconds;

static void on_timer(void)
{
	timer_latency(); /* also sets the next deadline */
	seconds++;
}

void inmate_main(void)
{
	interrupt_handler(TIMER_VECTOR, on_timer);
	timer_start(TIMER_VECTOR, ns_to_tsc(1000000000));
	while (!shutdown_requested()) {
		wait_for_interrupt();
		printf("%u s\n", seconds);
	}
}
