// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0
/*
 * Arms its watchdog and kicks it kicks=N times (10), every_ms=M (100) milliseconds apart. Then it
 * does what then= says: nothing more ("hang"), "off" (switches it off), or "scribble": writes all
 * values to its word and the rest of the comm region, without end, as fast as it can.
 */
#include <inmate.h>

static bool is(const char *word, const char *other)
{
	while (*word && *word == *other)
		word++, other++;
	return *word == *other;
}

static void write_watchdog(uint32_t value)
{
	__atomic_store_n(&comm->watchdog, value, __ATOMIC_SEQ_CST);
}

static void scribble(void)
{
	volatile uint32_t *words = (volatile uint32_t *)comm;
	uint32_t value = 1;
	unsigned int i;

	for (;;) {
		for (i = 0; i < 4096 / sizeof(*words); i++) {
			/* What root reads as its end is another test's. */
			if (&words[i] != &comm->cell_state)
				words[i] = value;
			value = value * 1664525 + 1013904223;
		}
	}
}

void inmate_main(void)
{
	uint64_t kicks = cmdline_number("kicks", 10), every_ms = cmdline_number("every_ms", 100);
	char then[16];

	cmdline_string("then", then, sizeof(then));
	for (; kicks; kicks--) {
		write_watchdog(CL_WATCHDOG_ARMED | CL_WATCHDOG_KICKED);
		delay_us(every_ms * 1000);
	}
	printf("watchdog: %s\n", then);
	if (is(then, "off"))
		write_watchdog(0);
	if (is(then, "scribble"))
		scribble();
	while (!shutdown_requested())
		delay_us(1000);
}
