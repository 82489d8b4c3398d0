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
#include "json.h"

struct report {
	struct json_object *json; /* NULL: text */
	bool missing;		  /* something without which Cloister cannot run */
};

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

static void required(struct report *r, bool present, const char *name, const char *advice)
{
	item(r, present ? GOOD : MISSING, name, advice);
}

static void optional(struct report *r, bool present, const char *name, const char *advice)
{
	item(r, present ? GOOD : OPTIONAL, name, advice);
}

static bool read_line(const char *path, char *line, size_t size)
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

#if defined(__x86_64__)
#include <cpuid.h>

static void check_cpu(struct report *r)
{
	unsigned int eax, ebx, ecx, edx;
	unsigned int svm = 0;
	char line[64];
	bool amd;

	__cpuid(0, eax, ebx, ecx, edx);
	amd = ebx == signature_AMD_ebx || ebx == 0x6f677948; /* AuthenticAMD, HygonGenuine */
	required(r, amd, "AMD or Hygon CPU", "Intel CPUs (VMX) are not supported by this release");
	if (!__get_cpuid(0x80000001, &eax, &ebx, &ecx, &edx))
		ecx = 0;
	required(r, ecx & 1U << 2, "CPU virtualisation (SVM)",
		 "enable SVM in the firmware's setup; in a virtual machine, nested virtualisation");
	if (ecx & 1U << 2 && __get_cpuid(0x8000000a, &eax, &ebx, &ecx, &edx))
		svm = edx;
	required(r, svm & 1, "nested paging", "the CPU is too old");
	optional(r, svm & 1U << 3, "next RIP saved on exit", "some exits cost more");
	optional(r, svm & 1U << 7, "decode assists", "xAPIC and MMIO exits cost more");
	optional(r, svm & 1U << 6, "flush by ASID",
		 "changes of a cell's memory flush the whole TLB");
	optional(r, svm & 1U << 5, "VMCB clean bits", "each exit reloads more state");
	__cpuid(1, eax, ebx, ecx, edx);
	optional(r, ecx & 1U << 21, "x2APIC",
		 "timer and interrupts of a cell cause exits in xAPIC mode");
	optional(r, ecx & 1U << 24, "TSC-deadline timer", "inmates use the APIC timer's counter");
	if (read_line("/sys/module/kvm_amd/refcnt", line, sizeof(line)))
		required(r, !strcmp(line, "0"), "KVM is idle", "stop all virtual machines");
}
#else
static void check_cpu(struct report *r)
{
	required(r, false, "x86-64", "this release supports x86-64 only");
}
#endif

static void check_kernel(struct report *r)
{
	char line[256];

	optional(r, !access("/sys/devices/system/memory/block_size_bytes", R_OK),
		 "memory hot-remove",
		 "reserve memory on the kernel's command line (memmap=) and name it in the root "
		 "config");
	required(r, sysconf(_SC_NPROCESSORS_ONLN) > 1, "a second CPU for a cell",
		 "cells need CPUs of their own, and Linux keeps one");
	if (read_line("/sys/kernel/security/lockdown", line, sizeof(line)))
		required(r, strstr(line, "[none]"), "kernel is not locked down",
			 "sign the module, or boot without lockdown");
	required(r, !has_entries("/sys/class/iommu") || !has_entries("/sys/kernel/iommu_groups"),
		 "IOMMU is not in use by Linux",
		 "boot with intel_iommu=off or amd_iommu=off: a live IOMMU cannot be taken over");
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
	check_cpu(&r);
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
