/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The CPU interfaces, the real one and that which the guest sees, of both versions: GICv3 has
 * system registers (IHI 0069, chapters 4 and 6), GICv2 memory (IHI 0048, chapters 4 and 5). List
 * registers and VMCR are in GICv3's format for whoever calls.
 */
#ifndef ARM64_GIC_CPU_H
#define ARM64_GIC_CPU_H

#include <arm64.h>

extern bool gic_is_v2;

/*
 * QEMU's GICv2 (10.0): when a guest's deactivation of a list register of the hardware's makes the
 * real interrupt inactive, which is pending again by then, nobody is told until something else
 * happens in the GIC. There, list registers ask for a maintenance interrupt instead.
 */
extern bool gic_needs_eoi;

#define gicc ((volatile char *)(DEVICE_BASE + DEVICE_PAGE_GICC * PAGE_SIZE))
#define gich ((volatile char *)(DEVICE_BASE + DEVICE_PAGE_GICH * PAGE_SIZE))

#define GICC_CTLR 0x0000
#define GICC_PMR  0x0004
#define GICC_BPR  0x0008
#define GICC_IAR  0x000c
#define GICC_EOIR 0x0010
#define GICC_RPR  0x0014
#define GICC_APR0 0x00d0
#define GICC_DIR  0x1000

#define GICC_CTLR_ENABLE BIT(0)
#define GICC_CTLR_CBPR	 BIT(4)
#define GICC_CTLR_EOIM	 BIT(9) /* as EOImodeNS is the only one without security extensions */

#define GICH_HCR   0x000
#define GICH_VTR   0x004
#define GICH_VMCR  0x008
#define GICH_EISR  0x020
#define GICH_ELRSR 0x030
#define GICH_APR   0x0f0
#define GICH_LR	   0x100

#define LR_PENDING     BIT(62)
#define LR_ACTIVE      BIT(63)
#define LR_HW	       BIT(61)
#define LR_GROUP1      BIT(60)
#define LR_EOI	       BIT(41) /* without LR_HW: maintenance interrupt when it has ended */
#define LR_PRIORITY(p) ((uint64_t)(p) << 48)
#define LR_PINTID(id)  ((uint64_t)(id) << 32)
#define LR_VINTID      0xffffffffUL

#define ICH_HCR_EN  BIT(0)
#define ICH_HCR_UIE BIT(1)  /* maintenance interrupt when no or one list register is in use */
#define ICH_HCR_TC  BIT(10) /* trap the registers that groups 0 and 1 have in common */

#define VMCR_ENG0    BIT(0)
#define VMCR_ENG1    BIT(1)
#define VMCR_CBPR    BIT(4)
#define VMCR_EOIM    BIT(9)
#define VMCR_BPR1(x) ((uint64_t)((x)&7) << 18)
#define VMCR_BPR0(x) ((uint64_t)((x)&7) << 21)
#define VMCR_PMR(x)  ((uint64_t)((x)&0xff) << 24)

/* v2: gic_is_v2, looked up once where that counts. */

/* The number of an interrupt in what gic_acknowledge() returns. */
static inline unsigned int gic_intid(bool v2, uint64_t acknowledged)
{
	return acknowledged & (v2 ? 0x3ff : 0xffffff);
}

static inline uint64_t gic_acknowledge(bool v2)
{
	return v2 ? mmio_read32(gicc + GICC_IAR) : read_sysreg(ICC_IAR1_EL1);
}

static inline void gic_drop_priority(bool v2, uint64_t acknowledged)
{
	if (v2)
		mmio_write32(gicc + GICC_EOIR, (uint32_t)acknowledged);
	else
		write_sysreg(ICC_EOIR1_EL1, acknowledged);
}

static inline void gic_deactivate(bool v2, uint64_t acknowledged)
{
	if (v2)
		mmio_write32(gicc + GICC_DIR, (uint32_t)acknowledged);
	else
		write_sysreg(ICC_DIR_EL1, acknowledged);
}

static inline uint8_t gic_running_priority(bool v2)
{
	return (uint8_t)(v2 ? mmio_read32(gicc + GICC_RPR) : read_sysreg(ICC_RPR_EL1));
}

static inline void gic_set_priority_mask(uint8_t mask)
{
	if (gic_is_v2)
		mmio_write32(gicc + GICC_PMR, mask);
	else
		write_sysreg(ICC_PMR_EL1, mask);
}

static inline void gic_set_hcr(uint64_t value)
{
	if (gic_is_v2)
		mmio_write32(gich + GICH_HCR, (uint32_t)value);
	else
		write_sysreg(ICH_HCR_EL2, value);
}

static inline unsigned int gic_list_registers(void)
{
	uint64_t vtr = gic_is_v2 ? mmio_read32(gich + GICH_VTR) : read_sysreg(ICH_VTR_EL2);

	return (vtr & (gic_is_v2 ? 0x3f : 0x1f)) + 1;
}

/* Bit n: list register n is free; of the first 32. */
static inline uint64_t gic_free_lrs(void)
{
	return gic_is_v2 ? mmio_read32(gich + GICH_ELRSR) : read_sysreg(ICH_ELRSR_EL2);
}

#endif
