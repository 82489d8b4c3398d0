// SPDX-License-Identifier: GPL-2.0
/*
 * The registers of a 16550A (PC16550D data sheet) as operating systems probe them: no EFR behind
 * LCR = 0xbf, IER bits 7:4 zero, no 64-byte FIFO. The transmitter is always empty: a byte written
 * is in the ring at once.
 */
#include <uart.h>

enum { RBR_THR_DLL = 0, IER_DLM = 1, IIR_FCR = 2, LCR = 3, MCR = 4, LSR = 5, MSR = 6, SCR = 7 };

#define IER_RX	     0x01
#define IER_THRE     0x02
#define IER_LINE     0x04
#define IIR_NONE     0x01
#define IIR_THRE     0x02
#define IIR_RX	     0x04
#define IIR_FIFO     0xc0
#define FCR_ENABLE   0x01
#define FCR_CLEAR_RX 0x02
#define LCR_DLAB     0x80
#define LSR_DR	     0x01
#define LSR_EMPTY    0x60 /* THRE and TEMT */
#define MCR_LOOP     0x10
#define MSR_READY    0xb0 /* DCD, DSR, CTS */

void uart_reset(struct uart *uart)
{
	uart->regs.ns16550.dll = 1; /* 115200 baud */
}

static uint8_t interrupt_id(const struct uart *uart)
{
	if (uart->regs.ns16550.ier & IER_RX && uart->rx_count)
		return IIR_RX;
	if (uart->regs.ns16550.ier & IER_THRE && uart->regs.ns16550.thre_pending)
		return IIR_THRE;
	return IIR_NONE;
}

bool uart_interrupt(const struct uart *uart)
{
	return interrupt_id(uart) != IIR_NONE;
}

/* In loopback mode the modem outputs DTR, RTS, OUT1, OUT2 come back as DSR, CTS, RI, DCD. */
static uint8_t modem_status(const struct uart *uart)
{
	if (!(uart->regs.ns16550.mcr & MCR_LOOP))
		return MSR_READY;
	return (uint8_t)((uart->regs.ns16550.mcr & 0x0c) << 4 |
			 (uart->regs.ns16550.mcr & 0x02) << 3 |
			 (uart->regs.ns16550.mcr & 0x01) << 5);
}

uint32_t uart_read(struct uart *uart, unsigned int reg)
{
	bool dlab = uart->regs.ns16550.lcr & LCR_DLAB;
	uint8_t value = 0;

	lock_take(&uart->lock);
	switch (reg) {
	case RBR_THR_DLL:
		if (dlab) {
			value = uart->regs.ns16550.dll;
		} else {
			value = uart_get(uart);
		}
		break;
	case IER_DLM:
		value = dlab ? uart->regs.ns16550.dlm : uart->regs.ns16550.ier;
		break;
	case IIR_FCR:
		value = interrupt_id(uart);
		if (value == IIR_THRE)
			uart->regs.ns16550.thre_pending = false;
		if (uart->regs.ns16550.fcr & FCR_ENABLE)
			value |= IIR_FIFO;
		break;
	case LCR:
		value = uart->regs.ns16550.lcr;
		break;
	case MCR:
		value = uart->regs.ns16550.mcr;
		break;
	case LSR:
		value = LSR_EMPTY | (uart->rx_count ? LSR_DR : 0);
		break;
	case MSR:
		value = modem_status(uart);
		break;
	case SCR:
		value = uart->regs.ns16550.scr;
		break;
	}
	uart_update(uart);
	lock_drop(&uart->lock);
	return value;
}

void uart_write(struct uart *uart, unsigned int reg, uint32_t value32)
{
	uint8_t value = (uint8_t)value32;
	bool dlab = uart->regs.ns16550.lcr & LCR_DLAB;

	lock_take(&uart->lock);
	switch (reg) {
	case RBR_THR_DLL:
		if (dlab) {
			uart->regs.ns16550.dll = value;
		} else if (uart->regs.ns16550.mcr & MCR_LOOP) {
			uart_push(uart, value);
		} else {
			uart_put(uart, value);
			uart->regs.ns16550.thre_pending = true;
		}
		break;
	case IER_DLM:
		if (dlab) {
			uart->regs.ns16550.dlm = value;
			break;
		}
		/* Enabling the interrupt with an empty transmitter raises it. */
		if (value & ~uart->regs.ns16550.ier & IER_THRE)
			uart->regs.ns16550.thre_pending = true;
		uart->regs.ns16550.ier = value & 0x0f;
		break;
	case IIR_FCR:
		uart->regs.ns16550.fcr = value;
		if (value & FCR_CLEAR_RX)
			uart->rx_count = 0;
		break;
	case LCR:
		uart->regs.ns16550.lcr = value;
		break;
	case MCR:
		uart->regs.ns16550.mcr = value & 0x1f;
		break;
	case SCR:
		uart->regs.ns16550.scr = value;
		break;
	}
	uart_update(uart);
	lock_drop(&uart->lock);
}
