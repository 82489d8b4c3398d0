// SPDX-License-Identifier: GPL-2.0
/*
 * The virtual UART against a model of it. Input: pairs of bytes. Low 3 bits of the first: register;
 * then bit 3: write the second byte, bit 4: type as many bytes as it says instead.
 */
#include "fuzz.h"
#include <arch.h>
#include <uart.h>
#include <cloister/info.h>

#define GUARD 64

static char memory[GUARD + CL_CONSOLE_SIZE + GUARD];

static struct {
	uint8_t registers[8], dll, dlm; /* as last written, by number */
	uint8_t queue[UART_RX_SIZE];	/* oldest first */
	unsigned int queued;
	bool empty_event; /* the transmitter became empty since IIR said so */
	bool line;	  /* of the interrupt, as the architecture was told */
	uint64_t sent;
	char output[CL_CONSOLE_SIZE];
} model;

void cpu_relax(void)
{
	require(false, "the lock is taken");
}

void arch_uart_line(struct cell *cell, bool active)
{
	require(!cell && active == !model.line, "told of no change");
	model.line = active;
}

static bool dlab(void)
{
	return model.registers[3] & 0x80;
}

static bool loopback(void)
{
	return model.registers[4] & 0x10;
}

static void enqueue(uint8_t byte)
{
	if (model.queued < UART_RX_SIZE)
		model.queue[model.queued++] = byte;
}

static uint8_t dequeue(void)
{
	uint8_t byte;

	if (!model.queued)
		return 0;
	byte = model.queue[0];
	memmove(model.queue, model.queue + 1, --model.queued);
	return byte;
}

/* PC16550D data sheet, table II: the interrupt of the highest priority. */
static uint8_t model_iir(void)
{
	uint8_t fifo = model.registers[2] & 1 ? 0xc0 : 0;

	if (model.registers[1] & 1 && model.queued)
		return fifo | 0x04;
	if (model.registers[1] & 2 && model.empty_event) {
		model.empty_event = false;
		return fifo | 0x02;
	}
	return fifo | 0x01;
}

static bool model_interrupt(void)
{
	return (model.registers[1] & 1 && model.queued) ||
	       (model.registers[1] & 2 && model.empty_event);
}

static uint8_t model_read(unsigned int reg)
{
	uint8_t mcr = model.registers[4];

	switch (reg) {
	case 0:
		return dlab() ? model.dll : dequeue();
	case 1:
		return dlab() ? model.dlm : model.registers[1];
	case 2:
		return model_iir();
	case 5:
		return model.queued ? 0x61 : 0x60;
	case 6:
		if (!loopback())
			return 0xb0;
		return (uint8_t)((mcr & 1 ? 0x20 : 0) | (mcr & 2 ? 0x10 : 0) |
				 (mcr & 4 ? 0x40 : 0) | (mcr & 8 ? 0x80 : 0));
	default:
		return model.registers[reg];
	}
}

static void model_write(unsigned int reg, uint8_t value)
{
	static const uint8_t implemented[8] = { 0xff, 0x0f, 0xff, 0xff, 0x1f, 0, 0, 0xff };

	if (reg == 0 && dlab()) {
		model.dll = value;
	} else if (reg == 0 && loopback()) {
		enqueue(value);
	} else if (reg == 0) {
		model.output[model.sent++ % CL_CONSOLE_SIZE] = (char)value;
		model.empty_event = true;
	} else if (reg == 1 && dlab()) {
		model.dlm = value;
	} else {
		if (reg == 1 && value & 2 && !(model.registers[1] & 2))
			model.empty_event = true;
		if (reg == 2 && value & 2)
			model.queued = 0;
		model.registers[reg] = value & implemented[reg];
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input in = { data, data + size };
	char *ring = memory + GUARD;
	uint64_t written = 0;
	struct uart uart;

	memset(memory, 0, sizeof(memory));
	memset(&model, 0, sizeof(model));
	memset(&uart, 0xa5, sizeof(uart));
	uart_init(&uart, NULL, ring, &written);
	model.dll = 1;

	while (in.at < in.end) {
		unsigned int what = (unsigned int)take(&in, 1), reg = what & 7;
		uint8_t value = (uint8_t)take(&in, 1);

		if (what & 0x10) {
			uint8_t bytes[8];
			unsigned int count = value % 9, room = UART_RX_SIZE - model.queued;

			memset(bytes, value, sizeof(bytes));
			require(uart_receive(&uart, bytes, count) == (count < room ? count : room),
				"%u bytes, room for %u", count, room);
			for (unsigned int i = 0; i < count; i++)
				enqueue(value);
		} else if (what & 0x08) {
			uart_write(&uart, reg, value);
			model_write(reg, value);
		} else {
			uint8_t ours = uart_read(&uart, reg), theirs = model_read(reg);

			require(ours == theirs, "register %u: %#x, model %#x", reg, ours, theirs);
		}
		require(!uart.lock.taken, "lock");
		require(model.line == model_interrupt(), "interrupt line is %d", model.line);
		require(uart.rx_head < UART_RX_SIZE && uart.rx_count == model.queued,
			"head %u, count %u, model %u", uart.rx_head, uart.rx_count, model.queued);
		require(written == model.sent, "written %lu", written);
	}
	require(!memcmp(ring, model.output, CL_CONSOLE_SIZE), "what is in the ring");
	for (unsigned int i = 0; i < GUARD; i++)
		require(!memory[i] && !ring[CL_CONSOLE_SIZE + i], "beside the ring");
	return 0;
}
