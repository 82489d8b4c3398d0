// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0
/* From the entry code to inmate_main(), and what every inmate needs of time and of its end. */
#include "inmate.h"
#include "internal.h"

struct cl_comm *comm;

void inmate_stop(void)
{
	for (;;)
		cpu_halt();
}

void inmate_exit(void)
{
	if (comm) {
		comm->message = CL_MSG_NONE;
		__atomic_store_n(&comm->cell_state, CL_STATE_SHUT_DOWN, __ATOMIC_RELEASE);
	}
	inmate_stop();
}

uint32_t tsc_khz(void)
{
	static uint32_t khz;
	static bool known;

	if (!known) {
		khz = cmdline_number("tsc_khz", comm ? comm->tsc_khz : 0);
		known = true;
		if (!khz)
			printf("inmate: nobody knows the frequency of the time-stamp counter, "
			       "taking it for 1 GHz; tsc_khz=... tells\n");
	}
	return khz;
}

/* value * mul / div without an overflow in between, as long as the result fits. */
static uint64_t scale(uint64_t value, uint32_t mul, uint32_t div)
{
	uint64_t whole = value;
	uint64_t part = (uint64_t)divide(&whole, div) * mul;

	divide(&part, div);
	return whole * mul + part;
}

uint64_t tsc_to_ns(uint64_t ticks)
{
	uint32_t khz = tsc_khz();

	return khz ? scale(ticks, 1000000, khz) : ticks;
}

uint64_t ns_to_tsc(uint64_t ns)
{
	uint32_t khz = tsc_khz();

	return khz ? scale(ns, khz, 1000000) : ns;
}

void delay_us(uint64_t us)
{
	uint64_t start = rdtsc();
	uint64_t ticks = ns_to_tsc(us * 1000);

	while (rdtsc() - start < ticks)
		cpu_relax();
}

void inmate_start(uintptr_t comm_address)
{
	struct cl_comm *region = (struct cl_comm *)comm_address;

	if (region && region->magic == CL_COMM_MAGIC) {
		comm = region;
		comm->cell_state = CL_STATE_RUNNING;
	}
	console_init();
	arch_init();
	inmate_main();
	inmate_exit();
}
