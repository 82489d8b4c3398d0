/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
#ifndef INTERNAL_ARCH_H
#define INTERNAL_ARCH_H

#ifdef __x86_64__
void interrupts_init_cpu(void);
void apic_init(void);
void apic_init_cpu(void);
/* Called by the entry code of CPUs other than the first. */
void arch_ap_start(void);

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
#else
/* Neither interrupts nor other CPUs. */
static inline void arch_init(void)
{
}

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
