/* SPDX-License-Identifier: GPL-2.0 */
/* The virtual pins, see vpin.c. */
#ifndef ARM64_VPIN_H
#define ARM64_VPIN_H

#include <arm64.h>

#define DEFAULT_PRIORITY 0xa0
#define VPIN_FIRST	 CL_BUTTON_INTID

static inline bool vpin_is(const struct cell *cell, unsigned int intid)
{
	return cell->arch.pin_word && intid - VPIN_FIRST < VPINS;
}

static inline struct virtual_pin *vpin(struct cell *cell, unsigned int intid)
{
	return &cell->arch.pins[(intid - VPIN_FIRST) % VPINS];
}

#define VPIN_BIT(intid) (1U << (intid) % 32)
#define VPIN_BITS	(VPIN_BIT(CL_VUART_INTID) | VPIN_BIT(CL_BUTTON_INTID))

/* GICD_ICFGR of interrupts 32 to 47: the button's is an edge */
#define VPIN_ICFGR	(CL_BUTTON_INTID / 16 * 4)
#define VPIN_ICFGR_BITS (2U << 2 * (CL_BUTTON_INTID % 16))

/* What is read of them at an offset from GIC_ISENABLER on: they are never active, as nothing
 * latches that. */
static inline uint32_t vpin_state(const struct cell *cell, uint64_t offset)
{
	return offset < GIC_ISPENDR	? READ_ONCE(cell->arch.pins_enabled)
	       : offset < GIC_ISACTIVER ? READ_ONCE(cell->arch.pins_active)
					: 0;
}

/* Before the cell starts: off, to the first CPU. */
void vpin_reset(struct cell *cell);

/* The guest directs one to a CPU of the cell. */
void vpin_direct(struct cell *cell, unsigned int intid, const struct cpu *cpu);

/* Their part of an access to registers: with a bit for each interrupt; with a byte, from intid on. */
void vpin_access_bits(struct cell *cell, unsigned int reg, bool write, uint64_t *value);
void vpin_access_priorities(struct cell *cell, unsigned int intid, unsigned int size, bool write,
			    uint64_t *value);

/* GICv2: to the first CPU of those that are named; none: it stays. Returns whose it is then. */
uint8_t vpin_access_target(struct cell *cell, unsigned int intid, bool write, uint8_t targets);

#endif
