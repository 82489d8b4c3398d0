// SPDX-License-Identifier: GPL-2.0
/*
 * Interrupts that the hypervisor itself has for a cell, of the virtual UART and the power button:
 * shared ones that exist in software only. Their registers are bits and bytes between those of the
 * hardware's interrupts, which gic.c looks after; the list registers are vgic.c's.
 */
#include <vpin.h>

_Static_assert(CL_VUART_INTID == CL_BUTTON_INTID + 1 && CL_BUTTON_INTID / 32 == CL_VUART_INTID / 32,
	       "pins");

static void tell_target(unsigned int target)
{
	struct cpu *cpu = &cpus[target];

	if (cpu == local->cpu) {
		vgic_update_pins(cpu);
		return;
	}
	__atomic_store_n(&cpu->arch.pin_changed, true, __ATOMIC_SEQ_CST);
	cpu_post(cpu, CPU_EV_ARCH);
}

/* Changes what the pins' targets look at, and tells them: written before the target is read. */
static void change(struct cell *cell, uint32_t *word, uint32_t bits, bool set)
{
	if (set)
		__atomic_fetch_or(word, bits, __ATOMIC_SEQ_CST);
	else
		__atomic_fetch_and(word, ~bits, __ATOMIC_SEQ_CST);
	for (unsigned int i = 0; i < VPINS; i++)
		if (bits & VPIN_BIT(VPIN_FIRST + i))
			tell_target(READ_ONCE(cell->arch.pins[i].target));
}

void arch_uart_line(struct cell *cell, bool active)
{
	if (cell->arch.pin_word)
		change(cell, &cell->arch.pins_active, VPIN_BIT(CL_VUART_INTID), active);
}

/* An edge: while it is disabled nobody is there to see it. */
bool arch_press_button(struct cell *cell)
{
	bool heard = READ_ONCE(cell->arch.pins_enabled) & VPIN_BIT(CL_BUTTON_INTID);

	if (heard)
		change(cell, &cell->arch.pins_active, VPIN_BIT(CL_BUTTON_INTID), true);
	return heard;
}

void vpin_reset(struct cell *cell)
{
	cell->arch.pins_enabled = 0;
	cell->arch.pins_active = 0;
	for (unsigned int i = 0; i < VPINS; i++)
		cell->arch.pins[i] = (struct virtual_pin){ .priority = DEFAULT_PRIORITY,
							   .target = gic_first_cpu(cell)->id };
}

void vpin_direct(struct cell *cell, unsigned int intid, const struct cpu *cpu)
{
	struct virtual_pin *pin = vpin(cell, intid);
	unsigned int former = READ_ONCE(pin->target);

	__atomic_store_n(&pin->target, cpu->id, __ATOMIC_SEQ_CST);
	tell_target(former);
	tell_target(cpu->id);
}

/* The UART's is an unlatched level: to make it pending, or no longer pending, does nothing. */
void vpin_access_bits(struct cell *cell, unsigned int reg, bool write, uint64_t *value)
{
	uint32_t bits = (uint32_t)*value & VPIN_BITS;

	if (!write)
		*value |= reg == GIC_IGROUPR ? VPIN_BITS : vpin_state(cell, reg);
	else if (reg == GIC_ISENABLER || reg == GIC_ICENABLER)
		change(cell, &cell->arch.pins_enabled, bits, reg == GIC_ISENABLER);
	else if (reg == GIC_ISPENDR || reg == GIC_ICPENDR)
		change(cell, &cell->arch.pins_active, bits & VPIN_BIT(CL_BUTTON_INTID),
		       reg == GIC_ISPENDR);
}

void vpin_access_priorities(struct cell *cell, unsigned int intid, unsigned int size, bool write,
			    uint64_t *value)
{
	for (unsigned int i = 0; i < size; i++) {
		uint8_t *priority = &vpin(cell, intid + i)->priority;

		if (!vpin_is(cell, intid + i))
			continue;
		if (write)
			WRITE_ONCE(*priority, gic_guest_priority((uint8_t)(*value >> 8 * i)));
		else
			*value |= (uint64_t)READ_ONCE(*priority) << 8 * i;
	}
}

uint8_t vpin_access_target(struct cell *cell, unsigned int intid, bool write, uint8_t targets)
{
	for_each_cpu_in(cell, i) {
		if (write && targets & cpus[i].arch.gic_target) {
			vpin_direct(cell, intid, &cpus[i]);
			break;
		}
	}
	return cpus[READ_ONCE(vpin(cell, intid)->target)].arch.gic_target;
}
