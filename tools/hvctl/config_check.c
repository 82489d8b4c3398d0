// SPDX-License-Identifier: GPL-2.0
/* hvctl cell check, and the check before a config is given to the driver. */
#include <stdio.h>
#include <stdlib.h>
#include <cloister/check.h>
#include <cloister/finding_format.h>
#include <cloister/image.h>
#include "config_check.h"
#include "device.h"
#include "json.h"

#if defined(__x86_64__)
#include <cpuid.h>
#endif

/* Of this machine, or what the architecture allows at most. */
static uint8_t phys_bits(uint16_t arch)
{
#if defined(__x86_64__)
	unsigned int eax, ebx, ecx, edx;

	if (arch == CL_ARCH_HERE && __get_cpuid(0x80000008, &eax, &ebx, &ecx, &edx))
		return eax & 0xff;
#endif
	return arch == CL_ARCH_ARM64 ? 48 : 52;
}

static void print_finding(const char *path, const struct cl_finding *finding)
{
	char sentence[512];

	cl_finding_format(sentence, sizeof(sentence), finding);
	fail(EXIT_REFUSED, "%s: %s", path, sentence);
}

static int check_alone(const void *blob, size_t size, uint16_t arch, struct cl_finding *finding)
{
	struct cl_limits limits = {
		.arch = arch,
		.phys_bits = phys_bits(arch),
		.max_cpus = CL_IMAGE_MAX_CPUS,
	};

	return cl_check_config(blob, size, &limits, finding);
}

void *read_config(const char *path, bool check, size_t *size)
{
	void *blob = read_file(path, CL_CONFIG_MAX, size);
	struct cl_finding finding;

	if (!blob || !check || !check_alone(blob, *size, CL_ARCH_HERE, &finding))
		return blob;
	print_finding(path, &finding);
	free(blob);
	return NULL;
}

static void json_finding(struct json_object *findings, const char *path, const struct cl_finding *f)
{
	struct json_object *o = json_object_new_object();
	char sentence[512];

	cl_finding_format(sentence, sizeof(sentence), f);
	json_add_string(o, "file", path);
	json_add_string(o, "cell", f->cell);
	json_add_string(o, "object", f->object);
	json_add_number(o, "index", f->index);
	json_add_string(o, "field", f->field);
	json_add_number(o, "found", f->found);
	json_add_number(o, "expected", f->expected);
	json_add_string(o, "other", f->other);
	json_add_string(o, "message", sentence);
	json_object_array_add(findings, o);
}

/* What was found, as text at once or collected for JSON. */
static void report(struct json_object *findings, const char *path, const struct cl_finding *f)
{
	if (findings)
		json_finding(findings, path, f);
	else
		print_finding(path, f);
}

struct checked {
	const char *path;
	struct cl_config *config;
};

/* A config is checked for the machine that it was built for, which need not be this one. */
static uint16_t arch_of(const struct cl_config *config, size_t size)
{
	if (size >= sizeof(*config) &&
	    (config->arch == CL_ARCH_X86_64 || config->arch == CL_ARCH_ARM64))
		return config->arch;
	return CL_ARCH_HERE;
}

static bool load(struct checked *file, const char *path, struct json_object *findings)
{
	struct cl_finding finding;
	size_t size;

	file->path = path;
	file->config = read_file(path, SIZE_MAX - 1, &size);
	if (!file->config)
		return false;
	if (!check_alone(file->config, size, arch_of(file->config, size), &finding))
		return true;
	report(findings, path, &finding);
	free(file->config);
	file->config = NULL;
	return false;
}

/* The first file against the root config, and each file against those before it. */
static int check_together(const struct checked *files, int count, const struct cl_config *root,
			  struct json_object *findings)
{
	struct cl_finding finding;
	int bad = 0;
	int i, k;

	for (i = 0; i < count; i++) {
		if (root && cl_check_against_root(files[i].config, root, &finding)) {
			report(findings, files[i].path, &finding);
			bad++;
		}
		for (k = 0; k < i; k++) {
			if (cl_check_pair(files[i].config, files[k].config, &finding)) {
				report(findings, files[i].path, &finding);
				bad++;
			}
		}
	}
	return bad;
}

int cmd_cell_check(const struct options *o, int argc, char **argv)
{
	struct json_object *findings = has(o, OPT_JSON) ? json_object_new_array() : NULL;
	struct checked *files = calloc(argc, sizeof(*files));
	struct checked root = { 0 };
	int cells = 0;
	int bad = 0;
	int i;

	if (!files)
		return fail(EXIT_REFUSED, "not enough memory");
	if (o->root) {
		if (!load(&root, o->root, findings))
			bad++;
		else if (!(root.config->flags & CL_CELL_ROOT))
			bad += fail(1, "%s: not a root config: it has no CL_CELL_ROOT", o->root);
	}
	for (i = 0; i < argc; i++) {
		if (!load(&files[cells], argv[i], findings))
			bad++;
		else if (!(files[cells].config->flags & CL_CELL_ROOT))
			cells++;
		else if (argc > 1 || o->root)
			bad += fail(1, "%s: a root config; give it with --root", argv[i]);
	}
	if (!bad)
		bad = check_together(files, cells, root.config, findings);
	if (findings)
		json_print(findings, JSON_C_TO_STRING_PRETTY);
	else if (!bad)
		printf("%s: good\n", argc == 1 ? argv[0] : "all configs");
	return bad ? EXIT_REFUSED : EXIT_OK;
}
