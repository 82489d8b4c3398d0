/* SPDX-License-Identifier: GPL-2.0 */
/* Judging the records of CL_HC_INSPECT: has each thing one owner? No I/O, for unit tests too. */
#ifndef HVCTL_OWNERSHIP_H
#define HVCTL_OWNERSHIP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <cloister/inspect.h>

struct ownership {
	const struct cl_inspect_record *records;
	size_t count;
	uint16_t arch; /* enum cl_arch: what the target of an interrupt pin says */
	/* The name of a cell, and the hardware id of a CPU; buf is for numbers. */
	const char *(*cell_name)(void *context, uint32_t id, char buf[32]);
	uint32_t (*hw_id)(void *context, uint32_t cpu);
	void *context;
	/* What is wrong, in words; called once for each. */
	void (*violation)(void *context, const char *text);
};

/* Returns the number of violations. */
size_t ownership_check(const struct ownership *o);

/* "memory", "I/O port" ... and the unit of start, for output. */
const char *ownership_kind(uint32_t kind);

/* "rwx", "r--". */
void ownership_access(uint32_t access, char buf[4]);

#endif
