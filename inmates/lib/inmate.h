/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
/*
 * A small library for inmates: programs that run in a cell without an operating system.
 *
 * The library starts the first CPU, clears .bss, maps the first 4 GiB one to one (x86: switches to
 * 64-bit mode for that), installs exception handlers and calls inmate_main(). When that returns,
 * the cell says goodbye (inmate_exit()). x86 inmates that are linked for 32-bit mode have the
 * functions under "Everywhere" only. What only one architecture has is in <arch>/inmate_arch.h.
 */
#ifndef INMATE_H
#define INMATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <cloister/comm.h>
#include <cloister/config.h>
#include <cloister/hypercall.h>
#include <cloister/info.h>

/* Everywhere. */

void inmate_main(void);

/* Tell root that this cell has shut down, and stop this CPU. */
void __attribute__((noreturn)) inmate_exit(void);

/* Stop this CPU without a word; interrupts stay off. */
void __attribute__((noreturn)) inmate_stop(void);

/* The comm region, NULL if the config has none. */
extern struct cl_comm *comm;

/* Root has asked the cell to shut down. */
static inline bool shutdown_requested(void)
{
	return comm && *(volatile uint32_t *)&comm->message == CL_MSG_SHUTDOWN;
}

/*
 * Console: the UART at COM1, or the PL011 at CL_VUART_ADDRESS. %c %s %d %i %u %x %X %p %%, with a
 * width, '-', '0' and the lengths l, ll and z. Several CPUs may call it at once, and a call's
 * output stays together, but for what an interrupt handler prints meanwhile.
 */
int printf(const char *format, ...) __attribute__((format(printf, 1, 2)));
int snprintf(char *buf, size_t size, const char *format, ...) __attribute__((format(printf, 3, 4)));
void console_putc(char c);
/* The next byte typed, -1 if there is none. */
int console_getc(void);

/* The command line (cell load -s): words "key=value" or "key", separated by blanks. */
bool cmdline_flag(const char *key);
/* A number, 0x... or with K, M or G behind; fallback if the key is missing or not a number. */
uint64_t cmdline_number(const char *key, uint64_t fallback);
/* Copies the value, cut to size; false and "" if the key is missing. */
bool cmdline_string(const char *key, char *value, size_t size);

/*
 * The counter that all time is measured with: x86's time-stamp counter, arm64's virtual counter.
 * khz is 0 if nobody knows its frequency (then give tsc_khz=...).
 */
uint32_t tsc_khz(void);
uint64_t tsc_to_ns(uint64_t ticks);
uint64_t ns_to_tsc(uint64_t ns);
/* Busy waiting; assumes 1 GHz where the frequency is not known. */
void delay_us(uint64_t us);

#include <inmate_arch.h>

#if UINTPTR_MAX > UINT32_MAX

/* Not in 32-bit mode. */

/*
 * Interrupts, by number. x86: vectors 0x20 to 0xfe; arm64: INTIDs of the GIC, and the handler of a
 * shared interrupt gets it enabled, for this CPU. Handlers run with interrupts off on the CPU that
 * was interrupted; the library acknowledges to the interrupt controller when they return.
 */
void interrupt_handler(unsigned int number, void (*handler)(void));

/*
 * A periodic interrupt of this CPU's own timer; number is TIMER_VECTOR, on x86 any. x86: in
 * TSC-deadline mode where the CPU has it, else in periodic mode, measured once against the
 * time-stamp counter.
 */
void timer_start(unsigned int number, uint64_t period_tsc);
void timer_stop(void);
/* In the handler, first: counter ticks since the timer expired. Also sets the next deadline. */
uint64_t timer_latency(void);
const char *timer_mode(void);

/* Several CPUs. Numbers are places in comm->hw_ids; the first CPU is 0. */
unsigned int cpu_index(void);
unsigned int cpu_count(void);
/* This CPU as comm->hw_ids names it. */
uint32_t cpu_hw_id(void);
/*
 * Start all other CPUs of the cell at run(index), with interrupts off. Returns how many did start
 * within a second each.
 */
unsigned int smp_start(void (*run)(unsigned int index));
/* Interrupt a CPU; number is IPI_VECTOR(0..7), on x86 any. */
void ipi_send(unsigned int index, unsigned int number);

#endif

#endif
