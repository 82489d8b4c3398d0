// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0
/* Starting the other CPUs of the cell. */
#include "../inmate.h"
#include "../internal.h"

#define AP_TRAMPOLINE 0x3000 /* entry64.S */

#define INIT_DELAY_US	 10000 /* Intel SDM 9.4.4 */
#define STARTUP_DELAY_US 200
#define PATIENCE_US	 1000000

extern const char ap_trampoline[], ap_trampoline_end[];

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

static uint32_t find_index(uint32_t id)
{
	uint32_t i;

	for (i = 0; i < CL_COMM_MAX_CPUS - 1 && comm->hw_ids[i] != id; i++)
		;
	return i;
}

void ap_start(void)
{
	interrupts_init_cpu();
	apic_init_cpu();
	*cpu_word() = find_index(apic_id());
	__atomic_add_fetch(&started, 1, __ATOMIC_RELEASE);
	ap_run(this_cpu());
	inmate_stop();
}

static bool wait_for(uint32_t count, uint64_t us)
{
	uint64_t start = rdtsc();
	uint64_t ticks = ns_to_tsc(us * 1000);

	while (rdtsc() - start < ticks) {
		if (__atomic_load_n(&started, __ATOMIC_ACQUIRE) >= count)
			return true;
		cpu_relax();
	}
	return false;
}

static bool start_cpu(uint32_t hw_id)
{
	uint32_t startup = ICR_STARTUP | AP_TRAMPOLINE >> 12;
	uint32_t wanted = __atomic_load_n(&started, __ATOMIC_ACQUIRE) + 1;

	apic_send(hw_id, ICR_INIT);
	delay_us(INIT_DELAY_US);
	apic_send(hw_id, startup);
	if (wait_for(wanted, STARTUP_DELAY_US))
		return true;
	apic_send(hw_id, startup);
	return wait_for(wanted, PATIENCE_US);
}

unsigned int smp_start(void (*run)(unsigned int index))
{
	size_t size = (uintptr_t)ap_trampoline_end - (uintptr_t)ap_trampoline;
	volatile char *to = (volatile char *)AP_TRAMPOLINE;
	unsigned int count = 0;
	size_t at;
	unsigned int i;

	ap_run = run;
	for (at = 0; at < size; at++)
		to[at] = ap_trampoline[at];
	for (i = 1; i < cpu_count(); i++)
		count += start_cpu(comm->hw_ids[i]);
	return count;
}
