/* SPDX-License-Identifier: GPL-2.0 */
/* Commands that print records of the log. */
#ifndef HVCTL_LOG_H
#define HVCTL_LOG_H

#include "device.h"

typedef void log_print_fn(const struct options *o, struct region *r,
			  const struct cl_log_record *record);

/*
 * Hand over each record that there is, with --follow also those yet to come; what was lost is
 * reported, as JSON or as text. The exit code.
 */
int log_print(const struct options *o, bool json, log_print_fn *print);

#endif
