// SPDX-License-Identifier: GPL-2.0
/* hvctl cell linux: create, load and start a cell with a distribution's kernel. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cloister/check.h>
#include "config_check.h"
#include "linux.h"

#define FILE_MAX (2ULL << 30) /* bytes of kernel or initrd */
#define DTB_MAX	 (2U << 20)

/* A file that must not be empty; path may be NULL. */
static bool read_input(const char *path, size_t max, void **data, size_t *size)
{
	if (!path)
		return true;
	*data = read_file(path, max, size);
	if (*data && !*size) {
		fail(EXIT_REFUSED, "%s: the file is empty", path);
		free(*data);
		*data = NULL;
	}
	return *data;
}

static bool find_cpu(struct region *r, uint32_t id, uint32_t *hw_id)
{
	struct cl_cpu_info cpu;
	uint32_t i;

	for (i = 0; i < r->info.cpus_count; i++) {
		if (!region_cpu(r, i, &cpu) || cpu.cell == CL_NO_CELL || cpu.id != id)
			continue;
		*hw_id = cpu.hw_id;
		return true;
	}
	return false;
}

static int find_cpus(struct region *r, struct linux_guest *g)
{
	const struct cl_section *section = cl_find_section(g->config, CL_SEC_CPUS);
	struct cl_cpu cpu;

	for (; section && g->cpu_count < section->count; g->cpu_count++) {
		cl_get_entry(section, g->cpu_count, &cpu, sizeof(cpu));
		if (g->cpu_count == CL_COMM_MAX_CPUS)
			return fail(EXIT_REFUSED, "config: %u CPUs, expected at most %u",
				    section->count, CL_COMM_MAX_CPUS);
		if (!find_cpu(r, cpu.id, &g->hw_ids[g->cpu_count]))
			return fail(EXIT_REFUSED,
				    "CPU %u: id %u, expected one of the machine's %u CPUs; see "
				    "hvctl cell list",
				    g->cpu_count, cpu.id, r->info.cpus_count);
	}
	return EXIT_OK;
}

static int layout_and_run(const struct options *o, struct linux_guest *g, size_t config_size)
{
	struct region r;
	int code;

	code = device_enabled(o, &r);
	if (code)
		return code;
	g->tsc_khz = r.info.tsc_khz;
	g->gic = r.info.gic;
	g->ecam_phys = r.info.ecam_phys;
	g->ecam_first_bus = r.info.ecam_first_bus;
	g->ecam_last_bus = r.info.ecam_last_bus;
	code = find_cpus(&r, g);
	if (!code)
		code = linux_layout(g);
	if (!code)
		code = cell_run(o, &r, g->config, config_size, g->pieces, g->count);
	return code;
}

int cmd_cell_linux(const struct options *o, int argc, char **argv)
{
	struct linux_guest g = {
		.kernel_path = argv[1],
		.initrd_path = o->initrd,
		.dtb_path = o->dtb,
		.cmdline = o->cmdline ? o->cmdline : "",
	};
	void *config;
	size_t size;
	int code = EXIT_REFUSED;

	(void)argc;
	config = read_config(argv[0], true, &size);
	g.config = config;
	if (config && read_input(g.kernel_path, FILE_MAX, &g.kernel, &g.kernel_size) &&
	    read_input(g.initrd_path, FILE_MAX, &g.initrd, &g.initrd_size) &&
	    read_input(g.dtb_path, DTB_MAX, &g.dtb, &g.dtb_size))
		code = layout_and_run(o, &g, size);
	free(g.kernel);
	free(g.initrd);
	free(g.dtb);
	free(config);
	return code;
}
