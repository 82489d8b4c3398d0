// SPDX-License-Identifier: GPL-2.0
/* hvctl cell create, load, start, shutdown, destroy, list. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cloister/comm.h>
#include "cell.h"
#include "config_check.h"
#include "json.h"
#include "numbers.h"

#define LOAD_MAX   (4ULL << 30) /* bytes of one image */
#define LOAD_PIECE (1U << 20)	/* bytes per request, so that an interrupt by Ctrl-C is soon seen */

int cell_create(const struct region *r, const struct cl_config *config, size_t size, uint32_t *id)
{
	struct cl_ioc_config request = {
		.size = sizeof(request),
		.config = (uintptr_t)config,
		.config_size = size,
	};
	int code;

	code = device_request(r->fd, CL_IOC_CELL_CREATE, &request, request.message,
			      "create the cell");
	*id = request.id;
	return code;
}

int cmd_cell_create(const struct options *o, int argc, char **argv)
{
	struct cl_config *config;
	struct region r;
	uint32_t id;
	size_t size;
	int code;

	(void)argc;
	config = read_config(argv[0], !has(o, OPT_NO_CHECK), &size);
	if (!config)
		return EXIT_REFUSED;
	code = device_enabled(o, &r);
	if (!code) {
		progress_begin("creating the cell");
		code = cell_create(&r, config, size, &id);
		progress_end();
	}
	/* accepted: so the name is terminated */
	if (!code && has(o, OPT_JSON)) {
		struct json_object *json = json_object_new_object();

		json_add_number(json, "id", id);
		json_add_string(json, "name", config->name);
		json_print(json, JSON_C_TO_STRING_PRETTY);
	} else if (!code) {
		printf("cell '%s' is created, its id is %u\n", config->name, id);
	}
	free(config);
	return code;
}

int cell_load(struct loader *l, const char *what, const void *data, size_t length, uint64_t address)
{
	struct cl_ioc_load request;
	char action[CL_MESSAGE_LEN];
	size_t done;
	int code;

	for (done = 0; done < length; done += request.length) {
		request = (struct cl_ioc_load){
			.size = sizeof(request),
			.id = l->id,
			.address = address + done,
			.data = (uintptr_t)data + done,
			.length = length - done < LOAD_PIECE ? length - done : LOAD_PIECE,
			.flags = l->flags,
		};
		snprintf(action, sizeof(action), "load %s (%zu bytes) to 0x%llx", what, length,
			 (unsigned long long)address);
		code = device_request(l->r.fd, CL_IOC_CELL_LOAD, &request, request.message, action);
		if (code)
			return code;
		l->flags = 0;
	}
	return EXIT_OK;
}

int cell_check_string(const struct options *o, const char *command)
{
	if (!o->string || strlen(o->string) < CL_CMDLINE_SIZE)
		return EXIT_OK;
	return fail(EXIT_USAGE, "%s: the string has %zu bytes, expected at most %d", command,
		    strlen(o->string), CL_CMDLINE_SIZE - 1);
}

int cell_read_image(char *argument, struct piece *p)
{
	void *data;

	p->what = argument;
	p->address = CL_INMATE_ADDRESS;
	if (!split_image(argument, &p->address))
		return fail(EXIT_USAGE, "no file before the '@', expected IMAGE[@ADDRESS]");
	data = read_file(argument, LOAD_MAX, &p->size);
	p->data = data;
	if (!data)
		return EXIT_REFUSED;
	if (p->size)
		return EXIT_OK;
	free(data);
	p->data = NULL;
	return fail(EXIT_REFUSED, "%s: the image is empty", argument);
}

static int load_image(struct loader *l, char *argument)
{
	struct piece p;
	int code = cell_read_image(argument, &p);

	if (code)
		return code;
	code = cell_load(l, p.what, p.data, p.size, p.address);
	free((void *)p.data);
	return code;
}

int cmd_cell_load(const struct options *o, int argc, char **argv)
{
	struct loader l = { .flags = CL_LOAD_FIRST };
	struct cl_cell_info cell;
	int code;
	int i;

	if (argc < 2 && !o->string)
		return fail(EXIT_USAGE,
			    "cell load: nothing to load, expected an IMAGE or -s STRING");
	code = cell_check_string(o, "cell load");
	if (code)
		return code;
	code = device_cell(o, argv[0], &l.r, &cell);
	if (code)
		return code;
	l.id = cell.id;
	progress_begin("loading");
	if (o->string)
		code = cell_load(&l, "the string", o->string, strlen(o->string) + 1,
				 CL_CMDLINE_ADDRESS);
	for (i = 1; i < argc && !code; i++)
		code = load_image(&l, argv[i]);
	progress_end();
	return code;
}

static int cell_request(const struct options *o, const char *name, unsigned long number,
			const char *what, const char *doing)
{
	struct cl_ioc_cell request = { .size = sizeof(request), .timeout_ms = o->timeout_ms };
	struct cl_cell_info cell;
	struct region r;
	int code;

	code = device_cell(o, name, &r, &cell);
	if (code)
		return code;
	request.id = cell.id;
	progress_begin(doing);
	code = device_request(r.fd, number, &request, request.message, what);
	progress_end();
	if (!code && request.message[0])
		printf("%.*s\n", CL_MESSAGE_LEN, request.message);
	return code;
}

int cmd_cell_start(const struct options *o, int argc, char **argv)
{
	(void)argc;
	return cell_request(o, argv[0], CL_IOC_CELL_START, "start the cell", "starting");
}

int cmd_cell_shutdown(const struct options *o, int argc, char **argv)
{
	(void)argc;
	return cell_request(o, argv[0], CL_IOC_CELL_SHUTDOWN, "shut the cell down",
			    "waiting for the cell");
}

int cmd_cell_destroy(const struct options *o, int argc, char **argv)
{
	(void)argc;
	return cell_request(o, argv[0], CL_IOC_CELL_DESTROY, "destroy the cell", "destroying");
}

static const char *state_name(uint32_t state)
{
	static const char *const names[] = CL_STATE_NAMES;

	return state < sizeof(names) / sizeof(names[0]) ? names[state] : "unknown";
}

static void list_json(struct json_object *list, const struct cl_cell_info *cell)
{
	struct json_object *cpus = json_object_new_array();
	struct json_object *o = json_object_new_object();
	unsigned int i;

	for (i = 0; i < 256; i++)
		if (cell->cpus[i / 64] >> i % 64 & 1)
			json_object_array_add(cpus, json_object_new_int(i));
	json_add_number(o, "id", cell->id);
	json_add_string(o, "name", cell->name);
	json_add_string(o, "state", state_name(cell->state));
	json_add_bool(o, "root", cell->flags & CL_CELL_ROOT);
	json_add_bool(o, "locked", cell->locked);
	json_object_object_add(o, "cpus", cpus);
	json_add_number(o, "memory", cell->memory);
	json_add_number(o, "hv_memory", cell->hv_memory);
	json_add_number(o, "console_written", cell->console_written);
	json_object_array_add(list, o);
}

static void list_text(const struct cl_cell_info *cell)
{
	char cpus[64], memory[32], cost[32];

	format_cpus(cpus, sizeof(cpus), cell->cpus, 4);
	format_bytes(memory, sizeof(memory), cell->memory);
	format_bytes(cost, sizeof(cost), cell->hv_memory);
	printf("%-4u %-20s %-11s %-10s %-10s %s%s\n", cell->id, cell->name, state_name(cell->state),
	       cpus, cell->flags & CL_CELL_ROOT ? "the rest" : memory, cost,
	       cell->locked ? " (locked)" : "");
}

int cmd_cell_list(const struct options *o, int argc, char **argv)
{
	struct json_object *list = NULL;
	struct cl_cell_info cell;
	struct region r;
	uint32_t i;
	int code;

	(void)argc;
	(void)argv;
	code = device_enabled(o, &r);
	if (code)
		return code;
	if (has(o, OPT_JSON))
		list = json_object_new_array();
	else
		printf("%-4s %-20s %-11s %-10s %-10s %s\n", "ID", "NAME", "STATE", "CPUS", "MEMORY",
		       "HYPERVISOR");
	for (i = 0; i < r.info.cells_count; i++) {
		if (!region_cell(&r, i, &cell) || cell.state == CL_STATE_UNUSED)
			continue;
		if (list)
			list_json(list, &cell);
		else
			list_text(&cell);
	}
	if (list)
		json_print(list, JSON_C_TO_STRING_PRETTY);
	return EXIT_OK;
}
