/* SPDX-License-Identifier: GPL-2.0 */
/* The virtual pin, see vpin.c. */
#ifndef ARM64_VPIN_H
#define ARM64_VPIN_H

#include <arm64.h>

#define DEFAULT_PRIORITY 0xa0

static inline bool vpin_is(const struct cell *cell, unsigned int intid)
{
	return cell->arch.pin_word && intid == CL_VUART_INTID;
}

#define VPIN_BIT (1U << CL_VUART_INTID % 32)

/* What is read of it at an offset from GIC_ISENABLER on: it is never active, as nothing latches it.
 */
static inline uint32_t vpin_state(const struct cell *cell, uint64_t offset)
{
	bool state = offset < GIC_ISPENDR     ? READ_ONCE(cell->arch.pin.enabled)
		     : offset < GIC_ISACTIVER ? READ_ONCE(cell->uart.line)
					      : false;

	return state ? VPIN_BIT : 0;
}

/* Before the cell starts: off, to the first CPU. */
void vpin_reset(struct cell *cell);

/* The guest directs it to a CPU of the cell. */
void vpin_direct(struct cell *cell, const struct cpu *cpu);

/* Its part of an access to registers: with a bit for each interrupt; with a byte, at shift. */
void vpin_access_bit(struct cell *cell, unsigned int reg, bool write, uint64_t *value);
void vpin_access_priority(struct cell *cell, unsigned int shift, bool write, uint64_t *value);

/* GICv2: to the first CPU of those that are named; none: it stays. Returns whose it is then. */
uint8_t vpin_access_target(struct cell *cell, bool write, uint8_t targets);

#endif
