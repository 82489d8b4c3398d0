/* SPDX-License-Identifier: GPL-2.0 */
/* The hypervisor's log: records in the info region, and a line on the platform's console. */
#ifndef HV_LOG_H
#define HV_LOG_H

#include <hv.h>
#include <cloister/info.h>

/*
 * Append one record. cell: id of the cell that caused it, or CL_NO_CELL. Any CPU, any time; never
 * waits for a reader. Lines caused by a cell (not errors that stop it) are limited in number:
 * LOG_CELL_BURST per cell, then one in LOG_CELL_BURST.
 */
void log_write(unsigned int severity, uint32_t cell, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/* The state of a cell has changed. Not limited. by: as log_write()'s cell. */
void log_event(unsigned int severity, uint32_t by, enum cl_event event, uint32_t cell,
	       const char *fmt, ...) __attribute__((format(printf, 5, 6)));

#define log_error(...) log_write(CL_LOG_ERROR, CL_NO_CELL, __VA_ARGS__)
#define log_info(...)  log_write(CL_LOG_INFO, CL_NO_CELL, __VA_ARGS__)

/* What the code relies on, and nobody outside can break. */
#ifdef CONFIG_DEBUG_CHECKS
#define check_invariant(condition)                                                        \
	do {                                                                              \
		if (unlikely(!(condition)))                                               \
			log_error("%s:%d: not true: %s", __FILE__, __LINE__, #condition); \
	} while (0)
#else
#define check_invariant(condition) ((void)sizeof(condition))
#endif

#define LOG_CELL_BURST 32

/* A new cell gets this id: count its lines anew. */
void log_forget_cell(uint32_t cell);

#endif
