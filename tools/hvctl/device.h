/* SPDX-License-Identifier: GPL-2.0 */
/* /dev/cloister: opening it, and requests with messages for people. */
#ifndef HVCTL_DEVICE_H
#define HVCTL_DEVICE_H

#include <cloister/ioctl.h>
#include "hvctl.h"
#include "region.h"

#define DEVICE_PATH "/dev/cloister"

/* Open the device. The descriptor, or -1 with the reason printed. */
int device_open(const struct options *o);

/* Open the device and read the info region. EXIT_OK, or an exit code with the reason printed. */
int device_region(const struct options *o, struct region *r);

/* The same, but refuse if Cloister is not enabled now. */
int device_enabled(const struct options *o, struct region *r);

/* device_enabled() and the cell; name may be NULL as for region_find_cell(). */
int device_cell(const struct options *o, const char *name, struct region *r,
		struct cl_cell_info *cell);

/* The message for a cell that region_find_cell() did not find. Returns the exit code. */
int report_no_cell(struct region *r, const char *name, int err);

/*
 * Do a request and print what it says if it fails, as "hvctl: cannot WHAT: ...". `message` is the
 * struct's member of that name. EXIT_OK or an exit code.
 */
int device_request(int fd, unsigned long request, void *arg, const char *message, const char *what);

/*
 * Read a file of at most max bytes. The buffer (8-byte aligned, to be freed), or NULL with the
 * reason printed.
 */
void *read_file(const char *path, size_t max, size_t *size);

#endif
