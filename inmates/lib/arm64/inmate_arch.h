/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
/* What inmates have on arm64 only, and how arm64 does what they have everywhere. */
#ifndef INMATE_ARCH_H
#define INMATE_ARCH_H

/* comm->hw_ids in words */
#define HW_IDS "affinities"

#define TIMER_VECTOR  27  /* INTID of the virtual timer */
#define IPI_VECTOR(n) (n) /* software-generated interrupts */

static inline const char *interrupt_controller(void)
{
	return comm->gic_version == 3 ? "GICv3" : "GICv2";
}

#define read_sysreg(name)                                                          \
	({                                                                         \
		uint64_t sysreg_value;                                             \
		__asm__ volatile("mrs %0, " #name : "=r"(sysreg_value)::"memory"); \
		sysreg_value;                                                      \
	})

#define write_sysreg(name, value) \
	__asm__ volatile("msr " #name ", %0" ::"r"((uint64_t)(value)) : "memory")

static inline void isb(void)
{
	__asm__ volatile("isb" ::: "memory");
}

/* All accesses before it are complete, also for devices. */
static inline void dsb(void)
{
	__asm__ volatile("dsb sy" ::: "memory");
}

/* Until the next interrupt, which is taken only where interrupts are on. */
static inline void cpu_halt(void)
{
	__asm__ volatile("dsb sy; wfi" ::: "memory");
}

/* The virtual counter, under the name of x86's. */
static inline uint64_t rdtsc(void)
{
	return read_sysreg(cntvct_el0);
}

/* After everything before it, and before everything after it. */
static inline uint64_t rdtsc_ordered(void)
{
	uint64_t ticks;

	isb();
	ticks = rdtsc();
	isb();
	return ticks;
}

static inline void cpu_relax(void)
{
	__asm__ volatile("yield" ::: "memory");
}

/*
 * Registers of devices. Plain loads and stores, for the hypervisor learns of nothing else what to
 * emulate; a compiler would use forms that also change the address.
 */
static inline uint32_t mmio_read32(uintptr_t address)
{
	uint32_t value;

	__asm__ volatile("ldr %w0, [%1]" : "=r"(value) : "r"(address) : "memory");
	return value;
}

static inline void mmio_write32(uintptr_t address, uint32_t value)
{
	__asm__ volatile("str %w0, [%1]" ::"r"(value), "r"(address) : "memory");
}

static inline void mmio_write8(uintptr_t address, uint8_t value)
{
	__asm__ volatile("strb %w0, [%1]" ::"r"(value), "r"(address) : "memory");
}

/*
 * Instructions that may fault: if the one between labels 1 and 2 of the assembler text does,
 * execution goes on behind it with the exception's class (ESR_EL1.EC), plus FAULTED, in X16.
 */
#define FAULTED 0x100
#define CAN_FAULT                       \
	".pushsection .extable,\"a\"\n" \
	".quad 1b, 2b\n"                \
	".popsection\n"

/* 0, or FAULTED | the class of the exception. */
static inline unsigned int mmio_read32_safe(uint64_t address, uint32_t *value)
{
	register uint64_t fault __asm__("x16") = 0;
	uint32_t got = 0;

	__asm__ volatile("1: ldr %w1, [%2]\n2:\n" CAN_FAULT
			 : "+r"(fault), "+r"(got)
			 : "r"(address)
			 : "memory");
	*value = got;
	return fault;
}

/* Device registers above the first 4 GiB: maps the GiB with this address one to one. */
void map_registers(uint64_t address);

/* What was written there is to be executed. */
static inline void sync_code(const void *start, size_t size)
{
	uint64_t ctr = read_sysreg(ctr_el0);
	uintptr_t data_line = 4UL << (ctr >> 16 & 0xf), code_line = 4UL << (ctr & 0xf);
	uintptr_t end = (uintptr_t)start + size, at;

	for (at = (uintptr_t)start & ~(data_line - 1); at < end; at += data_line)
		__asm__ volatile("dc cvau, %0" ::"r"(at) : "memory");
	dsb();
	for (at = (uintptr_t)start & ~(code_line - 1); at < end; at += code_line)
		__asm__ volatile("ic ivau, %0" ::"r"(at) : "memory");
	dsb();
	isb();
}

static inline int64_t hypercall(uint64_t number, uint64_t arg0, uint64_t arg1, uint64_t arg2)
{
	register uint64_t x0 __asm__("x0") = number;
	register uint64_t x1 __asm__("x1") = arg0;
	register uint64_t x2 __asm__("x2") = arg1;
	register uint64_t x3 __asm__("x3") = arg2;

	__asm__ volatile("hvc %1"
			 : "+r"(x0)
			 : "i"(CL_HVC_IMMEDIATE), "r"(x1), "r"(x2), "r"(x3)
			 : "memory");
	return x0;
}

/* PSCI and other firmware calls of SMCCC, by HVC #0; x0 to x3 of the call, x0 of the answer. */
int64_t firmware_call(uint64_t function, uint64_t arg1, uint64_t arg2, uint64_t arg3);

#define PSCI_VERSION	   0x84000000U
#define PSCI_CPU_OFF	   0x84000002U
#define PSCI_CPU_ON	   0xc4000003U
#define PSCI_AFFINITY_INFO 0xc4000004U
#define PSCI_SYSTEM_OFF	   0x84000008U
#define PSCI_SYSTEM_RESET  0x84000009U

/* MPIDR_EL1's affinity fields for one of comm->hw_ids, as PSCI wants them. */
static inline uint64_t hw_id_to_mpidr(uint32_t hw_id)
{
	return (uint64_t)(hw_id >> 24) << 32 | (hw_id & 0xffffff);
}

static inline void interrupts_on(void)
{
	__asm__ volatile("msr daifclr, #2" ::: "memory");
}

static inline void interrupts_off(void)
{
	__asm__ volatile("msr daifset, #2" ::: "memory");
}

/* Wait for an interrupt. Call with interrupts off: one that is pending already ends it at once. */
static inline void wait_for_interrupt(void)
{
	cpu_halt();
	interrupts_on();
	isb();
	interrupts_off();
}

#endif
