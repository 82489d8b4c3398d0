// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0
/* CPUs are started by PSCI. */
#include "../inmate.h"
#include "../internal.h"

#define PATIENCE_US 1000000

extern const char ap_entry[];

int64_t firmware_call(uint64_t function, uint64_t arg1, uint64_t arg2, uint64_t arg3)
{
	register uint64_t x0 __asm__("x0") = function;
	register uint64_t x1 __asm__("x1") = arg1;
	register uint64_t x2 __asm__("x2") = arg2;
	register uint64_t x3 __asm__("x3") = arg3;

	/* SMCCC: the callee may change these */
	__asm__ volatile("hvc #0"
			 : "+r"(x0), "+r"(x1), "+r"(x2), "+r"(x3)
			 :
			 : "x4", "x5", "x6", "x7", "x8", "x9", "x10", "x11", "x12", "x13", "x14",
			   "x15", "x16", "x17", "memory");
	return x0;
}

void arch_ap_start(uint32_t index)
{
	write_sysreg(tpidr_el1, index);
	gic->init_cpu();
	ap_start();
}

bool arch_start_cpu(unsigned int index)
{
	uint32_t wanted = cpus_started() + 1;

	return firmware_call(PSCI_CPU_ON, hw_id_to_mpidr(comm->hw_ids[index]), (uintptr_t)ap_entry,
			     index) == 0 &&
	       wait_for_cpus(wanted, PATIENCE_US);
}
