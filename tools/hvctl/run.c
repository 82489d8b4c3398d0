// SPDX-License-Identifier: GPL-2.0
/* hvctl cell run: create, load and start a cell, and on request look after it until it ends. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cloister/comm.h>
#include "cell.h"
#include "config_check.h"
#include "supervise.h"

static int simple_request(struct loader *l, unsigned long number, const char *what)
{
	struct cl_ioc_cell request = { .size = sizeof(request), .id = l->id };

	return device_request(l->r.fd, number, &request, request.message, what);
}

int cell_start(struct loader *l)
{
	return simple_request(l, CL_IOC_CELL_START, "start the cell");
}

int cell_destroy(struct loader *l)
{
	return simple_request(l, CL_IOC_CELL_DESTROY, "destroy the cell");
}

int cell_load_all(struct loader *l, const struct piece *pieces, unsigned int count)
{
	unsigned int i;
	int code = EXIT_OK;

	l->flags = CL_LOAD_FIRST;
	for (i = 0; i < count && !code; i++)
		code = cell_load(l, pieces[i].what, pieces[i].data, pieces[i].size,
				 pieces[i].address);
	return code;
}

int cell_run(const struct options *o, const struct region *r, const struct cl_config *config,
	     size_t size, const struct piece *pieces, unsigned int count)
{
	struct loader l = { .r = *r };
	int code;

	progress_begin("creating and loading the cell");
	code = cell_create(r, config, size, &l.id);
	if (!code) {
		code = cell_load_all(&l, pieces, count);
		if (!code)
			code = cell_start(&l);
		if (code)
			cell_destroy(&l);
	}
	progress_end();
	if (code)
		return code;
	printf("cell '%s' is started, its id is %u; see hvctl console %s\n", config->name, l.id,
	       config->name);
	return has(o, OPT_SUPERVISE) ? supervise(o, &l, config, pieces, count) : EXIT_OK;
}

/* The string and the images, as for "cell load". */
static int read_pieces(const struct options *o, int argc, char **argv, struct piece *pieces,
		       unsigned int *count)
{
	int code = EXIT_OK;
	int i;

	if (o->string)
		pieces[(*count)++] = (struct piece){ "the string", o->string, strlen(o->string) + 1,
						     CL_CMDLINE_ADDRESS };
	for (i = 0; i < argc && !code; i++) {
		code = cell_read_image(argv[i], &pieces[*count]);
		*count += !code;
	}
	return code;
}

int cmd_cell_run(const struct options *o, int argc, char **argv)
{
	struct piece *pieces = calloc(argc + 1, sizeof(*pieces));
	struct cl_config *config = NULL;
	unsigned int count = 0, i;
	struct region r;
	size_t size;
	int code;

	if (!pieces)
		return fail(EXIT_REFUSED, "not enough memory");
	code = cell_check_string(o, "cell run");
	if (code)
		goto out;
	code = EXIT_REFUSED;
	config = read_config(argv[0], !has(o, OPT_NO_CHECK), &size);
	if (!config)
		goto out;
	code = read_pieces(o, argc - 1, argv + 1, pieces, &count);
	if (!code)
		code = device_enabled(o, &r);
	if (!code)
		code = cell_run(o, &r, config, size, pieces, count);
out:
	for (i = o->string ? 1 : 0; i < count; i++)
		free((void *)pieces[i].data);
	free(pieces);
	free(config);
	return code;
}
