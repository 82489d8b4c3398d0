// SPDX-License-Identifier: GPL-2.0
/* Reading cells, log and consoles from an info region that somebody writes to. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "tools/hvctl/region.h"

#define LOG_COUNT  8
#define CELL_COUNT 4
/* longer than this version knows: a reader must go by the strides */
#define CELL_STRIDE (sizeof(struct cl_cell_info) + 24)
#define LOG_STRIDE  (sizeof(struct cl_log_record) + 8)

struct memory {
	struct cl_info info;
	char cpus[2][sizeof(struct cl_cpu_info)];
	char cells[CELL_COUNT][CELL_STRIDE];
	char log[LOG_COUNT][LOG_STRIDE];
	char ring[CL_CONSOLE_SIZE];
};

struct fixture {
	struct memory m;
	struct region r;
};

static struct cl_cell_info *cell_at(struct fixture *f, int i)
{
	return (struct cl_cell_info *)f->m.cells[i];
}

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	struct memory *m = &f->m;

	m->info = (struct cl_info){
		.magic = CL_INFO_MAGIC,
		.abi_version = CL_ABI_VERSION,
		.size = sizeof(*m),
		.enabled = 1,
		.cpus_offset = offsetof(struct memory, cpus),
		.cpus_stride = sizeof(m->cpus[0]),
		.cpus_count = 2,
		.cells_offset = offsetof(struct memory, cells),
		.cells_stride = CELL_STRIDE,
		.cells_count = CELL_COUNT,
		.log_offset = offsetof(struct memory, log),
		.log_stride = LOG_STRIDE,
		.log_count = LOG_COUNT,
	};
	*cell_at(f, 0) = (struct cl_cell_info){
		.id = 0, .state = CL_STATE_RUNNING, .name = "machine", .flags = CL_CELL_ROOT
	};
	*cell_at(f, 1) = (struct cl_cell_info){ .id = 1,
						.state = CL_STATE_RUNNING,
						.name = "rtvm",
						.console_offset = offsetof(struct memory, ring) };
	*cell_at(f, 2) = (struct cl_cell_info){ .id = 2, .name = "old" };
	f->r = (struct region){ .fd = -1, .memory = (char *)m, .memory_size = sizeof(*m) };
	assert_int_equal(region_refresh(&f->r), 0);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	free(*state);
	return 0;
}

static void header(void **state)
{
	struct fixture *f = *state;
	struct cl_cpu_info cpu;

	f->m.info.magic++;
	assert_int_equal(region_refresh(&f->r), -EPROTO);
	f->m.info.magic--;
	f->m.info.abi_version++;
	assert_int_equal(region_refresh(&f->r), -EPROTO);
	f->m.info.abi_version--;
	/* an older, shorter header: what follows it is not taken for a part of it */
	f->m.info.features = 0x77;
	f->m.info.cpus_offset = offsetof(struct cl_info, features);
	assert_int_equal(region_refresh(&f->r), 0);
	assert_int_equal(f->r.info.features, 0);
	f->r.memory_size = 16;
	assert_int_equal(region_refresh(&f->r), -EPROTO);

	f->r.memory_size = sizeof(f->m);
	f->r.info.cpus_offset = offsetof(struct memory, cpus);
	memset(f->m.cpus, 0xff, sizeof(f->m.cpus));
	f->r.info.cpus_stride = 16;
	assert_true(region_cpu(&f->r, 1, &cpu));
	assert_int_equal(cpu.cell, CL_NO_CELL);
	assert_int_equal(cpu.exits[0], 0);
	assert_false(region_cpu(&f->r, 2, &cpu));
	f->r.info.cpus_offset = 0xffffff00;
	assert_false(region_cpu(&f->r, 1, &cpu));
}

static void cells(void **state)
{
	struct fixture *f = *state;
	struct cl_cell_info cell;
	char name[CL_NAME_LEN];

	assert_int_equal(region_find_cell(&f->r, "rtvm", &cell), 0);
	assert_int_equal(cell.id, 1);
	assert_int_equal(region_find_cell(&f->r, "1", &cell), 0);
	assert_string_equal(cell.name, "rtvm");
	assert_int_equal(region_find_cell(&f->r, "0", &cell), 0);
	assert_int_equal(region_find_cell(&f->r, NULL, &cell), 0);
	assert_int_equal(cell.id, 1);
	assert_int_equal(region_find_cell(&f->r, "old", &cell), -ENOENT);
	assert_int_equal(region_find_cell(&f->r, "2", &cell), -ENOENT);
	assert_int_equal(region_find_cell(&f->r, "", &cell), -ENOENT);
	/* a name goes before an id */
	cell_at(f, 2)->state = CL_STATE_STOPPED;
	strcpy(cell_at(f, 2)->name, "1");
	assert_int_equal(region_find_cell(&f->r, "1", &cell), 0);
	assert_int_equal(cell.id, 2);
	assert_int_equal(region_find_cell(&f->r, NULL, &cell), -EEXIST);
	cell_at(f, 1)->state = CL_STATE_UNUSED;
	cell_at(f, 2)->state = CL_STATE_UNUSED;
	assert_int_equal(region_find_cell(&f->r, NULL, &cell), -ENOENT);

	assert_string_equal(region_cell_name(&f->r, CL_NO_CELL, name), "hypervisor");
	assert_string_equal(region_cell_name(&f->r, 0, name), "machine");
	assert_string_equal(region_cell_name(&f->r, 9, name), "9");
}

static struct cl_log_record *slot(struct fixture *f, uint64_t seq)
{
	return (struct cl_log_record *)f->m.log[seq % LOG_COUNT];
}

/* As the hypervisor does it: take a number, mark the slot, fill it, publish. */
static void log_write(struct fixture *f)
{
	uint64_t seq = f->m.info.log_next++;
	struct cl_log_record *record = slot(f, seq);

	record->seq = 0;
	record->length =
		snprintf(record->text, CL_LOG_TEXT, "record %llu", (unsigned long long)seq);
	record->seq = seq + 1;
}

static void expect_record(struct fixture *f, struct log_reader *reader, uint64_t seq)
{
	struct cl_log_record record;
	char text[32];

	assert_int_equal(log_read(&f->r, reader, &record), 1);
	snprintf(text, sizeof(text), "record %llu", (unsigned long long)seq);
	assert_string_equal(record.text, text);
	assert_int_equal(record.seq, seq + 1);
}

static void expect_no_record(struct fixture *f, struct log_reader *reader)
{
	struct cl_log_record record;

	assert_int_equal(log_read(&f->r, reader, &record), 0);
}

static void log_in_order(void **state)
{
	struct fixture *f = *state;
	struct log_reader reader = { 0 };
	uint64_t seq;

	expect_no_record(f, &reader);
	for (seq = 0; seq < 30; seq++) {
		log_write(f);
		expect_record(f, &reader, seq);
		expect_no_record(f, &reader);
	}
	assert_int_equal(reader.dropped, 0);
}

static void log_overrun(void **state)
{
	struct fixture *f = *state;
	struct log_reader reader = { 0 };
	int i;

	for (i = 0; i < 20; i++)
		log_write(f);
	/* the ring holds 12 to 19 */
	expect_record(f, &reader, 12);
	assert_int_equal(reader.dropped, 12);
	/* the header that was read last says 20, but 13 and 14 are overwritten meanwhile */
	for (i = 0; i < 3; i++)
		log_write(f);
	expect_record(f, &reader, 15);
	assert_int_equal(reader.dropped, 14);
	for (i = 16; i < 23; i++)
		expect_record(f, &reader, i);
	expect_no_record(f, &reader);
	assert_int_equal(reader.dropped, 14);
}

static void log_half_written(void **state)
{
	struct fixture *f = *state;
	struct log_reader reader = { 0 };
	int i;

	for (i = 0; i < 10; i++)
		log_write(f);
	for (i = 2; i < 9; i++)
		expect_record(f, &reader, i);
	assert_int_equal(reader.dropped, 2);
	/* 9 is being written: not yet, and in the end it comes */
	slot(f, 9)->seq = 0;
	expect_no_record(f, &reader);
	assert_true(reader.waits);
	slot(f, 9)->seq = 10;
	expect_record(f, &reader, 9);
	assert_false(reader.waits);
	/* 10 never comes, its CPU was stopped; 11 does, and is not kept back for ever */
	f->m.info.log_next++;
	slot(f, 10)->seq = 0;
	log_write(f);
	for (i = 0; i < 20; i++)
		expect_no_record(f, &reader);
	expect_record(f, &reader, 11);
	assert_int_equal(reader.dropped, 3);
}

static void log_restart(void **state)
{
	struct fixture *f = *state;
	struct log_reader reader = { .next = 5 };
	struct cl_log_record record;

	/* enabled anew: the numbers begin again */
	log_write(f);
	slot(f, 0)->length = 255;
	assert_int_equal(log_read(&f->r, &reader, &record), 1);
	assert_int_equal(record.length, CL_LOG_TEXT - 1);
	assert_string_equal(record.text, "record 0");
}

static void console_write(struct fixture *f, const char *text)
{
	uint64_t *written = &cell_at(f, 1)->console_written;

	for (; *text; text++)
		f->m.ring[(*written)++ % CL_CONSOLE_SIZE] = *text;
}

static void console(void **state)
{
	struct fixture *f = *state;
	struct console_reader reader;
	char buf[CL_CONSOLE_SIZE];
	char line[32];
	int i;

	console_begin(&reader, cell_at(f, 1));
	assert_int_equal(console_read(&f->r, &reader, buf), 0);
	/* across the end of the ring, several times */
	for (i = 0; i < 3000; i++) {
		snprintf(line, sizeof(line), "line %d\n", i);
		console_write(f, line);
		assert_int_equal(console_read(&f->r, &reader, buf), strlen(line));
		assert_memory_equal(buf, line, strlen(line));
	}
	assert_int_equal(reader.dropped, 0);
	/* too slow: the newest bytes, and how many are missing */
	for (i = 0; i < 1000; i++)
		console_write(f, "0123456789");
	assert_int_equal(console_read(&f->r, &reader, buf), CL_CONSOLE_SIZE - 1);
	assert_int_equal(reader.dropped, 10000 - (CL_CONSOLE_SIZE - 1));
	assert_memory_equal(buf + CL_CONSOLE_SIZE - 11, "0123456789", 10);
	assert_int_equal(console_read(&f->r, &reader, buf), 0);

	cell_at(f, 1)->generation++;
	assert_int_equal(console_read(&f->r, &reader, buf), -ENOENT);
	cell_at(f, 1)->generation--;
	cell_at(f, 1)->state = CL_STATE_UNUSED;
	assert_int_equal(console_read(&f->r, &reader, buf), -ENOENT);
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		T(header),	     T(cells),	     T(log_in_order), T(log_overrun),
		T(log_half_written), T(log_restart), T(console),
	};

	return cmocka_run_group_tests_name("info region", tests, NULL, NULL);
}
