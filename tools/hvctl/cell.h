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

/* Something that is loaded at a guest-physical address. */
struct piece {
	const char *what; /* for messages */
	const void *data;
	size_t size;
	uint64_t address;
};

/*
 * Create a cell, load all pieces and start it; with --supervise, stay and do what its config says
 * about restarts (supervise.c). Cloister is enabled, r is its region. The exit code; a reason was
 * printed. A cell that could not be started is not there any more.
 */
int cell_run(const struct options *o, const struct region *r, const struct cl_config *config,
	     size_t size, const struct piece *pieces, unsigned int count);

/* For supervise.c: load all pieces, which stops the cell, and start it. */
int cell_load_all(struct loader *l, const struct piece *pieces, unsigned int count);
int cell_start(struct loader *l);
int cell_destroy(struct loader *l);

/* Is the string for the inmate not too long? EXIT_OK, or an exit code with the reason printed. */
int cell_check_string(const struct options *o, const char *command);

/*
 * Read IMAGE[@ADDRESS]. EXIT_OK, and p->data is to be freed, or an exit code with the reason
 * printed.
 */
int cell_read_image(char *argument, struct piece *p);

/* Copy into the cell's loadable memory. EXIT_OK, or an exit code with the reason printed. */
int cell_load(struct loader *l, const char *what, const void *data, size_t length,
	      uint64_t address);

#endif
