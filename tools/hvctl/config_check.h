/* SPDX-License-Identifier: GPL-2.0 */
/* Cell configs in user space: reading them, and the validator with this machine's limits. */
#ifndef HVCTL_CONFIG_CHECK_H
#define HVCTL_CONFIG_CHECK_H

#include <stdbool.h>
#include <stddef.h>

/*
 * Read a config and, if asked to, check it on its own. The blob (to be freed), or NULL with the
 * reason printed.
 */
void *read_config(const char *path, bool check, size_t *size);

#endif
