// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0
/*
 * A timer whose line is still up when its interrupt is deactivated is pending again then (IHI 0048,
 * 3.2.4), and comes at once, not when something else happens in the interrupt controller. How long
 * that takes is counted in rounds of a loop: on the way through the hypervisor none are done.
 *
 * Command line: times=N (1000); split: ended in two steps, as Linux does.
 */
#include <inmate.h>

#define ROUNDS	1000	  /* more is late */
#define FOREVER 100000000 /* ... and this is lost */

/* GICv2 */
#define GICC_CTLR   0x0000
#define GICC_DIR    0x1000
#define GICC_ENABLE 0x001U
#define GICC_EOIM   0x200U

/* GICv3 */
#define ICC_EOIM 0x2U

static uint64_t times;
static volatile uint64_t arrived;

static void on_timer(void)
{
	if (++arrived == times)
		timer_stop();
}

/* From here on the library only drops the priority. */
static void split_end(void)
{
	if (comm->gic_version == 2) {
		mmio_write32(comm->gic_cpu + GICC_CTLR, GICC_ENABLE | GICC_EOIM);
	} else {
		write_sysreg(icc_ctlr_el1, ICC_EOIM);
		isb();
	}
}

static void deactivate(void)
{
	if (comm->gic_version == 2)
		mmio_write32(comm->gic_cpu + GICC_DIR, TIMER_VECTOR);
	else
		write_sysreg(icc_dir_el1, TIMER_VECTOR);
}

static uint64_t rounds_until(uint64_t count)
{
	uint64_t rounds = 0;

	while (arrived < count && rounds < FOREVER)
		rounds++;
	return rounds;
}

void inmate_main(void)
{
	bool split = cmdline_flag("split");
	uint64_t late = 0, longest = 0, i;

	times = cmdline_number("times", 1000);
	if (split)
		split_end();
	interrupt_handler(TIMER_VECTOR, on_timer);
	timer_start(TIMER_VECTOR, 0);
	interrupts_on();
	for (i = 1; i <= times; i++) {
		uint64_t rounds = rounds_until(i);

		late += rounds > ROUNDS;
		if (rounds > longest)
			longest = rounds;
		if (arrived < i)
			break;
		if (split)
			deactivate();
	}
	printf("level: %llu of %llu interrupts, %llu of them late, the latest after %llu rounds\n",
	       (unsigned long long)arrived, (unsigned long long)times, (unsigned long long)late,
	       (unsigned long long)longest);
}
