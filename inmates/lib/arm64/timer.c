// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0
/* The virtual timer of each CPU. */
#include "../inmate.h"
#include "../internal.h"

#define CTL_ENABLE 1

/* of each CPU */
static uint64_t periods[CL_COMM_MAX_CPUS];

const char *timer_mode(void)
{
	return "virtual-timer";
}

void timer_start(unsigned int intid, uint64_t period_tsc)
{
	periods[cpu_index()] = period_tsc;
	write_sysreg(cntv_cval_el0, rdtsc_ordered() + period_tsc);
	write_sysreg(cntv_ctl_el0, CTL_ENABLE);
	isb();
	gic->enable(intid);
}

void timer_stop(void)
{
	write_sysreg(cntv_ctl_el0, 0);
	isb();
}

/* A deadline that has passed is moved on by whole periods, so that being late does not add up. */
uint64_t timer_latency(void)
{
	uint64_t period = periods[cpu_index()];
	uint64_t deadline = read_sysreg(cntv_cval_el0);
	uint64_t now = rdtsc_ordered();
	uint64_t late = now - deadline;

	do
		deadline += period;
	while (deadline <= now);
	write_sysreg(cntv_cval_el0, deadline);
	isb();
	return late;
}
