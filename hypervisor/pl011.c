// SPDX-License-Identifier: GPL-2.0
/*
 * The registers of a PL011 r1p5 (ARM DDI 0183) as operating systems probe them. The transmitter is
 * always empty: a byte written is in the ring at once. There is no DMA.
 */
#include <uart.h>

#define DR    0x00
#define FR    0x18
#define IBRD  0x24
#define FBRD  0x28
#define LCR_H 0x2c
#define CR    0x30
#define IFLS  0x34
#define IMSC  0x38
#define RIS   0x3c
#define MIS   0x40
#define ID    0xfe0

#define FR_RXFE	   0x10
#define FR_TXFE	   0x80
#define CR_RESET   0x300 /* receiver and transmitter */
#define IFLS_RESET 0x12
#define INT_RX	   0x10
#define INT_TX	   0x20
#define INT_RT	   0x40 /* receive time-out: at once */

void uart_reset(struct uart *uart)
{
	uart->regs.pl011.cr = CR_RESET;
	uart->regs.pl011.ifls = IFLS_RESET;
}

static uint32_t raw_interrupts(const struct uart *uart)
{
	return INT_TX | (uart->rx_count ? INT_RX | INT_RT : 0);
}

bool uart_interrupt(const struct uart *uart)
{
	return raw_interrupts(uart) & uart->regs.pl011.imsc;
}

uint32_t uart_read(struct uart *uart, unsigned int reg)
{
	/* UARTPeriphID0-3 and UARTPCellID0-3: part 011, designer ARM, revision r1p5 */
	static const uint8_t ids[] = { 0x11, 0x10, 0x34, 0x00, 0x0d, 0xf0, 0x05, 0xb1 };
	uint32_t value = 0;

	lock_take(&uart->lock);
	switch (reg) {
	case DR:
		value = uart_get(uart);
		break;
	case FR:
		value = FR_TXFE | (uart->rx_count ? 0 : FR_RXFE);
		break;
	case IBRD:
		value = uart->regs.pl011.ibrd;
		break;
	case FBRD:
		value = uart->regs.pl011.fbrd;
		break;
	case LCR_H:
		value = uart->regs.pl011.lcr_h;
		break;
	case CR:
		value = uart->regs.pl011.cr;
		break;
	case IFLS:
		value = uart->regs.pl011.ifls;
		break;
	case IMSC:
		value = uart->regs.pl011.imsc;
		break;
	case RIS:
		value = raw_interrupts(uart);
		break;
	case MIS:
		value = raw_interrupts(uart) & uart->regs.pl011.imsc;
		break;
	default:
		if (reg >= ID && reg < ID + 4 * ARRAY_SIZE(ids))
			value = ids[index_nospec((reg - ID) / 4, ARRAY_SIZE(ids))];
		break;
	}
	uart_update(uart);
	lock_drop(&uart->lock);
	return value;
}

void uart_write(struct uart *uart, unsigned int reg, uint32_t value)
{
	lock_take(&uart->lock);
	switch (reg) {
	case DR:
		uart_put(uart, (uint8_t)value);
		break;
	case IBRD:
		uart->regs.pl011.ibrd = value & 0xffff;
		break;
	case FBRD:
		uart->regs.pl011.fbrd = value & 0x3f;
		break;
	case LCR_H:
		uart->regs.pl011.lcr_h = value & 0xff;
		break;
	case CR:
		uart->regs.pl011.cr = value & 0xffff;
		break;
	case IFLS:
		uart->regs.pl011.ifls = value & 0x3f;
		break;
	case IMSC:
		uart->regs.pl011.imsc = value & 0x7ff;
		break;
	}
	uart_update(uart);
	lock_drop(&uart->lock);
}
