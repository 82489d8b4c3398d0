// SPDX-License-Identifier: GPL-2.0
#include <arch.h>
#include <cell.h>
#include <inspect.h>
#include <page.h>
#include <cloister/hypercall.h>

static int64_t get_info(uint64_t type, uint64_t unused1, uint64_t unused2)
{
	bool root = arch_this_cpu()->cell == &root_cell;
	int64_t count = 0;

	(void)unused1;
	(void)unused2;
	switch (type) {
	case CL_INFO_ABI_VERSION:
		return CL_ABI_VERSION;
	case CL_INFO_CELLS:
		for (unsigned int i = 0; i < CONFIG_MAX_CELLS; i++)
			count += !!cells[i];
		return count;
	case CL_INFO_MEM_TOTAL:
		return root ? (int64_t)info.head.mem_total : -EPERM;
	case CL_INFO_MEM_USED:
		return root ? (int64_t)(info.head.mem_image + page_bytes_used()) : -EPERM;
	default:
		return -EINVAL;
	}
}

static int64_t disable(uint64_t unused1, uint64_t unused2, uint64_t unused3)
{
	int err = cell_begin_disable();

	(void)unused1;
	(void)unused2;
	(void)unused3;
	if (err)
		return err;
	arch_leave_guest();
}

#ifndef CONFIG_FAULT_INJECT
static int64_t no_damage(uint64_t unused1, uint64_t unused2, uint64_t unused3)
{
	(void)unused1;
	(void)unused2;
	(void)unused3;
	return -ENOSYS;
}
#endif

static const struct {
	int64_t (*handler)(uint64_t arg0, uint64_t arg1, uint64_t arg2);
	bool root_only;
} calls[CL_HC_COUNT] = {
	[CL_HC_GET_INFO] = { get_info, false },
	[CL_HC_DISABLE] = { disable, true },
	[CL_HC_CELL_CREATE] = { cell_create, true },
	[CL_HC_CELL_SET_LOADABLE] = { cell_set_loadable, true },
	[CL_HC_CELL_START] = { cell_start, true },
	[CL_HC_CELL_DESTROY] = { cell_destroy, true },
	[CL_HC_CELL_SCRUB] = { cell_scrub, true },
	[CL_HC_CELL_STATE] = { cell_state, true },
	[CL_HC_CONSOLE_WRITE] = { cell_console_write, true },
	[CL_HC_CELL_MESSAGE] = { cell_message, true },
	[CL_HC_LOCK] = { cell_lock_all, true },
	[CL_HC_RELEASE] = { cell_release, false },
	[CL_HC_INSPECT] = { cell_inspect, true },
#ifdef CONFIG_FAULT_INJECT
	[CL_HC_DAMAGE] = { arch_damage, true },
#else
	[CL_HC_DAMAGE] = { no_damage, true },
#endif
};

int64_t hypercall(uint64_t number, uint64_t arg0, uint64_t arg1, uint64_t arg2)
{
	if (number >= CL_HC_COUNT)
		return -ENOSYS;
	if (calls[number].root_only && arch_this_cpu()->cell != &root_cell)
		return -EPERM;
	return calls[number].handler(arg0, arg1, arg2);
}
