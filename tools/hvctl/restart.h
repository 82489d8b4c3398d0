/* SPDX-License-Identifier: GPL-2.0 */
/* May a cell that has ended be started again? */
#ifndef HVCTL_RESTART_H
#define HVCTL_RESTART_H

#include <stdbool.h>
#include <cloister/config.h>
#include <cloister/info.h>

struct restarts {
	uint64_t times[UINT8_MAX]; /* of the last ones, ms, in a ring */
	unsigned int count;	   /* since the beginning */
};

enum restart {
	RESTART_NOW,
	RESTART_NEVER,	  /* the config does not say so, or there is no reason to */
	RESTART_TOO_MANY, /* in too short a time */
};

/*
 * The cell with this config has come to this state at this time (ms, of a clock that does not
 * jump). RESTART_NOW counts as a restart.
 */
enum restart restart_decide(struct restarts *r, const struct cl_config *config, uint32_t state,
			    uint64_t now);

/* With the defaults filled in. */
unsigned int restart_limit(const struct cl_config *config);
unsigned int restart_seconds(const struct cl_config *config);

#endif
