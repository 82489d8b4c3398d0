/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
/* What the library's files know of each other and inmates need not. */
#ifndef INMATE_INTERNAL_H
#define INMATE_INTERNAL_H

#include "inmate.h"

/* Called by the entry code of the first CPU, and of the others. */
void inmate_start(uintptr_t comm_address);
void ap_start(void);

void console_init(void);

#ifdef __x86_64__
void interrupts_init(void);
void interrupts_init_cpu(void);
void apic_init(void);
void apic_init_cpu(void);

#define STACK_SIZE 8192 /* of each CPU, and their alignment; entry64.S */

/*
 * The number of this CPU stands at the low end of its stack: asking the APIC for it would be an
 * exit in xAPIC mode.
 */
static inline uint32_t *cpu_word(void)
{
	uintptr_t sp;

	__asm__ volatile("mov %%rsp, %0" : "=r"(sp));
	return (uint32_t *)(sp & ~(STACK_SIZE - 1UL));
}

static inline uint32_t this_cpu(void)
{
	return *cpu_word();
}

static inline uint32_t divide(uint64_t *value, uint32_t by)
{
	uint32_t rest = *value % by;

	*value /= by;
	return rest;
}
#else
/* No other CPU is started in 32-bit mode. */
static inline uint32_t this_cpu(void)
{
	return 0;
}

/* There is no compiler support library with the 64-bit division. */
static inline uint32_t divide(uint64_t *value, uint32_t by)
{
	uint32_t high = *value >> 32, low = *value, rest = high % by;

	high /= by;
	__asm__("divl %2" : "+a"(low), "+d"(rest) : "r"(by));
	*value = (uint64_t)high << 32 | low;
	return rest;
}
#endif

#endif
