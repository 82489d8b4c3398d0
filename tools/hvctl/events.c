// SPDX-License-Identifier: GPL-2.0
/* hvctl events: what happened to cells, as JSON lines. They are the log's records that tell of it. */
#include <stdio.h>
#include <cloister/info.h>
#include "json.h"
#include "log.h"

static const char *const names[] = CL_EVENT_NAMES;

/* The name in '' that the text begins with: the slot may be another cell's by now. */
static void name_of(const struct cl_log_record *record, char name[CL_NAME_LEN])
{
	if (sscanf(record->text, "cell '%31[^']'", name) != 1)
		name[0] = '\0';
}

static void print_event(const struct options *o, struct region *r,
			const struct cl_log_record *record)
{
	struct json_object *json;
	char name[CL_NAME_LEN];

	(void)o;
	if (!record->event || record->event >= sizeof(names) / sizeof(names[0]))
		return;
	name_of(record, name);
	json = json_object_new_object();
	json_add_number(json, "seq", record->seq - 1);
	json_add_number(json, "us", region_microseconds(r, record->tsc));
	json_add_number(json, "cell", record->event_cell);
	json_add_string(json, "name", name);
	json_add_string(json, "event", names[record->event]);
	json_add_string(json, "text", record->text);
	json_print(json, JSON_C_TO_STRING_PLAIN);
}

int cmd_events(const struct options *o, int argc, char **argv)
{
	(void)argc;
	(void)argv;
	return log_print(o, true, print_event);
}
