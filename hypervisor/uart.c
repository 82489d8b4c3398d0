// SPDX-License-Identifier: GPL-2.0
/* What both kinds of virtual UART have in common: the way to root and back. */
#include <arch.h>
#include <uart.h>
#include <cloister/info.h>

void uart_init(struct uart *uart, struct cell *cell, char *ring, uint64_t *written)
{
	memset(uart, 0, sizeof(*uart));
	uart->cell = cell;
	uart->ring = ring;
	uart->written = written;
	uart_reset(uart);
}

void uart_restart(struct uart *uart)
{
	lock_take(&uart->lock);
	memset(&uart->regs, 0, sizeof(uart->regs));
	uart->rx_count = 0;
	uart->line = false;
	uart_reset(uart);
	lock_drop(&uart->lock);
}

void uart_update(struct uart *uart)
{
	bool line = uart_interrupt(uart);

	if (line == uart->line)
		return;
	uart->line = line;
	arch_uart_line(uart->cell, line);
}

void uart_put(struct uart *uart, uint8_t byte)
{
	uint64_t written = *uart->written;

	uart->ring[written % CL_CONSOLE_SIZE] = (char)byte;
	__atomic_store_n(uart->written, written + 1, __ATOMIC_RELEASE);
}

uint8_t uart_get(struct uart *uart)
{
	uint8_t byte = uart->rx[uart->rx_head];

	if (!uart->rx_count)
		return 0;
	uart->rx_head = (uart->rx_head + 1) % UART_RX_SIZE;
	uart->rx_count--;
	return byte;
}

void uart_push(struct uart *uart, uint8_t byte)
{
	if (uart->rx_count < UART_RX_SIZE) {
		uart->rx[(uart->rx_head + uart->rx_count) % UART_RX_SIZE] = byte;
		uart->rx_count++;
	}
}

unsigned int uart_receive(struct uart *uart, const uint8_t *bytes, unsigned int count)
{
	unsigned int taken = 0;

	lock_take(&uart->lock);
	while (taken < count && uart->rx_count < UART_RX_SIZE)
		uart_push(uart, bytes[taken++]);
	uart_update(uart);
	lock_drop(&uart->lock);
	return taken;
}
