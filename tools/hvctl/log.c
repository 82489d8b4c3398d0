// SPDX-License-Identifier: GPL-2.0
/* hvctl log: the hypervisor's log, also after it was disabled or refused to start. */
#include <stdio.h>
#include <string.h>
#include <cloister/info.h>
#include "device.h"
#include "json.h"
#include "log.h"

#define POLL_MS 50

static const char *const severities[] = { "error", "warning", "info", "debug" };

static const char *severity_name(uint8_t severity)
{
	return severities[severity <= CL_LOG_DEBUG ? severity : CL_LOG_DEBUG];
}

static void print_text(struct region *r, const struct cl_log_record *record)
{
	uint64_t us = region_microseconds(r, record->tsc);
	char name[CL_NAME_LEN];

	printf("[%6llu.%06llu] CPU %u %s: %s%s%s\n", (unsigned long long)(us / 1000000),
	       (unsigned long long)(us % 1000000), record->cpu,
	       region_cell_name(r, record->cell, name),
	       record->severity < CL_LOG_INFO ? severity_name(record->severity) : "",
	       record->severity < CL_LOG_INFO ? ": " : "", record->text);
}

static void print_json(struct region *r, const struct cl_log_record *record)
{
	struct json_object *o = json_object_new_object();
	char name[CL_NAME_LEN];

	json_add_number(o, "seq", record->seq - 1);
	json_add_number(o, "tsc", record->tsc);
	json_add_number(o, "us", region_microseconds(r, record->tsc));
	json_add_number(o, "cpu", record->cpu);
	if (record->cell != CL_NO_CELL)
		json_add_number(o, "cell", record->cell);
	json_add_string(o, "cell_name", region_cell_name(r, record->cell, name));
	json_add_string(o, "severity", severity_name(record->severity));
	json_add_string(o, "text", record->text);
	json_print(o, JSON_C_TO_STRING_PLAIN);
}

static void report_dropped(struct log_reader *reader, bool json)
{
	struct json_object *o;

	if (!reader->dropped)
		return;
	if (json) {
		o = json_object_new_object();
		json_add_number(o, "dropped", reader->dropped);
		json_print(o, JSON_C_TO_STRING_PLAIN);
	} else {
		printf("[%llu records were lost: the log is a ring]\n",
		       (unsigned long long)reader->dropped);
	}
	reader->dropped = 0;
}

int log_print(const struct options *o, bool json, log_print_fn *print)
{
	struct cl_log_record record;
	struct log_reader reader = { 0 };
	struct region r;
	int code, got;

	code = device_region(o, &r);
	if (code)
		return code;
	for (;;) {
		got = log_read(&r, &reader, &record);
		if (got < 0)
			return fail(EXIT_REFUSED, "%s: %s", o->device, strerror(-got));
		report_dropped(&reader, json);
		if (got) {
			print(o, &r, &record);
			continue;
		}
		if (!has(o, OPT_FOLLOW) && !reader.waits)
			return EXIT_OK;
		fflush(stdout);
		sleep_ms(POLL_MS);
	}
}

static void print_record(const struct options *o, struct region *r,
			 const struct cl_log_record *record)
{
	if (record->severity > o->severity)
		return;
	if (has(o, OPT_JSON))
		print_json(r, record);
	else
		print_text(r, record);
}

int cmd_log(const struct options *o, int argc, char **argv)
{
	(void)argc;
	(void)argv;
	return log_print(o, has(o, OPT_JSON), print_record);
}
