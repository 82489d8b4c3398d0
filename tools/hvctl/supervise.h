/* SPDX-License-Identifier: GPL-2.0 */
#ifndef HVCTL_SUPERVISE_H
#define HVCTL_SUPERVISE_H

#include "cell.h"

/*
 * Look after a cell that was started: restart it as its config says, until it shuts down, stays
 * ended, is taken away by somebody else, or a signal asks for its end. The exit code: EXIT_OK for
 * the cell's own end and for the signal; the cell is destroyed then.
 */
int supervise(const struct options *o, struct loader *l, const struct cl_config *config,
	      const struct piece *pieces, unsigned int count);

#endif
