/* SPDX-License-Identifier: GPL-2.0 */
/* Instructions, control registers and MSRs by their manual names. */
#ifndef X86_ASM_H
#define X86_ASM_H

#define CR0_PE BIT(0)
#define CR0_EM BIT(2)
#define CR0_TS BIT(3)
#define CR0_ET BIT(4)
#define CR0_NE BIT(5)
#define CR0_WP BIT(16)
#define CR0_NW BIT(29)
#define CR0_CD BIT(30)
#define CR0_PG BIT(31)

#define CR4_PSE	     BIT(4)
#define CR4_PAE	     BIT(5)
#define CR4_MCE	     BIT(6)
#define CR4_UMIP     BIT(11)
#define CR4_LA57     BIT(12)
#define CR4_VMXE     BIT(13)
#define CR4_FSGSBASE BIT(16)
#define CR4_PCIDE    BIT(17)
#define CR4_OSXSAVE  BIT(18)
#define CR4_SMEP     BIT(20)
#define CR4_SMAP     BIT(21)
#define CR4_PKE	     BIT(22)
#define CR4_CET	     BIT(23)
#define CR4_PKS	     BIT(24)

#define EFER_LME  BIT(8)
#define EFER_LMA  BIT(10)
#define EFER_NXE  BIT(11)
#define EFER_SVME BIT(12)

#define ARCH_RETURN 0xc3 /* RET */

#define RFLAGS_RESERVED BIT(1)
#define RFLAGS_TF	BIT(8)
#define DR6_SINGLE_STEP BIT(14)
#define DR6_NO_BUS_LOCK BIT(11)
#define DR6_NO_RTM	BIT(16)

#define MSR_TSC		 0x10
#define MSR_TSC_ADJUST	 0x3b
#define MSR_APIC_BASE	 0x1b
#define MSR_SPEC_CTRL	 0x48
#define MSR_PRED_CMD	 0x49
#define MSR_FLUSH_CMD	 0x10b
#define MSR_MICROCODE	 0x8b
#define MSR_SYSENTER_CS	 0x174
#define MSR_SYSENTER_ESP 0x175
#define MSR_SYSENTER_EIP 0x176
#define MSR_MCG_CAP	 0x179
#define MSR_MCG_STATUS	 0x17a
#define MSR_MISC_ENABLE	 0x1a0
#define MSR_XFD		 0x1c4
#define MSR_XFD_ERR	 0x1c5
#define MSR_DEBUGCTL	 0x1d9
#define MSR_PAT		 0x277
#define MSR_MTRR_TYPE	 0x2ff
#define MSR_U_CET	 0x6a0
#define MSR_S_CET	 0x6a2
#define MSR_PL0_SSP	 0x6a4
#define MSR_PL3_SSP	 0x6a7
#define MSR_ISST	 0x6a8
#define MSR_XSS		 0xda0
#define MSR_TSC_DEADLINE 0x6e0
#define MSR_X2APIC	 0x800
#define MSR_EFER	 0xc0000080
#define MSR_STAR	 0xc0000081
#define MSR_LSTAR	 0xc0000082
#define MSR_CSTAR	 0xc0000083
#define MSR_SFMASK	 0xc0000084
#define MSR_FS_BASE	 0xc0000100
#define MSR_GS_BASE	 0xc0000101
#define MSR_KERNEL_GS	 0xc0000102
#define MSR_TSC_AUX	 0xc0000103
#define MSR_SYSCFG	 0xc0010010
#define MSR_NB_CFG	 0xc001001f
#define MSR_VM_CR	 0xc0010114
#define MSR_VM_HSAVE_PA	 0xc0010117

#define APIC_BASE_X2APIC BIT(10)
#define APIC_BASE_BOOT	 BIT(8)
#define APIC_BASE_ENABLE BIT(11)

#define PAT_RESET 0x0007040600070406UL

#ifndef __ASSEMBLER__
#include <hv.h>
#include <layout.h>

static inline uint64_t rdmsr(uint32_t msr)
{
	uint32_t low, high;

	asm volatile("rdmsr" : "=a"(low), "=d"(high) : "c"(msr));
	return (uint64_t)high << 32 | low;
}

static inline void wrmsr(uint32_t msr, uint64_t value)
{
	uint32_t low = value & 0xffffffff, high = value >> 32;

	asm volatile("wrmsr" : : "c"(msr), "a"(low), "d"(high) : "memory");
}

static inline uint64_t rdtsc(void)
{
	uint32_t low, high;

	asm volatile("rdtsc" : "=a"(low), "=d"(high));
	return (uint64_t)high << 32 | low;
}

static inline void cpuid(uint32_t leaf, uint32_t sub, uint32_t *a, uint32_t *b, uint32_t *c,
			 uint32_t *d)
{
	asm volatile("cpuid" : "=a"(*a), "=b"(*b), "=c"(*c), "=d"(*d) : "a"(leaf), "c"(sub));
}

#define CR_ACCESSORS(name)                                                  \
	static inline uint64_t read_##name(void)                            \
	{                                                                   \
		uint64_t value;                                             \
		asm volatile("mov %%" #name ", %0" : "=r"(value));          \
		return value;                                               \
	}                                                                   \
	static inline void write_##name(uint64_t value)                     \
	{                                                                   \
		asm volatile("mov %0, %%" #name : : "r"(value) : "memory"); \
	}
CR_ACCESSORS(cr0)
CR_ACCESSORS(cr2)
CR_ACCESSORS(cr3)
CR_ACCESSORS(cr4)
CR_ACCESSORS(dr0)
CR_ACCESSORS(dr1)
CR_ACCESSORS(dr2)
CR_ACCESSORS(dr3)
CR_ACCESSORS(dr6)
CR_ACCESSORS(dr7)

static inline void invlpg(const void *address)
{
	asm volatile("invlpg (%0)" : : "r"(address) : "memory");
}

static inline uint32_t port_in(uint16_t port, unsigned int size)
{
	uint32_t value = 0;

	switch (size) {
	case 1:
		asm volatile("inb %1, %b0" : "+a"(value) : "Nd"(port));
		break;
	case 2:
		asm volatile("inw %1, %w0" : "+a"(value) : "Nd"(port));
		break;
	default:
		asm volatile("inl %1, %0" : "=a"(value) : "Nd"(port));
	}
	return value;
}

static inline void port_out(uint16_t port, unsigned int size, uint32_t value)
{
	switch (size) {
	case 1:
		asm volatile("outb %b0, %1" : : "a"(value), "Nd"(port));
		break;
	case 2:
		asm volatile("outw %w0, %1" : : "a"(value), "Nd"(port));
		break;
	default:
		asm volatile("outl %0, %1" : : "a"(value), "Nd"(port));
	}
}

/*
 * This CPU's private pages. The address is a constant, but the compiler is kept from knowing it: it
 * then holds it in a register instead of building each field's 64-bit address anew.
 */
static inline char *local_base(void)
{
	char *base;

	asm("movabs %1, %0" : "=r"(base) : "i"(LOCAL_PRIVATE));
	return base;
}

struct table_register {
	uint16_t limit;
	uint64_t base;
} __attribute__((packed));

#endif
#endif
