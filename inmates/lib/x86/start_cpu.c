// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0
/* INIT, start-up IPI, and what the CPU does then. */
#include "../inmate.h"
#include "../internal.h"

#define AP_TRAMPOLINE 0x3000 /* entry64.S */

#define INIT_DELAY_US	 10000 /* Intel SDM 9.4.4 */
#define STARTUP_DELAY_US 200
#define PATIENCE_US	 1000000

extern const char ap_trampoline[], ap_trampoline_end[];

static uint32_t find_index(uint32_t id)
{
	uint32_t i;

	for (i = 0; i < CL_COMM_MAX_CPUS - 1 && comm->hw_ids[i] != id; i++)
		;
	return i;
}

void arch_ap_start(void)
{
	interrupts_init_cpu();
	apic_init_cpu();
	*cpu_word() = find_index(apic_id());
	ap_start();
}

static void copy_trampoline(void)
{
	size_t size = (uintptr_t)ap_trampoline_end - (uintptr_t)ap_trampoline;
	volatile char *to = (volatile char *)AP_TRAMPOLINE;
	size_t at;

	for (at = 0; at < size; at++)
		to[at] = ap_trampoline[at];
}

bool arch_start_cpu(unsigned int index)
{
	uint32_t startup = ICR_STARTUP | AP_TRAMPOLINE >> 12;
	uint32_t hw_id = comm->hw_ids[index];
	uint32_t wanted = cpus_started() + 1;

	copy_trampoline();
	apic_send(hw_id, ICR_INIT);
	delay_us(INIT_DELAY_US);
	apic_send(hw_id, startup);
	if (wait_for_cpus(wanted, STARTUP_DELAY_US))
		return true;
	apic_send(hw_id, startup);
	return wait_for_cpus(wanted, PATIENCE_US);
}
