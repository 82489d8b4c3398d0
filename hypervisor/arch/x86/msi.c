// SPDX-License-Identifier: GPL-2.0
/*
 * Interrupts that PCI functions of cells send as messages (SDM vol. 3, "Message Signalled
 * Interrupts"; APM vol. 2, 16.11). Checked is what a function is told to send in configuration
 * space.
 */
#include <x86.h>

/* Address: destination in bits 19 to 12; physical, no redirection hint, reserved bits 0. */
#define ADDRESS_FIXED	    0xfee00000UL
#define ADDRESS_DESTINATION 0x000ff000UL
/* Data: vector; delivery mode; the level's polarity (bit 14) does not matter for edges. */
#define DATA_VECTOR(data) ((data)&0xff)
#define DATA_MODE(data)	  ((data) >> 8 & 7)
#define DATA_OTHER	  0xb800U
#define MODE_LOWEST	  1  /* and 0: fixed */
#define FIRST_VECTOR	  32 /* exceptions are below */

bool arch_msi_allowed(const struct cell *cell, uint64_t address, uint16_t data)
{
	return (address & ~ADDRESS_DESTINATION) == ADDRESS_FIXED && !(data & DATA_OTHER) &&
	       DATA_MODE(data) <= MODE_LOWEST && DATA_VECTOR(data) >= FIRST_VECTOR &&
	       cell_has_apic(cell, (uint8_t)((address & ADDRESS_DESTINATION) >> 12));
}
