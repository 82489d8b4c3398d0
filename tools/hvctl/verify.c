// SPDX-License-Identifier: GPL-2.0
/* hvctl verify: who can reach what. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "device.h"
#include "json.h"
#include "ownership.h"

struct verification {
	struct region region;
	struct json_object *violations; /* NULL: they are printed as text */
};

static const char *cell_name(void *context, uint32_t id, char buf[32])
{
	struct verification *v = context;

	return region_cell_name(&v->region, id, buf);
}

static uint32_t hw_id(void *context, uint32_t number)
{
	struct verification *v = context;
	struct cl_cpu_info cpu;

	return region_cpu(&v->region, number, &cpu) ? cpu.hw_id : UINT32_MAX;
}

static void note_violation(void *context, const char *text)
{
	struct verification *v = context;

	if (v->violations)
		json_object_array_add(v->violations, json_object_new_string(text));
	else
		printf("VIOLATION: %s\n", text);
}

/* All records, or NULL with the reason printed. */
static struct cl_inspect_record *read_records(int fd, size_t *count, int *code)
{
	struct cl_ioc_inspect request = { .size = sizeof(request), .capacity = 1024 };
	struct cl_inspect_record *records;

	for (;;) {
		records = calloc(request.capacity, sizeof(*records));
		if (!records) {
			*code = fail(EXIT_REFUSED, "not enough memory");
			return NULL;
		}
		request.records = (uintptr_t)records;
		*code = device_request(fd, CL_IOC_INSPECT, &request, request.message,
				       "inspect the machine");
		if (*code) {
			free(records);
			return NULL;
		}
		if (request.count <= request.capacity)
			break;
		free(records);
		request.capacity = request.count;
	}
	*count = request.count;
	return records;
}

static bool has_target(const struct cl_inspect_record *r)
{
	return (r->kind == CL_INSPECT_MEMORY || r->kind == CL_INSPECT_HV_MAPPING ||
		r->kind == CL_INSPECT_HV_WINDOW) &&
	       r->target != r->start;
}

/* Does b go on where a ends? Only pins: hundreds of them may have one owner. */
static bool next_pin(const struct cl_inspect_record *a, const struct cl_inspect_record *b)
{
	return a->kind == CL_INSPECT_PIN && b->kind == a->kind && b->cell == a->cell &&
	       b->start == a->start && b->index == a->index + 1;
}

/* A record, or for pins all from it to `last`. */
static void print_row(struct verification *v, const struct cl_inspect_record *r,
		      const struct cl_inspect_record *last)
{
	char owner[32], range[64], access[4];

	switch (r->kind) {
	case CL_INSPECT_CPU:
		snprintf(range, sizeof(range), "%llu", (unsigned long long)r->start);
		break;
	case CL_INSPECT_PIN:
		if (r == last)
			snprintf(range, sizeof(range), "%u of 0x%llx", r->index,
				 (unsigned long long)r->start);
		else
			snprintf(range, sizeof(range), "%u-%u of 0x%llx", r->index, last->index,
				 (unsigned long long)r->start);
		break;
	default:
		snprintf(range, sizeof(range), "0x%llx-0x%llx", (unsigned long long)r->start,
			 (unsigned long long)(r->start + r->size - 1));
	}
	ownership_access(r->access, access);
	printf("%-18s %-16.16s %-39s %s", ownership_kind(r->kind),
	       region_cell_name(&v->region, r->cell, owner), range, r->access ? access : "");
	if (r->kind == CL_INSPECT_HV_MAPPING || r->kind == CL_INSPECT_HV_WINDOW)
		printf(" CPU %u", r->index);
	if (has_target(r))
		printf(" to 0x%llx", (unsigned long long)r->target);
	putchar('\n');
}

static struct json_object *json_row(struct verification *v, const struct cl_inspect_record *r)
{
	struct json_object *o = json_object_new_object();
	char owner[32], access[4];

	ownership_access(r->access, access);
	json_add_string(o, "kind", ownership_kind(r->kind));
	if (r->cell != CL_NO_CELL)
		json_add_number(o, "cell", r->cell);
	json_add_string(o, "owner", region_cell_name(&v->region, r->cell, owner));
	json_add_number(o, "start", r->start);
	json_add_number(o, "size", r->size);
	json_add_number(o, "target", r->target);
	json_add_string(o, "access", access);
	json_add_number(o, "index", r->index);
	return o;
}

static void print_json(struct verification *v, const struct cl_inspect_record *records,
		       size_t count)
{
	struct json_object *o = json_object_new_object();
	struct json_object *list = json_object_new_array();

	for (size_t i = 0; i < count; i++)
		json_object_array_add(list, json_row(v, &records[i]));
	json_object_object_add(o, "resources", list);
	json_object_object_add(o, "violations", v->violations);
	json_print(o, JSON_C_TO_STRING_PRETTY);
}

int cmd_verify(const struct options *o, int argc, char **argv)
{
	struct verification v = { 0 };
	struct cl_inspect_record *records;
	size_t count, violations;
	int code;

	(void)argc;
	(void)argv;
	code = device_enabled(o, &v.region);
	if (code)
		return code;
	records = read_records(v.region.fd, &count, &code);
	if (!records)
		return code;
	if (has(o, OPT_JSON)) {
		v.violations = json_object_new_array();
	} else {
		printf("%-18s %-16s %-39s %s\n", "KIND", "OWNER", "RANGE", "ACCESS");
		for (size_t i = 0; i < count; i++) {
			size_t first = i;

			while (i + 1 < count && next_pin(&records[i], &records[i + 1]))
				i++;
			print_row(&v, &records[first], &records[i]);
		}
	}
	violations = ownership_check(&(struct ownership){ .records = records,
							  .count = count,
							  .arch = v.region.info.arch,
							  .cell_name = cell_name,
							  .hw_id = hw_id,
							  .context = &v,
							  .violation = note_violation });
	if (has(o, OPT_JSON))
		print_json(&v, records, count);
	else if (!violations)
		printf("%zu records, no violation: each of them has one owner or is shared by "
		       "declaration\n",
		       count);
	free(records);
	if (violations)
		return fail(EXIT_REFUSED, "%zu violations of ownership", violations);
	return EXIT_OK;
}
