// SPDX-License-Identifier: GPL-2.0
/*
 * hvctl hardware check on arm64. User space cannot ask a CPU for its exception levels: what the
 * kernel logged at boot and the device tree have to do; the driver looks itself.
 */
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/klog.h>
#include <unistd.h>
#include "hardware.h"

#define DEVICE_TREE "/sys/firmware/devicetree/base"

/* klogctl() has no names for its commands. */
#define KLOG_READ_ALL 3
#define KLOG_SIZE     10

/* The kernel's log, to be freed, or NULL. */
static char *kernel_log(void)
{
	int size = klogctl(KLOG_SIZE, NULL, 0);
	char *log = size > 0 ? malloc(size + 1) : NULL;
	int got = log ? klogctl(KLOG_READ_ALL, log, size) : 0;

	if (log)
		log[got > 0 ? got : 0] = '\0';
	return log;
}

static void check_el2(struct report *r)
{
	char *log = kernel_log();

	if (log && strstr(log, "started at EL"))
		required(
			r, strstr(log, "started at EL2"), "kernel started at EL2",
			"enable virtualisation in the firmware; in a virtual machine, for the guest");
	if (log && strstr(log, "Linux version"))
		required(r, !strstr(log, "Virtualization Host Extensions"), "EL2 is free of Linux",
			 "the kernel itself runs there (VHE): boot with id_aa64mmfr1.vh=0 "
			 "kvm-arm.mode=none");
	free(log);
	required(r, access("/sys/class/misc/kvm", F_OK), "EL2 is free of KVM",
		 "boot with kvm-arm.mode=none");
}

/* What was found in the device tree; nftw() has no argument for it. */
static struct {
	bool gic_v2, gic_v3;
} tree;

static int look_at(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	char value[256] = "";
	size_t used, i;
	FILE *f;

	(void)st;
	if (type != FTW_F || strcmp(path + ftw->base, "compatible"))
		return 0;
	f = fopen(path, "r");
	if (!f)
		return 0;
	used = fread(value, 1, sizeof(value) - 1, f);
	fclose(f);
	/* a list of strings */
	for (i = 0; i < used; i += strlen(value + i) + 1) {
		tree.gic_v3 |= !strcmp(value + i, "arm,gic-v3");
		tree.gic_v2 |= !strcmp(value + i, "arm,gic-400") ||
			       !strcmp(value + i, "arm,cortex-a15-gic") ||
			       !strcmp(value + i, "arm,cortex-a7-gic");
	}
	return 0;
}

static void check_device_tree(struct report *r)
{
	char method[16];

	if (access(DEVICE_TREE "/compatible", F_OK)) {
		optional(r, false, "device tree",
			 "write the root config by hand, from configs/arm64/qemu-root.c");
		return;
	}
	nftw(DEVICE_TREE, look_at, 16, FTW_PHYS);
	required(r, tree.gic_v2 || tree.gic_v3, "GICv2 or GICv3",
		 "other interrupt controllers are not supported");
	if (!read_line(DEVICE_TREE "/psci/method", method, sizeof(method)))
		required(r, false, "CPUs are switched by PSCI",
			 "other firmware interfaces are not supported");
	else
		required(r, !strcmp(method, "smc"), "PSCI is below EL2",
			 "the firmware is called by HVC: another hypervisor is at EL2");
}

void check_machine(struct report *r)
{
	check_el2(r);
	required(r, sysconf(_SC_PAGESIZE) == 4096, "kernel has pages of 4 KiB",
		 "boot a kernel with pages of 4 KiB");
	check_device_tree(r);
	optional(r, !iommu_in_use(), "IOMMU is not in use by Linux",
		 "an SMMU can keep devices to the memory of their cells (CLOISTER_IOMMU) only "
		 "where Linux leaves it alone: boot with initcall_blacklist=arm_smmu_driver_init");
}
