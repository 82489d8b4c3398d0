/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Reading the info region (cloister/info.h) while the hypervisor writes to it.
 *
 * Offsets and strides are taken from the region, never from this program's structs: a hypervisor
 * with longer or shorter records is read as far as both know them.
 */
#ifndef HVCTL_REGION_H
#define HVCTL_REGION_H

#include <stdbool.h>
#include <sys/types.h>
#include <cloister/info.h>

struct region {
	int fd; /* of the device, or -1 to read from memory */
	const char *memory;
	size_t memory_size;
	struct cl_info info; /* as of the last region_refresh() */
};

/* Read the header again. 0 or a negative errno; -EPROTO: not an info region that can be read. */
int region_refresh(struct region *r);

/* Copy an entry; members that the region does not have are 0. False if it cannot be read. */
bool region_cpu(struct region *r, uint32_t index, struct cl_cpu_info *cpu);
bool region_audit(struct region *r, uint32_t index, struct cl_audit *audit);
bool region_cell(struct region *r, uint32_t index, struct cl_cell_info *cell);

/*
 * Find the cell that is called `name`, or else whose id `name` is. Slots that are not in use do
 * not count. NULL: the only cell besides the root cell. Returns 0, -ENOENT, or -EEXIST if name is
 * NULL and there are several.
 */
int region_find_cell(struct region *r, const char *name, struct cl_cell_info *cell);

/* The name of a cell for output: "root", "rtvm", "hypervisor" for CL_NO_CELL, or its number. */
const char *region_cell_name(struct region *r, uint32_t id, char buf[CL_NAME_LEN]);

struct log_reader {
	uint64_t next;	  /* sequence number that is wanted next */
	uint64_t dropped; /* records that were overwritten before they were read */
	uint32_t waits;	  /* how often the next one was found half-written */
};

/*
 * Read the next record. 1: *record is valid and its text is terminated; 0: there is none yet, or
 * (reader->waits) it is just being written; negative errno otherwise. Refreshes the header when it
 * has run out of records.
 */
int log_read(struct region *r, struct log_reader *reader, struct cl_log_record *record);

/* A time of the log in microseconds, as long as the frequency of its counter is known. */
uint64_t region_microseconds(const struct region *r, uint64_t tsc);

struct console_reader {
	uint32_t slot;
	uint32_t generation;
	uint64_t next;	  /* position that is wanted next */
	uint64_t dropped; /* bytes that were overwritten before they were read */
};

void console_begin(struct console_reader *reader, const struct cl_cell_info *cell);

/*
 * Read what the cell has written since. Returns the number of bytes, 0 if there is nothing new,
 * -ENOENT if the cell is gone, or another negative errno.
 */
ssize_t console_read(struct region *r, struct console_reader *reader, char buf[CL_CONSOLE_SIZE]);

#endif
