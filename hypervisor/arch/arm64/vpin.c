// SPDX-License-Identifier: GPL-2.0
/*
 * The interrupt of a cell's virtual UART: a shared one that exists in software only. Its registers
 * are bits and bytes between those of the hardware's interrupts, which gic.c looks after; the list
 * registers are vgic.c's.
 */
#include <vpin.h>

static void tell_target(unsigned int target)
{
	struct cpu *cpu = &cpus[target];

	if (cpu == local->cpu) {
		vgic_update_pin(cpu);
		return;
	}
	__atomic_store_n(&cpu->arch.pin_changed, true, __ATOMIC_SEQ_CST);
	cpu_post(cpu, CPU_EV_ARCH);
}

void arch_uart_line(struct cell *cell, bool active)
{
	(void)active; /* is in the UART, where vgic_update_pin() looks: written before the target is
			 read */
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	if (cell->arch.pin_word)
		tell_target(READ_ONCE(cell->arch.pin.target));
}

void vpin_reset(struct cell *cell)
{
	cell->arch.pin = (struct virtual_pin){ .priority = DEFAULT_PRIORITY,
					       .target = gic_first_cpu(cell)->id };
}

void vpin_direct(struct cell *cell, const struct cpu *cpu)
{
	unsigned int former = READ_ONCE(cell->arch.pin.target);

	__atomic_store_n(&cell->arch.pin.target, cpu->id, __ATOMIC_SEQ_CST);
	tell_target(former);
	tell_target(cpu->id);
}

/* An unlatched level: to make it pending, or no longer pending, does nothing. */
void vpin_access_bit(struct cell *cell, unsigned int reg, bool write, uint64_t *value)
{
	struct virtual_pin *pin = &cell->arch.pin;

	if (!write) {
		*value |= reg == GIC_IGROUPR ? VPIN_BIT : vpin_state(cell, reg);
	} else if ((reg == GIC_ISENABLER || reg == GIC_ICENABLER) && *value & VPIN_BIT) {
		WRITE_ONCE(pin->enabled, reg == GIC_ISENABLER);
		tell_target(READ_ONCE(pin->target));
	}
}

void vpin_access_priority(struct cell *cell, unsigned int shift, bool write, uint64_t *value)
{
	if (write)
		WRITE_ONCE(cell->arch.pin.priority, gic_guest_priority((uint8_t)(*value >> shift)));
	else
		*value |= (uint64_t)READ_ONCE(cell->arch.pin.priority) << shift;
}

uint8_t vpin_access_target(struct cell *cell, bool write, uint8_t targets)
{
	for_each_cpu_in(cell, i) {
		if (write && targets & cpus[i].arch.gic_target) {
			vpin_direct(cell, &cpus[i]);
			break;
		}
	}
	return cpus[READ_ONCE(cell->arch.pin.target)].arch.gic_target;
}
