// SPDX-License-Identifier: GPL-2.0
/*
 * hvctl hardware check: what this machine has and lacks. Works without the driver, so that a person
 * can look before installing anything; the driver, where it is loaded, has the last word.
 */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>
#include "device.h"
#include "hardware.h"
#include "json.h"

enum verdict { GOOD, MISSING, OPTIONAL };

static void item(struct report *r, enum verdict verdict, const char *name, const char *advice)
{
	static const char *const words[] = { "yes", "NO", "no" };
	struct json_object *o;

	r->missing |= verdict == MISSING;
	if (!r->json) {
		printf("%-34s %-4s%s%s\n", name, words[verdict], verdict == GOOD ? "" : "  ",
		       verdict == GOOD ? "" : advice);
		return;
	}
	o = json_object_new_object();
	json_add_string(o, "name", name);
	json_add_bool(o, "present", verdict == GOOD);
	json_add_bool(o, "required", verdict != OPTIONAL);
	if (verdict != GOOD)
		json_add_string(o, "advice", advice);
	json_object_array_add(r->json, o);
}

void required(struct report *r, bool present, const char *name, const char *advice)
{
	item(r, present ? GOOD : MISSING, name, advice);
}

void optional(struct report *r, bool present, const char *name, const char *advice)
{
	item(r, present ? GOOD : OPTIONAL, name, advice);
}

bool read_line(const char *path, char *line, size_t size)
{
	FILE *f = fopen(path, "r");
	bool got = f && fgets(line, size, f);

	if (f)
		fclose(f);
	if (got)
		line[strcspn(line, "\n")] = '\0';
	return got;
}

static bool has_entries(const char *path)
{
	DIR *dir = opendir(path);
	struct dirent *entry;
	bool found = false;

	if (!dir)
		return false;
	while ((entry = readdir(dir)))
		found |= entry->d_name[0] != '.';
	closedir(dir);
	return found;
}

bool iommu_in_use(void)
{
	return has_entries("/sys/class/iommu") && has_entries("/sys/kernel/iommu_groups");
}

static void check_kernel(struct report *r)
{
	char line[256];

	required(r, sysconf(_SC_NPROCESSORS_ONLN) > 1, "a second CPU for a cell",
		 "cells need CPUs of their own, and Linux keeps one");
	if (read_line("/sys/kernel/security/lockdown", line, sizeof(line)))
		required(r, strstr(line, "[none]"), "kernel is not locked down",
			 "sign the module, or boot without lockdown");
}

static void check_driver(struct report *r, const struct options *o)
{
	struct cl_ioc_version version = { .size = sizeof(version) };
	char advice[CL_MESSAGE_LEN + 1];
	int fd;

	if (access(o->device, F_OK)) {
		optional(r, false, "driver",
			 "load it (modprobe cloister): it checks what only "
			 "the kernel can see");
		return;
	}
	fd = device_open(o);
	if (fd < 0 || ioctl(fd, CL_IOC_VERSION, &version)) {
		required(r, false, "driver", strerror(errno));
	} else {
		snprintf(advice, sizeof(advice), "%.*s", CL_MESSAGE_LEN, version.message);
		required(r, !advice[0], "the driver agrees", advice);
	}
	if (fd >= 0)
		close(fd);
}

int cmd_hardware_check(const struct options *o, int argc, char **argv)
{
	struct report r = { 0 };

	(void)argc;
	(void)argv;
	if (has(o, OPT_JSON))
		r.json = json_object_new_array();
	check_machine(&r);
	check_kernel(&r);
	check_driver(&r, o);
	if (r.json) {
		struct json_object *answer = json_object_new_object();

		json_add_bool(answer, "usable", !r.missing);
		json_object_object_add(answer, "checks", r.json);
		json_print(answer, JSON_C_TO_STRING_PRETTY);
	} else {
		printf("\nCloister %s on this machine.\n", r.missing ? "cannot run" : "can run");
	}
	return r.missing ? EXIT_REFUSED : EXIT_OK;
}
