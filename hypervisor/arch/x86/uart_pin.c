// SPDX-License-Identifier: GPL-2.0
/*
 * The interrupt of a cell's virtual UART: a pin of the IOAPIC at the usual address that no hardware
 * is behind. Its rising edge is an interrupt command to a CPU of the cell, which takes it without
 * an exit. A guest that programs it as level-triggered gets edges, too: the drivers of 16550s read
 * until nothing is pending, and then the line has been low.
 */
#include <x86.h>

/* What a guest can set; delivery status and remote IRR stay 0 (82093AA data sheet, 3.2.4). */
#define ENTRY_WRITABLE	  0x1afffU
#define ENTRY_VECTOR(low) ((low)&0xff)
#define FIRST_VECTOR	  16 /* an APIC takes those below for an error: APM vol. 2, 16.4.7 */

bool uart_pin_is(const struct cell *cell, uint64_t address, unsigned int pin)
{
	return cell->config->flags & CL_CELL_VUART && address == CL_VUART_CHIP &&
	       pin == CL_VUART_PIN;
}

void uart_pin_reset(struct cell *cell)
{
	struct uart_pin *pin = &cell->arch.uart_pin;
	struct cl_cpu first;

	cl_get_entry(cl_find_section(cell->config, CL_SEC_CPUS), 0, &first, sizeof(first));
	lock_take(&pin->lock);
	pin->entry[0] = IOAPIC_MASKED;
	pin->entry[1] = cpus[first.id].hw_id << 24;
	pin->active = false;
	lock_drop(&pin->lock);
}

/*
 * With the pin's lock. On a CPU of the cell or of root: a vector that is no interrupt would be an
 * error of that CPU's APIC.
 */
static void raise(const struct cell *cell, const struct uart_pin *pin)
{
	unsigned int cpu = cpu_of_apic_id[pin->entry[1] >> 24];

	if (!pin->active || pin->entry[0] & IOAPIC_MASKED ||
	    ENTRY_VECTOR(pin->entry[0]) < FIRST_VECTOR || cpu == 0xff || !cell_has_cpu(cell, cpu))
		return;
	apic_send_fixed(&cpus[cpu], ENTRY_VECTOR(pin->entry[0]));
}

void arch_uart_line(struct cell *cell, bool active)
{
	struct uart_pin *pin = &cell->arch.uart_pin;

	lock_take(&pin->lock);
	pin->active = active;
	raise(cell, pin);
	lock_drop(&pin->lock);
}

uint32_t uart_pin_read(struct cell *cell, unsigned int index)
{
	return READ_ONCE(cell->arch.uart_pin.entry[index & 1]);
}

bool uart_pin_write(struct cell *cell, unsigned int index, uint32_t value)
{
	struct uart_pin *pin = &cell->arch.uart_pin;
	bool allowed, was_masked;

	lock_take(&pin->lock);
	was_masked = pin->entry[0] & IOAPIC_MASKED;
	allowed = ioapic_entry_allowed(cell, index, value, pin->entry[~index & 1]);
	if (allowed) {
		pin->entry[index & 1] = index & 1 ? value : value & ENTRY_WRITABLE;
		/* An edge while it was masked is not lost. */
		if (was_masked)
			raise(cell, pin);
	}
	lock_drop(&pin->lock);
	return allowed;
}
