// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0
/* A PL011, polled: the virtual one unless console= names another. It may be virtual or real: both
 * have been set up by others. */
#include "../inmate.h"
#include "../internal.h"

#define UARTDR	0x00
#define UARTFR	0x18
#define FR_RXFE 0x10
#define FR_TXFF 0x20

static uint64_t base;

uint64_t console_address(void)
{
	return cmdline_number("console", CL_VUART_ADDRESS);
}

void console_init(void)
{
	base = console_address();
}

void console_putc(char c)
{
	while (mmio_read32(base + UARTFR) & FR_TXFF)
		cpu_relax();
	mmio_write32(base + UARTDR, (uint8_t)c);
}

int console_getc(void)
{
	return mmio_read32(base + UARTFR) & FR_RXFE ? -1 : (int)(mmio_read32(base + UARTDR) & 0xff);
}
