/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
#ifndef INTERNAL_ARCH_H
#define INTERNAL_ARCH_H

/* Called by the entry code, with the MMU off: writes the page tables. */
void mmu_prepare(struct cl_comm *region);
/* Called by the entry code of CPUs other than the first. */
void arch_ap_start(uint32_t index);

void gic_init(void);
/* This CPU's part of it. */
void gic_init_cpu(void);
void gic_enable(unsigned int intid);
/* The INTID of the interrupt that this CPU is to take, and that it has taken it. */
unsigned int gic_acknowledge(void);
void gic_end(unsigned int intid);

/* Where the PL011 is, known before the console is. */
uint64_t console_address(void);

/* TPIDR_EL1 is the library's. */
static inline uint32_t this_cpu(void)
{
	return read_sysreg(tpidr_el1);
}

#endif
