// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0
/* A 16550A, polled: COM1 unless console= names another port. It may be virtual or real; the speed
 * has been set by others. */
#include "../inmate.h"
#include "../internal.h"

#define COM1	 0x3f8
#define LCR	 3
#define LCR_8N1	 0x03 /* after a reset characters have 5 bits */
#define LSR	 5
#define LSR_DR	 0x01
#define LSR_THRE 0x20

static uint16_t port = COM1;

void console_init(void)
{
	port = cmdline_number("console", COM1);
	if (port != COM1)
		outb(port + LCR, LCR_8N1);
}

void console_putc(char c)
{
	/* no UART at all reads as all ones, and so does not block */
	while (!(inb(port + LSR) & LSR_THRE))
		cpu_relax();
	outb(port, c);
}

int console_getc(void)
{
	uint8_t lsr = inb(port + LSR);

	return lsr != 0xff && lsr & LSR_DR ? inb(port) : -1;
}
