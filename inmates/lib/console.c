// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0
/* The 16550A at COM1, polled. It may be virtual or real: both have been set up by others. */
#include "inmate.h"

#define COM1	 0x3f8
#define LSR	 (COM1 + 5)
#define LSR_DR	 0x01
#define LSR_THRE 0x20

void console_putc(char c)
{
	/* no UART at all reads as all ones, and so does not block */
	while (!(inb(LSR) & LSR_THRE))
		cpu_relax();
	outb(COM1, c);
}

int console_getc(void)
{
	uint8_t lsr = inb(LSR);

	return lsr != 0xff && lsr & LSR_DR ? inb(COM1) : -1;
}
