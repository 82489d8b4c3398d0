/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The hypervisor's asm.h for a process on the host: the constants are the real ones, instructions
 * are functions of the machine model (machine.c, or the test itself).
 */
#ifndef HOST_ASM_H
#define HOST_ASM_H

#define __ASSEMBLER__ /* the part that assembly files see: constants */
#include_next <asm.h>
#undef __ASSEMBLER__

#include <hv.h>
#include <layout.h>

uint64_t rdmsr(uint32_t msr);
void wrmsr(uint32_t msr, uint64_t value);
uint64_t rdtsc(void);
void cpuid(uint32_t leaf, uint32_t sub, uint32_t *a, uint32_t *b, uint32_t *c, uint32_t *d);
uint64_t read_cr4(void);
void invlpg(const void *address);
uint32_t port_in(uint16_t port, unsigned int size);
void port_out(uint16_t port, unsigned int size, uint32_t value);

static inline char *local_base(void)
{
	return (char *)LOCAL_PRIVATE;
}

struct table_register {
	uint16_t limit;
	uint64_t base;
} __attribute__((packed));

#endif
