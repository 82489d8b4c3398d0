// SPDX-License-Identifier: GPL-2.0
#include <arch.h>
#include <cell.h>
#include <log.h>

struct cpu cpus[CONFIG_MAX_CPUS];
unsigned int cpu_count __ro_after_init;

/* Longest time a CPU may take to come out of its guest and answer. */
#define ANSWER_MS 5000

void cpu_post(struct cpu *cpu, uint32_t events)
{
	__atomic_fetch_or(&cpu->events, events, __ATOMIC_SEQ_CST);
	/* One kick at a time is under way, so that its arrival can be told from an NMI of the
	 * guest. */
	if (!__atomic_exchange_n(&cpu->kick_pending, 1, __ATOMIC_SEQ_CST))
		arch_cpu_kick(cpu);
}

bool cpu_wait(struct cpu *cpu, uint32_t events)
{
	bool answered = WAIT_UNTIL(!(READ_ONCE(cpu->events) & events), ANSWER_MS);

	if (!answered)
		log_error("CPU %u does not answer (events 0x%x)", cpu->id, cpu->events);
	return answered;
}

void cpu_handle_events(void)
{
	struct cpu *cpu = arch_this_cpu();

	for (;;) {
		uint32_t events = __atomic_load_n(&cpu->events, __ATOMIC_SEQ_CST);

		if (events & CPU_EV_PARK) {
			cpu->parked = true;
			cpu->waiting = false;
		}
		if (events & CPU_EV_FLUSH)
			arch_flush_guest_tlb(cpu);
		if (events & CPU_EV_WAIT) {
			cpu->parked = true;
			cpu->waiting = true;
			arch_cpu_reset(cpu);
		}
		if (events & CPU_EV_START && cpu->waiting) {
			cpu->parked = false;
			cpu->waiting = false;
			arch_cpu_start(cpu, &cpu->start);
		}
		if (events & CPU_EV_ARCH) {
			/*
			 * Nobody waits for this one, and it can be posted again at any time: cleared
			 * before it is done, so that what comes meanwhile is not cleared with it.
			 */
			__atomic_fetch_and(&cpu->events, ~(uint32_t)CPU_EV_ARCH, __ATOMIC_SEQ_CST);
			if (!cpu->parked)
				arch_cpu_event(cpu);
			events &= ~(uint32_t)CPU_EV_ARCH;
		}

		cpu->info->state = cpu->parked ? CL_CPU_PARKED : CL_CPU_RUNNING;
		if (events)
			__atomic_fetch_and(&cpu->events, ~events, __ATOMIC_SEQ_CST);
		if (__atomic_load_n(&cpu->events, __ATOMIC_SEQ_CST))
			continue;
		if (!cpu->parked)
			return;
		arch_cpu_idle();
	}
}
