/* SPDX-License-Identifier: GPL-2.0 */
/*
 * arm64's asm.h for a process on the host: the constants are the real ones, system registers are
 * what the test says, and what would tell the CPU about page tables tells machine.c.
 */
#ifndef HOST_ARM64_ASM_H
#define HOST_ARM64_ASM_H

#define __ASSEMBLER__ /* the part that assembly files see: constants */
#include_next <asm.h>
#undef __ASSEMBLER__

#include <hv.h>
#include <layout.h>

#define STRINGIFY_(x) #x
#define STRINGIFY(x)  STRINGIFY_(x)

/* By its name as the assembler gets it. */
uint64_t host_read_sysreg(const char *name);
void host_write_sysreg(const char *name, uint64_t value);
#define read_sysreg(name)	  host_read_sysreg(STRINGIFY(name))
#define write_sysreg(name, value) host_write_sysreg(STRINGIFY(name), value)

static inline void full_barrier(void)
{
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
}

static inline void barrier_before_sgi(void)
{
	full_barrier();
}

void wait_for_interrupt(void);
void own_page_mapped(uint64_t address);
void own_page_unmapped(uint64_t address);

static inline void isb(void)
{
}

static inline void clean_caches(const volatile void *start, uint64_t size)
{
	(void)start;
	(void)size;
}

static inline void forget_stage2(void)
{
}

static inline char *local_base(void)
{
	return (char *)LOCAL_PRIVATE;
}

#endif
