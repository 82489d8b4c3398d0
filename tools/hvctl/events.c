// SPDX-License-Identifier: GPL-2.0
/* hvctl events: what happened to cells, as JSON lines. They are the log's records that tell of it. */
#include <stdio.h>
#include <string.h>
#include <cloister/info.h>
#include "device.h"
#include "json.h"

#define POLL_MS 50

static const char *const names[] = CL_EVENT_NAMES;

/* The name in '' that the text begins with: the slot may be another cell's by now. */
static void name_of(const struct cl_log_record *record, char name[CL_NAME_LEN])
{
	if (sscanf(record->text, "cell '%31[^']'", name) != 1)
		name[0] = '\0';
}

static void print_event(const struct region *r, const struct cl_log_record *record)
{
	struct json_object *o = json_object_new_object();
	char name[CL_NAME_LEN];

	name_of(record, name);
	json_add_number(o, "seq", record->seq - 1);
	json_add_number(o, "us", region_microseconds(r, record->tsc));
	json_add_number(o, "cell", record->event_cell);
	json_add_string(o, "name", name);
	json_add_string(o, "event", names[record->event]);
	json_add_string(o, "text", record->text);
	json_print(o, JSON_C_TO_STRING_PLAIN);
}

/* How many records of the log are lost, events or not. */
static void print_dropped(uint64_t count)
{
	struct json_object *o = json_object_new_object();

	json_add_number(o, "dropped", count);
	json_print(o, JSON_C_TO_STRING_PLAIN);
}

int cmd_events(const struct options *o, int argc, char **argv)
{
	struct log_reader reader = { 0 };
	struct cl_log_record record;
	struct region r;
	int code, got;

	(void)argc;
	(void)argv;
	code = device_region(o, &r);
	if (code)
		return code;
	for (;;) {
		got = log_read(&r, &reader, &record);
		if (got < 0)
			return fail(EXIT_REFUSED, "%s: %s", o->device, strerror(-got));
		if (reader.dropped)
			print_dropped(reader.dropped);
		reader.dropped = 0;
		if (!got && !has(o, OPT_FOLLOW) && !reader.waits)
			return EXIT_OK;
		if (!got) {
			fflush(stdout);
			sleep_ms(POLL_MS);
		} else if (record.event && record.event < sizeof(names) / sizeof(names[0])) {
			print_event(&r, &record);
		}
	}
}
