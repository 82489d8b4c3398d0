// SPDX-License-Identifier: GPL-2.0
/* The watchdog of a cell's config, as kernels in the cell are told of it. */
#include <stddef.h>
#include <cloister/check.h>
#include "linux.h"

struct linux_watchdog linux_watchdog(const struct cl_config *config)
{
	const struct cl_section *section = cl_find_section(config, CL_SEC_WATCHDOG);
	struct linux_watchdog found = { 0 };
	struct cl_watchdog watchdog;
	struct cl_memory region;
	uint32_t i;

	if (!section)
		return found;
	cl_get_entry(section, 0, &watchdog, sizeof(watchdog));
	found.timeout_ms = watchdog.timeout_ms;
	section = cl_find_section(config, CL_SEC_MEMORY);
	for (i = 0; i < section->count; i++) {
		cl_get_entry(section, i, &region, sizeof(region));
		if (region.flags & CL_MEM_COMM)
			found.address = region.virt + offsetof(struct cl_comm, watchdog);
	}
	return found;
}
