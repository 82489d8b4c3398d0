/* SPDX-License-Identifier: GPL-2.0 */
/* The info region as the hypervisor lays it out; readers use the offsets in its header. */
#ifndef HV_INFO_REGION_H
#define HV_INFO_REGION_H

#include <hv.h>
#include <cloister/info.h>

#define AUDIT_ENTRIES 128

struct info_region {
	struct cl_info head;
	struct cl_cpu_info cpus[CONFIG_MAX_CPUS] __attribute__((aligned(64)));
	struct cl_cell_info cells[CONFIG_MAX_CELLS];
	struct cl_audit audit[AUDIT_ENTRIES];
	struct cl_log_record log[CONFIG_LOG_SIZE / sizeof(struct cl_log_record)];
	char consoles[CONFIG_MAX_CELLS][CL_CONSOLE_SIZE]; /* slot by slot */
} __aligned_page;

extern struct info_region info;

#endif
