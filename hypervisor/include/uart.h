/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A virtual UART: output goes to a ring that drops, input comes from root's hypercalls. An image
 * has one kind of it: ns16550.c or pl011.c.
 */
#ifndef HV_UART_H
#define HV_UART_H

#include <hv.h>

#define UART_RX_SIZE 64 /* bytes of input that wait for the cell */

struct uart {
	struct lock lock;
	char *ring;	   /* CL_CONSOLE_SIZE bytes in the info region */
	uint64_t *written; /* count of bytes put into the ring */
	uint8_t rx[UART_RX_SIZE];
	uint8_t rx_head, rx_count;
	bool line; /* of its interrupt */
	struct cell *cell;
	union {
		struct {
			uint8_t ier, lcr, mcr, scr, dll, dlm, fcr;
			bool thre_pending; /* "transmitter empty" is to be reported */
		} ns16550;
		struct {
			uint32_t ibrd, fbrd, lcr_h, cr, ifls, imsc;
		} pl011;
	} regs;
};

void uart_init(struct uart *uart, struct cell *cell, char *ring, uint64_t *written);

/* Start of the cell: registers and interrupt as after a reset, input that nobody read is gone. */
void uart_restart(struct uart *uart);

/* Kind: is its interrupt line active? */
bool uart_interrupt(const struct uart *uart);

/* Kind: registers as after a reset. */
void uart_reset(struct uart *uart);

/* Kind: access by the cell to a register: 0..7, or PL011 as offset 0..0xffc. */
uint32_t uart_read(struct uart *uart, unsigned int reg);
void uart_write(struct uart *uart, unsigned int reg, uint32_t value);

/*
 * For the kinds, with the lock: the last thing before it is dropped. Tells the architecture if the
 * line has changed.
 */
void uart_update(struct uart *uart);

/* For the kinds, with the lock: a byte into the ring; one from the input, 0 if there is none; one
 * into the input, dropped if that is full. */
void uart_put(struct uart *uart, uint8_t byte);
uint8_t uart_get(struct uart *uart);
void uart_push(struct uart *uart, uint8_t byte);

/* Bytes typed by root; returns how many were taken. */
unsigned int uart_receive(struct uart *uart, const uint8_t *bytes, unsigned int count);

#endif
