// SPDX-License-Identifier: GPL-2.0
/* The virtual 16550A, as drivers of operating systems probe and use it. */
#include <arch.h>
#include <uart.h>
#include <setjmp.h>
#include <string.h>
#include <cmocka.h>
#include <cloister/info.h>

enum {
	RBR_THR = 0,
	DLL = 0,
	IER = 1,
	DLM = 1,
	IIR_FCR = 2,
	LCR = 3,
	MCR = 4,
	LSR = 5,
	MSR = 6,
	SCR = 7
};

/* IIR without the two FIFO bits */
#define IIR_ID(iir) ((iir)&0x0f)
#define IIR_NONE    0x01
#define IIR_THRE    0x02
#define IIR_RX	    0x04

static struct uart uart;
static char ring[CL_CONSOLE_SIZE + 1];
static uint64_t written;

/* What the architecture has been told of the line. */
static struct cell *const owner = (struct cell *)&uart;
static bool line;
static unsigned int edges;

void cpu_relax(void)
{
}

void arch_uart_line(struct cell *cell, bool active)
{
	assert_ptr_equal(cell, owner);
	assert_int_equal(active, !line);
	assert_true(uart.lock.taken);
	line = active;
	edges++;
}

static int fresh(void **state)
{
	(void)state;
	written = 0;
	memset(ring, '-', sizeof(ring));
	memset(&uart, 0xa5, sizeof(uart));
	line = false;
	edges = 0;
	uart_init(&uart, owner, ring, &written);
	return 0;
}

static unsigned int receive(const char *text)
{
	return uart_receive(&uart, (const uint8_t *)text, (unsigned int)strlen(text));
}

static void interrupt_enable(void **state)
{
	(void)state;
	uart_write(&uart, IER, 0x00);
	assert_int_equal(uart_read(&uart, IER), 0x00);
	uart_write(&uart, IER, 0x0f);
	assert_int_equal(uart_read(&uart, IER), 0x0f);
	/* Bits 7:4 would be other UARTs. */
	uart_write(&uart, IER, 0xff);
	assert_int_equal(uart_read(&uart, IER), 0x0f);
}

static void loopback(void **state)
{
	(void)state;
	uart_write(&uart, MCR, 0x1a);			      /* LOOP, OUT2, RTS */
	assert_int_equal(uart_read(&uart, MSR) & 0xf0, 0x90); /* DCD, CTS */
	uart_write(&uart, MCR, 0x15);			      /* LOOP, OUT1, DTR */
	assert_int_equal(uart_read(&uart, MSR) & 0xf0, 0x60); /* RI, DSR */
	uart_write(&uart, MCR, 0xff);
	assert_int_equal(uart_read(&uart, MCR), 0x1f);

	/* What is sent comes back and does not get out. */
	uart_write(&uart, RBR_THR, 'x');
	assert_int_equal(written, 0);
	assert_int_equal(uart_read(&uart, LSR) & 1, 1);
	assert_int_equal(uart_read(&uart, RBR_THR), 'x');
	assert_int_equal(uart_read(&uart, LSR) & 1, 0);

	uart_write(&uart, MCR, 0x0b);
	uart_write(&uart, RBR_THR, 'y');
	assert_int_equal(written, 1);
	/* A line that is there and ready; no deltas, for nothing ever changes. */
	assert_int_equal(uart_read(&uart, MSR), 0xb0);
}

static void type_of_uart(void **state)
{
	(void)state;
	assert_int_equal(uart_read(&uart, IIR_FCR) & 0xc0, 0x00);
	uart_write(&uart, IIR_FCR, 0x01);
	assert_int_equal(uart_read(&uart, IIR_FCR) & 0xc0, 0xc0);
	/* Bit 5: the 64-byte FIFO of a 16750; it may be asked for with DLAB too */
	uart_write(&uart, IIR_FCR, 0x21);
	assert_int_equal(uart_read(&uart, IIR_FCR) & 0xe0, 0xc0);
	uart_write(&uart, LCR, 0x80);
	uart_write(&uart, IIR_FCR, 0x21);
	uart_write(&uart, LCR, 0x00);
	assert_int_equal(uart_read(&uart, IIR_FCR) & 0xe0, 0xc0);
	uart_write(&uart, IIR_FCR, 0x00);
	assert_int_equal(uart_read(&uart, IIR_FCR) & 0xe0, 0x00);
}

static void no_extended_registers(void **state)
{
	(void)state;
	uart_write(&uart, IIR_FCR, 0x01);
	uart_write(&uart, LCR, 0xbf);
	assert_int_equal(uart_read(&uart, LCR), 0xbf);
	/* Were there an EFR, it would read as 0 or as what was written. */
	assert_int_equal(uart_read(&uart, IIR_FCR), 0xc1);
	/* With DLAB the first two are the divisor. */
	uart_write(&uart, DLL, 0x34);
	uart_write(&uart, DLM, 0x12);
	assert_int_equal(uart_read(&uart, DLL), 0x34);
	assert_int_equal(uart_read(&uart, DLM), 0x12);
	assert_int_equal(written, 0);
	uart_write(&uart, LCR, 0x03);
	assert_int_equal(uart_read(&uart, IER), 0x00);
	assert_int_equal(uart_read(&uart, RBR_THR), 0x00);
	uart_write(&uart, LCR, 0x83);
	assert_int_equal(uart_read(&uart, DLL), 0x34);
	assert_int_equal(uart_read(&uart, DLM), 0x12);
}

static void scratch(void **state)
{
	(void)state;
	for (unsigned int value = 0; value < 256; value++) {
		uart_write(&uart, SCR, (uint8_t)value);
		assert_int_equal(uart_read(&uart, SCR), value);
	}
}

/* Linux' test for a UART whose THRE interrupt gets lost, and its ordinary use. */
static void thre_interrupt(void **state)
{
	(void)state;
	assert_false(uart_interrupt(&uart));
	assert_int_equal(uart_read(&uart, IIR_FCR), IIR_NONE);
	for (int i = 0; i < 3; i++) {
		uart_write(&uart, IER, 0x02); /* 0 -> 1: raised */
		assert_true(uart_interrupt(&uart));
		assert_int_equal(uart_read(&uart, IIR_FCR), IIR_THRE);
		/* Reading took it. */
		assert_false(uart_interrupt(&uart));
		assert_int_equal(uart_read(&uart, IIR_FCR), IIR_NONE);
		/* 1 -> 1: not raised */
		uart_write(&uart, IER, 0x02);
		assert_int_equal(uart_read(&uart, IIR_FCR), IIR_NONE);
		uart_write(&uart, RBR_THR, 'a');
		assert_true(uart_interrupt(&uart));
		assert_int_equal(uart_read(&uart, IIR_FCR), IIR_THRE);
		assert_int_equal(uart_read(&uart, IIR_FCR), IIR_NONE);
		uart_write(&uart, IER, 0x00);
	}
	/* Not enabled, not reported. */
	uart_write(&uart, RBR_THR, 'a');
	assert_false(uart_interrupt(&uart));
	assert_int_equal(uart_read(&uart, IIR_FCR), IIR_NONE);
}

static void receive_interrupt(void **state)
{
	(void)state;
	uart_write(&uart, IIR_FCR, 0x01);
	uart_write(&uart, IER, 0x03);
	assert_int_equal(receive("ab"), 2);
	assert_int_equal(uart_read(&uart, LSR), 0x61);
	/* Input comes before THRE; reading IIR then takes neither of them. */
	assert_int_equal(IIR_ID(uart_read(&uart, IIR_FCR)), IIR_RX);
	assert_int_equal(IIR_ID(uart_read(&uart, IIR_FCR)), IIR_RX);
	assert_int_equal(uart_read(&uart, RBR_THR), 'a');
	assert_int_equal(IIR_ID(uart_read(&uart, IIR_FCR)), IIR_RX);
	assert_int_equal(uart_read(&uart, RBR_THR), 'b');
	assert_int_equal(uart_read(&uart, LSR), 0x60);
	assert_int_equal(IIR_ID(uart_read(&uart, IIR_FCR)), IIR_THRE);
	assert_int_equal(IIR_ID(uart_read(&uart, IIR_FCR)), IIR_NONE);
	/* Empty: nothing comes, and the count does not wrap. */
	assert_int_equal(uart_read(&uart, RBR_THR), 0);
	assert_int_equal(uart_read(&uart, LSR), 0x60);

	/* Only with its enable bit. */
	uart_write(&uart, IER, 0x00);
	assert_int_equal(receive("c"), 1);
	assert_false(uart_interrupt(&uart));
	uart_write(&uart, IER, 0x01);
	assert_true(uart_interrupt(&uart));
}

static void input_queue(void **state)
{
	char text[UART_RX_SIZE + 8];
	unsigned int taken;

	(void)state;
	for (size_t i = 0; i < sizeof(text); i++)
		text[i] = (char)('0' + i);
	/* From a place in the middle, so that it wraps. */
	assert_int_equal(receive("xyz"), 3);
	for (int i = 0; i < 3; i++)
		uart_read(&uart, RBR_THR);
	taken = uart_receive(&uart, (const uint8_t *)text, sizeof(text));
	assert_int_equal(taken, UART_RX_SIZE);
	assert_int_equal(receive("!"), 0);
	for (unsigned int i = 0; i < taken; i++)
		assert_int_equal(uart_read(&uart, RBR_THR), text[i]);
	assert_int_equal(uart_read(&uart, LSR) & 1, 0);

	assert_int_equal(receive("abc"), 3);
	uart_write(&uart, IIR_FCR, 0x03); /* clear the receive FIFO */
	assert_int_equal(uart_read(&uart, LSR) & 1, 0);
	assert_int_equal(receive("d"), 1);
	assert_int_equal(uart_read(&uart, RBR_THR), 'd');
	/* Clearing the transmit FIFO is not for input. */
	assert_int_equal(receive("e"), 1);
	uart_write(&uart, IIR_FCR, 0x05);
	assert_int_equal(uart_read(&uart, RBR_THR), 'e');
}

/* Output never waits: the ring keeps the newest, the count says how many there were. */
static void output(void **state)
{
	(void)state;
	uart_write(&uart, RBR_THR, 'h');
	uart_write(&uart, RBR_THR, 'i');
	assert_int_equal(written, 2);
	assert_memory_equal(ring, "hi-", 3);
	for (unsigned int i = 2; i < CL_CONSOLE_SIZE + 3; i++) {
		assert_int_equal(uart_read(&uart, LSR), 0x60);
		uart_write(&uart, RBR_THR, (uint8_t)('A' + i % 26));
	}
	assert_int_equal(written, CL_CONSOLE_SIZE + 3);
	for (unsigned int i = 3; i < CL_CONSOLE_SIZE + 3; i++)
		assert_int_equal(ring[i % CL_CONSOLE_SIZE], 'A' + i % 26);
	assert_int_equal(ring[CL_CONSOLE_SIZE], '-'); /* behind the ring */
}

static void status_is_read_only(void **state)
{
	(void)state;
	uart_write(&uart, LSR, 0x00);
	uart_write(&uart, MSR, 0x00);
	assert_int_equal(uart_read(&uart, LSR), 0x60);
	assert_int_equal(uart_read(&uart, MSR), 0xb0);
}

/* The line says at each moment what IIR would, and it is told of once for each change. */
static void interrupt_line(void **state)
{
	(void)state;
	uart_write(&uart, IER, 0x01);
	assert_int_equal(edges, 0);
	assert_int_equal(receive("ab"), 2);
	assert_true(line);
	assert_int_equal(uart_read(&uart, RBR_THR), 'a');
	assert_int_equal(edges, 1);
	assert_int_equal(uart_read(&uart, RBR_THR), 'b');
	assert_false(line);
	assert_int_equal(edges, 2);

	/* Each byte sent is an edge once IIR was read. */
	uart_write(&uart, IER, 0x02);
	assert_int_equal(edges, 3);
	for (unsigned int i = 0; i < 3; i++) {
		assert_int_equal(IIR_ID(uart_read(&uart, IIR_FCR)), IIR_THRE);
		assert_false(line);
		uart_write(&uart, RBR_THR, 'c');
		uart_write(&uart, RBR_THR, 'd');
		assert_true(line);
		assert_int_equal(edges, 5 + 2 * i);
	}
	uart_write(&uart, IER, 0x00);
	assert_false(line);

	/* A cell that starts again: nothing is pending, enabled or to be read. */
	uart_write(&uart, IER, 0x03);
	assert_int_equal(receive("e"), 1);
	assert_true(line);
	edges = 0;
	uart_restart(&uart);
	line = false;
	assert_int_equal(edges, 0);
	assert_int_equal(uart_read(&uart, LSR), 0x60);
	assert_int_equal(uart_read(&uart, IER), 0x00);
	assert_int_equal(receive("f"), 1);
	assert_int_equal(uart_read(&uart, RBR_THR), 'f');
	assert_int_equal(edges, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(interrupt_enable, fresh),
		cmocka_unit_test_setup(loopback, fresh),
		cmocka_unit_test_setup(type_of_uart, fresh),
		cmocka_unit_test_setup(no_extended_registers, fresh),
		cmocka_unit_test_setup(scratch, fresh),
		cmocka_unit_test_setup(thre_interrupt, fresh),
		cmocka_unit_test_setup(receive_interrupt, fresh),
		cmocka_unit_test_setup(input_queue, fresh),
		cmocka_unit_test_setup(output, fresh),
		cmocka_unit_test_setup(status_is_read_only, fresh),
		cmocka_unit_test_setup(interrupt_line, fresh),
	};

	return cmocka_run_group_tests_name("uart", tests, NULL, NULL);
}
