// SPDX-License-Identifier: GPL-2.0
/* hvctl enable, disable, lock, status: the machine as a whole. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include "config_check.h"
#include "device.h"
#include "json.h"
#include "numbers.h"
#include <cloister/finding_format.h>

static const char *const feature_names[] = {
	"x2apic",	   "nrip-save", "decode-assists", "flush-by-asid",
	"vmcb-clean-bits", "1g-pages",	"la57",		  "fwb",
};

#define FEATURE_COUNT (sizeof(feature_names) / sizeof(feature_names[0]))

int cmd_enable(const struct options *o, int argc, char **argv)
{
	struct cl_ioc_config request = { .size = sizeof(request) };
	bool dry_run = has(o, OPT_DRY_RUN);
	size_t size;
	void *blob;
	int code, fd;

	(void)argc;
	blob = read_config(argv[0], !has(o, OPT_NO_CHECK), &size);
	if (!blob)
		return EXIT_REFUSED;
	fd = device_open(o);
	if (fd < 0) {
		free(blob);
		return EXIT_ABSENT;
	}
	request.flags = (dry_run ? CL_ENABLE_DRY_RUN : 0) |
			(has(o, OPT_AUDIT) ? CL_ENABLE_AUDIT : 0);
	request.config = (uintptr_t)blob;
	request.config_size = size;
	progress_begin("enabling");
	code = device_request(fd, CL_IOC_ENABLE, &request, request.message, "enable Cloister");
	progress_end();
	free(blob);
	if (!code)
		puts(dry_run ? "Cloister could be enabled; nothing was changed."
			     : "Cloister is enabled, Linux runs as the root cell.");
	return code;
}

/* A request about the machine as a whole, which has no arguments. */
static int request_all(const struct options *o, unsigned long number, const char *progress,
		       const char *what, const char *done)
{
	struct cl_ioc_cell request = { .size = sizeof(request) };
	struct region r;
	int code = device_enabled(o, &r);

	if (code)
		return code;
	progress_begin(progress);
	code = device_request(r.fd, number, &request, request.message, what);
	progress_end();
	if (!code)
		puts(done);
	return code;
}

int cmd_disable(const struct options *o, int argc, char **argv)
{
	(void)argc;
	(void)argv;
	return request_all(o, CL_IOC_DISABLE, "disabling", "disable Cloister",
			   "Cloister is disabled, Linux has the machine.");
}

int cmd_lock(const struct options *o, int argc, char **argv)
{
	(void)argc;
	(void)argv;
	return request_all(o, CL_IOC_LOCK, "locking", "lock the configuration",
			   "All cells are locked: nothing can be changed until the machine is "
			   "reset.");
}

static uint32_t count_cells(struct region *r)
{
	struct cl_cell_info cell;
	uint32_t count = 0;
	uint32_t i;

	for (i = 0; i < r->info.cells_count; i++)
		count += region_cell(r, i, &cell) && cell.state != CL_STATE_UNUSED;
	return count;
}

static void status_text(struct region *r, const struct cl_ioc_version *version, bool known,
			const char *refusal)
{
	const struct cl_info *info = &r->info;
	char total[32], used[32], image[32];
	size_t i;

	printf("state:      %s\n", known && info->enabled ? "enabled" : "not enabled");
	if (version->driver[0])
		printf("driver:     %s, image %s\n", version->driver,
		       version->image[0] ? version->image : "none for this machine");
	if (version->message[0])
		printf("machine:    %s\n", version->message);
	if (!known)
		return;
	printf("cells:      %u\n", info->enabled ? count_cells(r) : 0);
	format_bytes(total, sizeof(total), info->mem_total);
	format_bytes(used, sizeof(used), info->mem_used);
	format_bytes(image, sizeof(image), info->mem_image);
	printf("hypervisor: at 0x%llx, %s used of %s, image %s\n",
	       (unsigned long long)info->hv_phys, used, total, image);
	printf("features:  ");
	for (i = 0; i < FEATURE_COUNT; i++)
		if (info->features >> i & 1)
			printf(" %s", feature_names[i]);
	printf("%s\n", info->features ? "" : " none");
	printf("%s %u kHz\n",
	       info->arch == CL_ARCH_ARM64 ? "counter:   " : "TSC:       ", info->tsc_khz);
	printf("locked:     %s\n",
	       info->flags & CL_INFO_LOCKED ? "yes, until the machine is reset" : "no");
	if (info->flags & CL_INFO_AUDIT)
		printf("audit:      root may do what its config does not list, see hvctl audit\n");
	if (refusal[0])
		printf("last refusal: %s\n", refusal);
}

static void status_json(struct region *r, const struct cl_ioc_version *version, bool known,
			const char *refusal)
{
	struct json_object *o = json_object_new_object();
	struct json_object *features = json_object_new_array();
	const struct cl_info *info = &r->info;
	size_t i;

	json_add_bool(o, "enabled", known && info->enabled);
	json_add_string(o, "driver", version->driver);
	json_add_string(o, "image", version->image);
	json_add_string(o, "machine", version->message);
	json_add_number(o, "abi_version", CL_ABI_VERSION);
	if (known) {
		json_add_number(o, "cells", info->enabled ? count_cells(r) : 0);
		json_add_number(o, "hv_phys", info->hv_phys);
		json_add_number(o, "hv_size", info->hv_size);
		json_add_number(o, "mem_total", info->mem_total);
		json_add_number(o, "mem_used", info->mem_used);
		json_add_number(o, "mem_image", info->mem_image);
		json_add_number(o, "tsc_khz", info->tsc_khz);
		json_add_bool(o, "locked", info->flags & CL_INFO_LOCKED);
		json_add_bool(o, "audit", info->flags & CL_INFO_AUDIT);
		json_add_string(o, "last_refusal", refusal);
	}
	for (i = 0; i < FEATURE_COUNT; i++)
		if (known && info->features >> i & 1)
			json_object_array_add(features, json_object_new_string(feature_names[i]));
	json_object_object_add(o, "features", features);
	json_print(o, JSON_C_TO_STRING_PRETTY);
}

int cmd_status(const struct options *o, int argc, char **argv)
{
	struct cl_ioc_version version = { .size = sizeof(version) };
	struct region r = { .fd = device_open(o) };
	char refusal[CL_MESSAGE_LEN] = "";
	int err;

	(void)argc;
	(void)argv;
	if (r.fd < 0)
		return EXIT_ABSENT;
	/* a copy of an info region in a file has no version, and need not have one */
	if (ioctl(r.fd, CL_IOC_VERSION, &version) && errno != ENOTTY)
		return fail(EXIT_REFUSED, "cannot ask the driver for its version: %m");
	err = region_refresh(&r);
	if (err && err != -ENODATA)
		return fail(EXIT_REFUSED, "%s: cannot read the info region: %s", o->device,
			    strerror(-err));
	if (!err && r.info.finding.error)
		cl_finding_format(refusal, sizeof(refusal), &r.info.finding);
	if (has(o, OPT_JSON))
		status_json(&r, &version, !err, refusal);
	else
		status_text(&r, &version, !err, refusal);
	return EXIT_OK;
}
