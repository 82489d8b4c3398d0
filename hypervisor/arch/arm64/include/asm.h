/* SPDX-License-Identifier: GPL-2.0 */
/* System registers and instructions by their manual names (ARM DDI 0487, IHI 0069). */
#ifndef ARM64_ASM_H
#define ARM64_ASM_H

#define SCTLR_M		BIT(0)
#define SCTLR_C		BIT(2)
#define SCTLR_I		BIT(12)
#define SCTLR_WXN	BIT(19)
#define SCTLR_EL1_RESET 0x30d00800UL

#define HCR_VM	  BIT(0)
#define HCR_SWIO  BIT(1)
#define HCR_PTW	  BIT(2)
#define HCR_FMO	  BIT(3)
#define HCR_IMO	  BIT(4)
#define HCR_AMO	  BIT(5)
#define HCR_TSC	  BIT(19)
#define HCR_TIDCP BIT(20)
#define HCR_TACR  BIT(21)
#define HCR_RW	  BIT(31)
#define HCR_APK	  BIT(40)
#define HCR_API	  BIT(41)
#define HCR_FWB	  BIT(46)

#define CPTR_TZ BIT(8)

#define MDCR_TPMCR BIT(5)
#define MDCR_TPM   BIT(6)
#define MDCR_TDA   BIT(9)
#define MDCR_TDOSA BIT(10)
#define MDCR_TDRA  BIT(11)

#define VTCR_RES1 BIT(31)

#define SPSR_EL1H 0x5UL
#define SPSR_DAIF 0x3c0UL

/* Exception classes, ESR_ELx bits 31:26 */
#define EC_UNKNOWN    0x00
#define EC_HVC64      0x16
#define EC_SMC64      0x17
#define EC_SYSREG     0x18
#define EC_IABT_LOWER 0x20
#define EC_DABT_LOWER 0x24

#define ESR_IL BIT(25)

#define ARCH_RETURN 0xd65f03c0 /* RET */

/* GIC system registers, for assemblers that do not know them. */
#define ICC_PMR_EL1	S3_0_C4_C6_0
#define ICC_IAR0_EL1	S3_0_C12_C8_0
#define ICC_EOIR0_EL1	S3_0_C12_C8_1
#define ICC_SGI0R_EL1	S3_0_C12_C11_7
#define ICC_IGRPEN0_EL1 S3_0_C12_C12_6
#define ICC_AP1R0_EL1	S3_0_C12_C9_0
#define ICC_DIR_EL1	S3_0_C12_C11_1
#define ICC_RPR_EL1	S3_0_C12_C11_3
#define ICC_SGI1R_EL1	S3_0_C12_C11_5
#define ICC_IAR1_EL1	S3_0_C12_C12_0
#define ICC_EOIR1_EL1	S3_0_C12_C12_1
#define ICC_BPR1_EL1	S3_0_C12_C12_3
#define ICC_CTLR_EL1	S3_0_C12_C12_4
#define ICC_IGRPEN1_EL1 S3_0_C12_C12_7
#define ICC_SRE_EL2	S3_4_C12_C9_5
#define ICH_AP1R0_EL2	S3_4_C12_C9_0
#define ICH_HCR_EL2	S3_4_C12_C11_0
#define ICH_VTR_EL2	S3_4_C12_C11_1
#define ICH_ELRSR_EL2	S3_4_C12_C11_5
#define ICH_VMCR_EL2	S3_4_C12_C11_7
#define ICH_LR0_EL2	S3_4_C12_C12_0

#ifndef __ASSEMBLER__
#include <hv.h>
#include <layout.h>

#define STRINGIFY_(x) #x
#define STRINGIFY(x)  STRINGIFY_(x)

#define read_sysreg(name)                                                \
	({                                                               \
		uint64_t value_;                                         \
		asm volatile("mrs %0, " STRINGIFY(name) : "=r"(value_)); \
		value_;                                                  \
	})
#define write_sysreg(name, value) \
	asm volatile("msr " STRINGIFY(name) ", %0" : : "r"((uint64_t)(value)) : "memory")

static inline void isb(void)
{
	asm volatile("isb" : : : "memory");
}

/* What was read and written before is done, for other CPUs and devices as well, before what
 * follows. */
static inline void full_barrier(void)
{
	asm volatile("dsb ish" : : : "memory");
}

/* What is to be seen at another CPU is visible before an interrupt to it is. */
static inline void barrier_before_sgi(void)
{
	asm volatile("dsb ishst" : : : "memory");
}

static inline void wait_for_interrupt(void)
{
	asm volatile("dsb sy\n\twfi" : : : "memory");
}

/* Of a page that this CPU alone has mapped: an entry that was not valid now is ... */
static inline void own_page_mapped(uint64_t address)
{
	(void)address;
	asm volatile("dsb nshst\n\tisb" : : : "memory");
}

/* ... and one that was is not any more: break before make (DDI 0487, D8.16). */
static inline void own_page_unmapped(uint64_t address)
{
	asm volatile("dsb nshst\n\ttlbi vae2, %0\n\tdsb nsh\n\tisb"
		     :
		     : "r"(address >> PAGE_SHIFT)
		     : "memory");
}

/* No line of a data cache is shorter than 16 bytes (CTR_EL0.DminLine). */
#define FOR_EACH_LINE(operation, start, size)                                                    \
	do {                                                                                     \
		for (uint64_t at_ = (uint64_t)(start) & ~15UL; at_ < (uint64_t)(start) + (size); \
		     at_ += 16)                                                                  \
			asm volatile("dc " operation ", %0" : : "r"(at_) : "memory");            \
		asm volatile("dsb sy" : : : "memory");                                           \
	} while (0)

/* What is in caches is visible to devices that do not look into them (DC CVAC). */
static inline void clean_caches(const volatile void *start, uint64_t size)
{
	FOR_EACH_LINE("cvac", start, size);
}

/* The same, and the next look is at memory (DC CIVAC). */
static inline void flush_caches(const volatile void *start, uint64_t size)
{
	asm volatile("dsb sy" : : : "memory");
	FOR_EACH_LINE("civac", start, size);
}

/* All CPUs of the caller's cell forget what they have cached of stage 2. */
static inline void forget_stage2(void)
{
	asm volatile("dsb ish\n\ttlbi vmalls12e1is\n\tdsb ish\n\tisb" : : : "memory");
}

/*
 * This CPU's private page. The address is a constant, but the compiler is kept from knowing it: it
 * then holds it in a register instead of building each field's address anew.
 */
static inline char *local_base(void)
{
	char *base = (char *)LOCAL_PRIVATE;

	asm("" : "+r"(base));
	return base;
}

#endif
#endif
