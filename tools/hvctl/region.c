// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include "numbers.h"
#include "region.h"

/*
 * The writer stores a byte before it counts it: so many of the oldest bytes in the ring may already
 * be those of the next round.
 */
#define CONSOLE_MARGIN 1

/* How often a reader comes back to a record that is still being written before it gives it up. */
#define LOG_PATIENCE 20

static size_t min_size(size_t a, size_t b)
{
	return a < b ? a : b;
}

static int region_read(struct region *r, void *buf, size_t size, uint64_t offset)
{
	ssize_t got;

	if (r->fd < 0) {
		if (offset > r->memory_size || size > r->memory_size - offset)
			return -EPROTO;
		memcpy(buf, r->memory + offset, size);
		return 0;
	}
	got = pread(r->fd, buf, size, (off_t)offset);
	if (got < 0)
		return -errno;
	return (size_t)got == size ? 0 : -EPROTO;
}

int region_refresh(struct region *r)
{
	struct cl_info info = { 0 };
	size_t size;
	int err;

	/* first what every version has: it says where the tables, and so the header's end, are */
	err = region_read(r, &info, offsetof(struct cl_info, log_next), 0);
	if (err)
		return err;
	if (info.magic != CL_INFO_MAGIC || info.abi_version != CL_ABI_VERSION || !info.log_count)
		return -EPROTO;
	size = min_size(min_size(info.cpus_offset, info.cells_offset),
			min_size(info.log_offset, sizeof(info)));
	err = region_read(r, &info, size, 0);
	if (!err)
		r->info = info;
	return err;
}

static bool region_entry(struct region *r, uint32_t offset, uint32_t stride, uint32_t index,
			 void *out, size_t size)
{
	memset(out, 0, size);
	return !region_read(r, out, min_size(size, stride), offset + (uint64_t)stride * index);
}

bool region_cpu(struct region *r, uint32_t index, struct cl_cpu_info *cpu)
{
	return index < r->info.cpus_count &&
	       region_entry(r, r->info.cpus_offset, r->info.cpus_stride, index, cpu, sizeof(*cpu));
}

bool region_audit(struct region *r, uint32_t index, struct cl_audit *audit)
{
	return index < r->info.audit_count &&
	       region_entry(r, r->info.audit_offset, r->info.audit_stride, index, audit,
			    sizeof(*audit));
}

bool region_cell(struct region *r, uint32_t index, struct cl_cell_info *cell)
{
	if (index >= r->info.cells_count ||
	    !region_entry(r, r->info.cells_offset, r->info.cells_stride, index, cell,
			  sizeof(*cell)))
		return false;
	cell->name[CL_NAME_LEN - 1] = '\0';
	return true;
}

int region_find_cell(struct region *r, const char *name, struct cl_cell_info *cell)
{
	struct cl_cell_info candidate;
	uint64_t id = CL_NO_CELL;
	bool found = false;
	uint32_t i;

	if (name)
		parse_number(name, &id);
	for (i = 0; i < r->info.cells_count; i++) {
		if (!region_cell(r, i, &candidate) || candidate.state == CL_STATE_UNUSED)
			continue;
		if (!name) {
			if (candidate.flags & CL_CELL_ROOT)
				continue;
			if (found)
				return -EEXIST;
			*cell = candidate;
			found = true;
		} else if (!strcmp(candidate.name, name)) {
			*cell = candidate;
			return 0;
		} else if (candidate.id == id) {
			*cell = candidate;
			found = true;
		}
	}
	return found ? 0 : -ENOENT;
}

const char *region_cell_name(struct region *r, uint32_t id, char buf[CL_NAME_LEN])
{
	struct cl_cell_info cell;
	uint32_t i;

	if (id == CL_NO_CELL)
		return strcpy(buf, "hypervisor");
	for (i = 0; i < r->info.cells_count; i++)
		if (region_cell(r, i, &cell) && cell.id == id && cell.name[0])
			return memcpy(buf, cell.name, CL_NAME_LEN);
	snprintf(buf, CL_NAME_LEN, "%u", id);
	return buf;
}

static uint64_t log_record_offset(struct region *r, uint64_t seq)
{
	return r->info.log_offset + (uint64_t)r->info.log_stride * (seq % r->info.log_count);
}

uint64_t region_microseconds(const struct region *r, uint64_t tsc)
{
	return r->info.tsc_khz ? (uint64_t)((unsigned __int128)tsc * 1000 / r->info.tsc_khz) : tsc;
}

int log_read(struct region *r, struct log_reader *reader, struct cl_log_record *record)
{
	uint64_t seq_after = 0;
	uint64_t oldest;
	int err;

	for (;;) {
		if (reader->next >= r->info.log_next) {
			err = region_refresh(r);
			if (err)
				return err;
			/* behind the end: the hypervisor was enabled anew */
			if (reader->next > r->info.log_next)
				reader->next = 0;
			if (reader->next == r->info.log_next)
				return 0;
		}
		oldest = r->info.log_next > r->info.log_count ? r->info.log_next - r->info.log_count
							      : 0;
		if (reader->next < oldest) {
			reader->dropped += oldest - reader->next;
			reader->next = oldest;
		}
		if (!region_entry(r, r->info.log_offset, r->info.log_stride,
				  reader->next % r->info.log_count, record, sizeof(*record)))
			return -EPROTO;
		err = region_read(r, &seq_after, sizeof(seq_after),
				  log_record_offset(r, reader->next));
		if (err)
			return err;
		if (record->seq == reader->next + 1 && seq_after == record->seq) {
			if (record->length >= CL_LOG_TEXT)
				record->length = CL_LOG_TEXT - 1;
			record->text[record->length] = '\0';
			reader->next++;
			reader->waits = 0;
			return 1;
		}
		/*
		 * An older record is still in its place: it is being written, unless the CPU that
		 * wanted to write it was stopped meanwhile. A newer one: this one is lost.
		 */
		if (record->seq <= reader->next && seq_after <= reader->next + 1 &&
		    reader->waits++ < LOG_PATIENCE)
			return 0;
		reader->waits = 0;
		reader->dropped++;
		reader->next++;
	}
}

void console_begin(struct console_reader *reader, const struct cl_cell_info *cell)
{
	*reader = (struct console_reader){ .slot = cell->id, .generation = cell->generation };
}

static int console_cell(struct region *r, struct console_reader *reader, struct cl_cell_info *cell)
{
	if (!region_cell(r, reader->slot, cell))
		return -EPROTO;
	if (cell->state == CL_STATE_UNUSED || cell->generation != reader->generation)
		return -ENOENT;
	return 0;
}

ssize_t console_read(struct region *r, struct console_reader *reader, char buf[CL_CONSOLE_SIZE])
{
	struct cl_cell_info cell;
	uint64_t end, valid, pos;
	char ring[CL_CONSOLE_SIZE];
	size_t used = 0;
	int err;

	err = console_cell(r, reader, &cell);
	if (err)
		return err;
	end = cell.console_written;
	if (end == reader->next || !cell.console_offset)
		return 0;
	err = region_read(r, ring, sizeof(ring), cell.console_offset);
	if (!err)
		err = console_cell(r, reader, &cell);
	if (err)
		return err;
	/* what the cell has written meanwhile took the place of the oldest bytes of the copy */
	valid = 0;
	if (cell.console_written >= CL_CONSOLE_SIZE)
		valid = cell.console_written - CL_CONSOLE_SIZE + CONSOLE_MARGIN;
	if (valid > end)
		valid = end;
	if (reader->next < valid) {
		reader->dropped += valid - reader->next;
		reader->next = valid;
	}
	for (pos = reader->next; pos < end; pos++)
		buf[used++] = ring[pos % CL_CONSOLE_SIZE];
	reader->next = end;
	return (ssize_t)used;
}
