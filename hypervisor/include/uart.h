/* SPDX-License-Identifier: GPL-2.0 */
/* A virtual 16550A: output goes to a ring that drops, input comes from root's hypercalls. */
#ifndef HV_UART_H
#define HV_UART_H

#include <hv.h>

#define UART_REGISTERS 8
#define UART_RX_SIZE   64 /* bytes of input that wait for the cell */

struct uart {
	struct lock lock;
	char *ring;	   /* CL_CONSOLE_SIZE bytes in the info region */
	uint64_t *written; /* count of bytes put into the ring */
	uint8_t ier, lcr, mcr, scr, dll, dlm, fcr;
	bool thre_pending; /* "transmitter empty" is to be reported */
	uint8_t rx[UART_RX_SIZE];
	uint8_t rx_head, rx_count;
};

void uart_init(struct uart *uart, char *ring, uint64_t *written);

/* Access to register 0..7 by the cell. */
uint8_t uart_read(struct uart *uart, unsigned int reg);
void uart_write(struct uart *uart, unsigned int reg, uint8_t value);

/* Bytes typed by root; returns how many were taken. */
unsigned int uart_receive(struct uart *uart, const uint8_t *bytes, unsigned int count);

#endif
