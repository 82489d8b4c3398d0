/* SPDX-License-Identifier: GPL-2.0 */
/* Between hvctl hardware check and what it looks for on each architecture. */
#ifndef HVCTL_HARDWARE_H
#define HVCTL_HARDWARE_H

#include <stdbool.h>
#include <stddef.h>

struct report {
	struct json_object *json; /* NULL: text */
	bool missing;		  /* something without which Cloister cannot run */
};

/* A line of the report; advice is for what is not there. */
void required(struct report *r, bool present, const char *name, const char *advice);
void optional(struct report *r, bool present, const char *name, const char *advice);

/* The first line of a file, without its end. */
bool read_line(const char *path, char *line, size_t size);

bool iommu_in_use(void);

/* hardware_<arch>.c */
void check_machine(struct report *r);

#endif
