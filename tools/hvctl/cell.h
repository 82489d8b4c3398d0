/* SPDX-License-Identifier: GPL-2.0 */
/* What commands that make a cell run have in common. */
#ifndef HVCTL_CELL_H
#define HVCTL_CELL_H

#include <cloister/config.h>
#include "device.h"

struct loader {
	struct region r;
	uint32_t id;	/* of the cell */
	uint32_t flags; /* CL_LOAD_FIRST until something was loaded */
};

/*
 * Create a cell from a config that was read. Cloister is enabled, r is its region. EXIT_OK with the
 * new cell's id, or an exit code with the reason printed.
 */
int cell_create(const struct region *r, const struct cl_config *config, size_t size, uint32_t *id);

/* Copy into the cell's loadable memory. EXIT_OK, or an exit code with the reason printed. */
int cell_load(struct loader *l, const char *what, const void *data, size_t length,
	      uint64_t address);

#endif
