// SPDX-License-Identifier: GPL-2.0
/* What CPUs ask of each other: nothing that is posted while something is being done gets lost. */
#include "../host/machine.h"
#include <log.h>
#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

static struct cl_cpu_info cpu_info;
static unsigned int kicks, flushes, deliveries, again;

void machine_window(uint64_t phys, bool writable)
{
	(void)phys;
	(void)writable;
}

void cpu_relax(void)
{
}

uint64_t arch_timestamp(void)
{
	return 0;
}

uint64_t arch_ticks_per_ms(void)
{
	return 1;
}

void log_write(unsigned int severity, uint32_t cell, const char *fmt, ...)
{
	(void)severity;
	(void)cell;
	(void)fmt;
	fail();
}

void arch_cpu_kick(struct cpu *cpu)
{
	cpu->kick_pending = 0; /* it arrives */
	kicks++;
}

void arch_flush_guest_tlb(struct cpu *cpu)
{
	(void)cpu;
	flushes++;
}

void arch_cpu_reset(struct cpu *cpu)
{
	assert_true(cpu->parked && cpu->waiting);
}

void arch_cpu_start(struct cpu *cpu, const struct arch_start *start)
{
	assert_false(cpu->parked || cpu->waiting);
	assert_ptr_equal(start, &cpu->start);
}

/* Another CPU posts just while this one is at it. */
void arch_cpu_event(struct cpu *cpu)
{
	deliveries++;
	if (again) {
		again--;
		cpu_post(cpu, CPU_EV_ARCH);
	}
}

/* Another CPU starts the one that waits. */
void arch_cpu_idle(void)
{
	cpu_post(&cpus[0], CPU_EV_START | CPU_EV_ARCH);
}

static int setup(void **state)
{
	(void)state;
	memset(&cpus[0], 0, sizeof(cpus[0]));
	cpus[0].info = &cpu_info;
	local->cpu = &cpus[0];
	kicks = flushes = deliveries = again = 0;
	return 0;
}

static void posted_while_delivering(void **state)
{
	(void)state;
	again = 3;
	cpu_post(&cpus[0], CPU_EV_ARCH);
	cpu_handle_events();
	assert_int_equal(deliveries, 4);
	assert_int_equal(kicks, 4);
	assert_int_equal(cpus[0].events, 0);
}

/* Only if there is nothing else to do, and the guest runs. */
static void the_short_way(void **state)
{
	(void)state;
	assert_false(cpu_take_arch_event(&cpus[0]));
	cpus[0].events = CPU_EV_ARCH;
	assert_true(cpu_take_arch_event(&cpus[0]));
	assert_int_equal(cpus[0].events, 0);
	cpus[0].events = CPU_EV_ARCH | CPU_EV_FLUSH;
	assert_false(cpu_take_arch_event(&cpus[0]));
	assert_int_equal(cpus[0].events, CPU_EV_ARCH | CPU_EV_FLUSH);
	cpus[0].events = CPU_EV_ARCH;
	cpus[0].parked = true;
	assert_false(cpu_take_arch_event(&cpus[0]));
	assert_int_equal(cpus[0].events, CPU_EV_ARCH);
}

static void one_kick_at_a_time(void **state)
{
	(void)state;
	cpus[0].kick_pending = 1;
	cpu_post(&cpus[0], CPU_EV_FLUSH);
	cpu_post(&cpus[0], CPU_EV_ARCH);
	assert_int_equal(kicks, 0);
	cpu_handle_events();
	assert_int_equal(flushes, 1);
	assert_int_equal(deliveries, 1);
}

static void waits_until_started(void **state)
{
	(void)state;
	cpu_post(&cpus[0], CPU_EV_WAIT | CPU_EV_FLUSH);
	cpu_handle_events();
	assert_int_equal(flushes, 1);
	assert_int_equal(cpu_info.state, CL_CPU_RUNNING);
	assert_false(cpus[0].parked || cpus[0].waiting);
	assert_int_equal(deliveries, 1); /* posted together with the start */
	/* A start that nobody waits for is dropped. */
	cpu_post(&cpus[0], CPU_EV_START);
	cpu_handle_events();
	assert_int_equal(cpus[0].events, 0);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(posted_while_delivering, setup),
		cmocka_unit_test_setup(the_short_way, setup),
		cmocka_unit_test_setup(one_kick_at_a_time, setup),
		cmocka_unit_test_setup(waits_until_started, setup),
	};

	machine_reset();
	return cmocka_run_group_tests_name("cpu", tests, NULL, NULL);
}
