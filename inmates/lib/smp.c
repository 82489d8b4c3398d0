// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0
/* Starting the other CPUs of the cell; how one is started is the architecture's. */
#include "inmate.h"
#include "internal.h"

static void (*ap_run)(unsigned int index);
static uint32_t started;

unsigned int cpu_count(void)
{
	return comm && comm->cpu_count ? comm->cpu_count : 1;
}

unsigned int cpu_index(void)
{
	return this_cpu();
}

void ap_start(void)
{
	__atomic_add_fetch(&started, 1, __ATOMIC_RELEASE);
	ap_run(this_cpu());
	inmate_stop();
}

uint32_t cpus_started(void)
{
	return __atomic_load_n(&started, __ATOMIC_ACQUIRE);
}

bool wait_for_cpus(uint32_t count, uint64_t us)
{
	uint64_t start = rdtsc();
	uint64_t ticks = ns_to_tsc(us * 1000);

	while (rdtsc() - start < ticks) {
		if (cpus_started() >= count)
			return true;
		cpu_relax();
	}
	return false;
}

unsigned int smp_start(void (*run)(unsigned int index))
{
	unsigned int count = 0;
	unsigned int i;

	ap_run = run;
	for (i = 1; i < cpu_count(); i++)
		count += arch_start_cpu(i);
	return count;
}
