/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
/* What the library's files know of each other and inmates need not. */
#ifndef INMATE_INTERNAL_H
#define INMATE_INTERNAL_H

#include "inmate.h"

/* Called by the entry code of the first CPU. */
void inmate_start(uintptr_t comm_address);

void console_init(void);

#include <internal_arch.h>

#if UINTPTR_MAX > UINT32_MAX
/* Exceptions, interrupt controller and timer of the first CPU. */
void arch_init(void);
/* Makes a CPU go to ap_start(); returns whether it came. */
bool arch_start_cpu(unsigned int index);

/* What another CPU does once it can take interrupts and this_cpu() knows it. */
void __attribute__((noreturn)) ap_start(void);
/* How many CPUs have come there, and waiting until it are so many. */
uint32_t cpus_started(void);
bool wait_for_cpus(uint32_t count, uint64_t us);

/* Where to go on if the instruction at this address faults (CAN_FAULT); 0: nowhere. */
uint64_t find_fixup(uint64_t address);

static inline uint32_t divide(uint64_t *value, uint32_t by)
{
	uint32_t rest = *value % by;

	*value /= by;
	return rest;
}
#endif

#endif
