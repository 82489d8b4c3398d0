// SPDX-License-Identifier: GPL-2.0
/*
 * Interrupts that the hypervisor itself has for a cell: pins of the IOAPIC at the usual address
 * that no hardware is behind. A rising edge of one is an interrupt command to a CPU of the cell,
 * which takes it without an exit. A guest that programs it as level-triggered gets edges, too: the
 * drivers of 16550s read until nothing is pending, and then the line has been low.
 */
#include <x86.h>

/* What a guest can set; delivery status and remote IRR stay 0 (82093AA data sheet, 3.2.4). */
#define ENTRY_WRITABLE	  0x1afffU
#define ENTRY_VECTOR(low) ((low)&0xff)
#define FIRST_VECTOR	  16 /* an APIC takes those below for an error: APM vol. 2, 16.4.7 */

_Static_assert(CL_VUART_PIN % VPINS == 0 && CL_BUTTON_PIN == CL_VUART_PIN + 1, "pins");

bool vpin_is(const struct cell *cell, uint64_t address, unsigned int pin)
{
	return cell->config->flags & CL_CELL_VUART && address == CL_VUART_CHIP &&
	       pin - CL_VUART_PIN < VPINS;
}

/* A pin by its number, or by the index of a register of its entry: entries begin at an even pin. */
static struct virtual_pin *vpin(struct cell *cell, unsigned int pin)
{
	return &cell->arch.pins[pin % VPINS];
}

void vpin_reset(struct cell *cell)
{
	struct cl_cpu first;

	cl_get_entry(cl_find_section(cell->config, CL_SEC_CPUS), 0, &first, sizeof(first));
	lock_take(&cell->arch.pin_lock);
	for (unsigned int i = 0; i < VPINS; i++)
		cell->arch.pins[i] = (struct virtual_pin){
			.entry = { IOAPIC_MASKED, cpus[first.id].hw_id << 24 }
		};
	lock_drop(&cell->arch.pin_lock);
}

/*
 * With the lock of the pins. On a CPU of the cell or of root: a vector that is no interrupt would
 * be an error of that CPU's APIC. Has the interrupt been sent?
 */
static bool raise(const struct cell *cell, const struct virtual_pin *pin)
{
	uint8_t id = (uint8_t)(pin->entry[1] >> 24);

	if (pin->entry[0] & IOAPIC_MASKED || ENTRY_VECTOR(pin->entry[0]) < FIRST_VECTOR ||
	    !cell_has_apic(cell, id))
		return false;
	apic_send_fixed(&cpus[cpu_of_apic_id[id]], ENTRY_VECTOR(pin->entry[0]));
	return true;
}

void arch_uart_line(struct cell *cell, bool active)
{
	struct virtual_pin *pin = vpin(cell, CL_VUART_PIN);

	lock_take(&cell->arch.pin_lock);
	pin->active = active;
	if (active)
		raise(cell, pin);
	lock_drop(&cell->arch.pin_lock);
}

/* A pulse: while it is masked nobody is there to see it. */
bool arch_press_button(struct cell *cell)
{
	bool heard;

	lock_take(&cell->arch.pin_lock);
	heard = raise(cell, vpin(cell, CL_BUTTON_PIN));
	lock_drop(&cell->arch.pin_lock);
	return heard;
}

uint32_t vpin_read(struct cell *cell, unsigned int index)
{
	return READ_ONCE(vpin(cell, index / 2)->entry[index & 1]);
}

bool vpin_write(struct cell *cell, unsigned int index, uint32_t value)
{
	struct virtual_pin *pin = vpin(cell, index / 2);
	bool allowed, was_masked;

	lock_take(&cell->arch.pin_lock);
	was_masked = pin->entry[0] & IOAPIC_MASKED;
	allowed = ioapic_entry_allowed(cell, index, value, pin->entry[~index & 1]);
	if (allowed) {
		pin->entry[index & 1] = index & 1 ? value : value & ENTRY_WRITABLE;
		/* An edge of a line that has been active since is not lost. */
		if (was_masked && pin->active)
			raise(cell, pin);
	}
	lock_drop(&cell->arch.pin_lock);
	return allowed;
}
