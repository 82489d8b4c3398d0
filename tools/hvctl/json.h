/* SPDX-License-Identifier: GPL-2.0 */
/* JSON output, a thin layer over json-c. */
#ifndef HVCTL_JSON_H
#define HVCTL_JSON_H

#include <stdio.h>
#include <json-c/json.h>

static inline void json_add_string(struct json_object *o, const char *key, const char *value)
{
	json_object_object_add(o, key, json_object_new_string(value));
}

static inline void json_add_number(struct json_object *o, const char *key, uint64_t value)
{
	json_object_object_add(o, key, json_object_new_uint64(value));
}

static inline void json_add_bool(struct json_object *o, const char *key, int value)
{
	json_object_object_add(o, key, json_object_new_boolean(value));
}

/* Print and free it; `flags` is JSON_C_TO_STRING_PRETTY for one answer, _PLAIN for lines. */
static inline void json_print(struct json_object *o, int flags)
{
	puts(json_object_to_json_string_ext(o, flags | JSON_C_TO_STRING_NOSLASHESCAPE));
	fflush(stdout);
	json_object_put(o);
}

#endif
