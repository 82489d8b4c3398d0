// SPDX-License-Identifier: GPL-2.0
#include <arch.h>
#include <cell.h>
#include <inspect.h>
#include <page.h>
#include <cloister/hypercall.h>

static int64_t get_info(uint64_t type)
{
	bool root = arch_this_cpu()->cell == &root_cell;
	int64_t count = 0;

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

static int64_t disable(void)
{
	int err = cell_begin_disable();

	if (err)
		return err;
	info.head.enabled = 0;
	arch_this_cpu()->info->cell = CL_NO_CELL;
	arch_leave_guest();
}

/* Not a table of functions: there is no indirect branch that a guest could mistrain. */
static int64_t root_call(uint64_t number, uint64_t arg0, uint64_t arg1, uint64_t arg2)
{
	switch (number) {
	case CL_HC_DISABLE:
		return disable();
	case CL_HC_CELL_CREATE:
		return cell_create(arg0, arg1);
	case CL_HC_CELL_SET_LOADABLE:
		return cell_set_loadable(arg0);
	case CL_HC_CELL_START:
		return cell_start(arg0, arg1);
	case CL_HC_CELL_DESTROY:
		return cell_destroy(arg0);
	case CL_HC_CELL_SCRUB:
		return cell_scrub(arg0);
	case CL_HC_CELL_STATE:
		return cell_state(arg0);
	case CL_HC_CONSOLE_WRITE:
		return cell_console_write(arg0, arg1, arg2);
	case CL_HC_CELL_MESSAGE:
		return cell_message(arg0, arg1);
	case CL_HC_LOCK:
		return cell_lock_all();
	case CL_HC_INSPECT:
		return cell_inspect(arg0, arg1);
	case CL_HC_CELL_WATCHDOG:
		return cell_watchdog(arg0);
	default:
		return -ENOSYS;
	}
}

int64_t hypercall(uint64_t number, uint64_t arg0, uint64_t arg1, uint64_t arg2)
{
	if (number == CL_HC_GET_INFO)
		return get_info(arg0);
	if (number == CL_HC_RELEASE)
		return cell_release();
#ifdef CONFIG_FAULT_INJECT
	if (number - CL_HC_DEFECT < CL_DEFECT_COUNT)
		return do_defect((enum cl_defect)(number - CL_HC_DEFECT));
	if (number == CL_HC_DAMAGE && arch_this_cpu()->cell == &root_cell)
		return arch_damage(arg0, arg1, arg2);
#endif
	if (number >= CL_HC_COUNT)
		return -ENOSYS;
	if (arch_this_cpu()->cell != &root_cell)
		return -EPERM;
	return root_call(number, arg0, arg1, arg2);
}
