// SPDX-License-Identifier: GPL-2.0
/*
 * The registers of a 16550A (PC16550D data sheet) as operating systems probe them: no EFR behind
 * LCR = 0xbf, IER bits 7:4 zero, no 64-byte FIFO. The transmitter is always empty: a byte written
 * is in the ring at once.
 */
#include <uart.h>
#include <cloister/info.h>

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

void uart_init(struct uart *uart, char *ring, uint64_t *written)
{
	memset(uart, 0, sizeof(*uart));
	uart->ring = ring;
	uart->written = written;
	uart->dll = 1; /* 115200 baud */
}

static uint8_t interrupt_id(const struct uart *uart)
{
	if (uart->ier & IER_RX && uart->rx_count)
		return IIR_RX;
	if (uart->ier & IER_THRE && uart->thre_pending)
		return IIR_THRE;
	return IIR_NONE;
}

static void push_rx(struct uart *uart, uint8_t byte)
{
	if (uart->rx_count < UART_RX_SIZE) {
		uart->rx[(uart->rx_head + uart->rx_count) % UART_RX_SIZE] = byte;
		uart->rx_count++;
	}
}

/* In loopback mode the modem outputs DTR, RTS, OUT1, OUT2 come back as DSR, CTS, RI, DCD. */
static uint8_t modem_status(const struct uart *uart)
{
	if (!(uart->mcr & MCR_LOOP))
		return MSR_READY;
	return (uint8_t)((uart->mcr & 0x0c) << 4 | (uart->mcr & 0x02) << 3 |
			 (uart->mcr & 0x01) << 5);
}

uint8_t uart_read(struct uart *uart, unsigned int reg)
{
	bool dlab = uart->lcr & LCR_DLAB;
	uint8_t value = 0;

	lock_take(&uart->lock);
	switch (reg) {
	case RBR_THR_DLL:
		if (dlab) {
			value = uart->dll;
		} else if (uart->rx_count) {
			value = uart->rx[uart->rx_head];
			uart->rx_head = (uart->rx_head + 1) % UART_RX_SIZE;
			uart->rx_count--;
		}
		break;
	case IER_DLM:
		value = dlab ? uart->dlm : uart->ier;
		break;
	case IIR_FCR:
		value = interrupt_id(uart);
		if (value == IIR_THRE)
			uart->thre_pending = false;
		if (uart->fcr & FCR_ENABLE)
			value |= IIR_FIFO;
		break;
	case LCR:
		value = uart->lcr;
		break;
	case MCR:
		value = uart->mcr;
		break;
	case LSR:
		value = LSR_EMPTY | (uart->rx_count ? LSR_DR : 0);
		break;
	case MSR:
		value = modem_status(uart);
		break;
	case SCR:
		value = uart->scr;
		break;
	}
	lock_drop(&uart->lock);
	return value;
}

void uart_write(struct uart *uart, unsigned int reg, uint8_t value)
{
	bool dlab = uart->lcr & LCR_DLAB;

	lock_take(&uart->lock);
	switch (reg) {
	case RBR_THR_DLL:
		if (dlab) {
			uart->dll = value;
		} else if (uart->mcr & MCR_LOOP) {
			push_rx(uart, value);
		} else {
			uint64_t written = *uart->written;

			uart->ring[written % CL_CONSOLE_SIZE] = (char)value;
			__atomic_store_n(uart->written, written + 1, __ATOMIC_RELEASE);
			uart->thre_pending = true;
		}
		break;
	case IER_DLM:
		if (dlab) {
			uart->dlm = value;
			break;
		}
		/* Enabling the interrupt with an empty transmitter raises it. */
		if (value & ~uart->ier & IER_THRE)
			uart->thre_pending = true;
		uart->ier = value & 0x0f;
		break;
	case IIR_FCR:
		uart->fcr = value;
		if (value & FCR_CLEAR_RX)
			uart->rx_count = 0;
		break;
	case LCR:
		uart->lcr = value;
		break;
	case MCR:
		uart->mcr = value & 0x1f;
		break;
	case SCR:
		uart->scr = value;
		break;
	}
	lock_drop(&uart->lock);
}

unsigned int uart_receive(struct uart *uart, const uint8_t *bytes, unsigned int count)
{
	unsigned int taken = 0;

	lock_take(&uart->lock);
	while (taken < count && uart->rx_count < UART_RX_SIZE)
		push_rx(uart, bytes[taken++]);
	lock_drop(&uart->lock);
	return taken;
}
