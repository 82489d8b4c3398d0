// SPDX-License-Identifier: GPL-2.0
/* Cells as seen from Linux: their CPUs and memory leave it and come back. */
#include <linux/cpu.h>
#include <linux/delay.h>
#include <linux/io.h>
#include <linux/jiffies.h>
#include <linux/ktime.h>
#include <linux/mm.h>
#include <linux/sizes.h>
#include <linux/slab.h>
#include <linux/uaccess.h>
#include <linux/workqueue.h>
#include <cloister/finding_format.h>
#include "driver.h"

LIST_HEAD(cl_cells);

long cl_hypercall(unsigned int number, unsigned long arg0, unsigned long arg1, unsigned long arg2)
{
	static DEFINE_MUTEX(one_at_a_time);
	long result = -EAGAIN;

	/* Only somebody who calls beside this driver can make the hypervisor say that. */
	mutex_lock(&one_at_a_time);
	for (unsigned int tries = 0; result == -EAGAIN && tries < 1000; tries++)
		result = cl_arch_hypercall(number, arg0, arg1, arg2);
	mutex_unlock(&one_at_a_time);
	return result;
}

static void watch(struct work_struct *unused);
static DECLARE_DELAYED_WORK(watchdogs, watch);

/* The next look at watchdogs, if there are any: often enough to be late by a quarter of the time. */
static void start_watching(void)
{
	struct cl_driver_cell *cell;
	u32 shortest = 0;

	list_for_each_entry(cell, &cl_cells, node)
		if (cell->watchdog_ms && (!shortest || cell->watchdog_ms < shortest))
			shortest = cell->watchdog_ms;
	if (shortest)
		schedule_delayed_work(&watchdogs, msecs_to_jiffies(min(shortest / 4, 1000U)));
}

static void stop_watching(void)
{
	cancel_delayed_work_sync(&watchdogs);
}

/* The list of cells does not change before this has been stopped: cl_mutex is not taken. */
static void watch(struct work_struct *unused)
{
	struct cl_driver_cell *cell;

	list_for_each_entry(cell, &cl_cells, node)
		if (cell->watchdog_ms)
			(void)cl_hypercall(CL_HC_CELL_WATCHDOG, cell->id, 0, 0);
	start_watching();
}

static u32 watchdog_of(const struct cl_config *config)
{
	const struct cl_section *section = cl_find_section(config, CL_SEC_WATCHDOG);
	struct cl_watchdog watchdog = {};

	if (section)
		cl_get_entry(section, 0, &watchdog, sizeof(watchdog));
	return watchdog.timeout_ms;
}

void cl_cells_update(void)
{
	struct cl_driver_cell *cell;

	/* Without a cell as well: root's devices may have been refused something. */
	if (cl_info)
		(void)cl_hypercall(CL_HC_CELL_STATE, 0, 0, 0);
	list_for_each_entry(cell, &cl_cells, node)
		(void)cl_hypercall(CL_HC_CELL_STATE, cell->id, 0, 0);
}

/* A sentence for what the hypervisor says of a cell; what: "be started" and so on. */
static long explain(const struct cl_driver_cell *cell, const char *what, long err, char *message)
{
	if (err == -EPERM && cl_check_unlocked(message))
		return err;
	if (err == -EPERM)
		cl_say(message,
		       "cell '%s' is locked (CL_CELL_LOCKED): it cannot %s until it releases itself or the machine is reset",
		       cell->config->name, what);
	else
		cl_say(message, "cell '%s' cannot %s (error %ld): see hvctl log",
		       cell->config->name, what, err);
	return err;
}

static struct cl_driver_cell *find_cell(u32 id, char *message)
{
	struct cl_driver_cell *cell;

	list_for_each_entry(cell, &cl_cells, node)
		if (cell->id == id)
			return cell;
	cl_say(message,
	       cl_enabled ? "there is no cell with id %u: see hvctl cell list"
			  : "Cloister is not enabled (cell %u): hvctl enable comes first",
	       id);
	return NULL;
}

void *cl_entry_address(const struct cl_section *section, u32 index)
{
	return (char *)(section + 1) + (size_t)index * section->entry_size;
}

static void return_cpus(const struct cpumask *cpus)
{
	unsigned int cpu;

	for_each_cpu(cpu, cpus) {
		int err = add_cpu(cpu);

		if (err)
			pr_err("cloister: CPU %u did not come back to Linux: %d\n", cpu, err);
	}
}

static int take_cpus(struct cl_driver_cell *cell, char *message)
{
	const struct cl_section *section = cl_find_section(cell->config, CL_SEC_CPUS);

	for (u32 i = 0; i < section->count; i++) {
		struct cl_cpu entry;
		int err;

		cl_get_entry(section, i, &entry, sizeof(entry));
		if (!cpu_online(entry.id)) {
			cl_say(message,
			       "cell '%s': CPU %u is not online in Linux: another cell has it, or it was switched off",
			       cell->config->name, entry.id);
			return -EBUSY;
		}
		err = remove_cpu(entry.id);
		if (err) {
			cl_say(message, "cell '%s': Linux does not let go of CPU %u (error %d)",
			       cell->config->name, entry.id, err);
			return err;
		}
		cpumask_set_cpu(entry.id, &cell->cpus);
	}
	return 0;
}

static int check_cell(const struct cl_config *config, size_t size, char *message)
{
	struct cl_finding finding = {};
	struct cl_limits limits = {
		.arch = cl_arch_id(),
		.phys_bits = cl_arch_phys_bits(),
		.max_cpus = num_present_cpus(),
		.hv_phys = cl_hv_range.start,
		.hv_size = cl_hv_range.size,
	};
	struct cl_driver_cell *other;
	int err;

	err = cl_check_config(config, size, &limits, &finding);
	if (!err && config->flags & CL_CELL_ROOT) {
		cl_say(message, "'%s' is a root cell's config: hvctl enable takes it",
		       config->name);
		return -EINVAL;
	}
	if (!err)
		err = cl_check_against_root(config, cl_root_config, &finding);
	list_for_each_entry(other, &cl_cells, node)
		if (!err)
			err = cl_check_pair(config, other->config, &finding);
	if (err)
		cl_finding_format(message, CL_MESSAGE_LEN, &finding);
	return err;
}

int cl_cell_create(struct cl_config *config, size_t size, u32 *id, char *message)
{
	struct cl_driver_cell *cell;
	long result;
	int err;

	err = cl_check_enabled(message);
	if (!err)
		err = cl_check_unlocked(message);
	if (!err)
		err = check_cell(config, size, message);
	if (!err)
		err = cl_memory_check(config, message);
	if (err)
		return err;
	cell = kzalloc(sizeof(*cell), GFP_KERNEL);
	if (!cell)
		return -ENOMEM;
	cell->config = kmemdup(config, size, GFP_KERNEL);
	if (!cell->config) {
		kfree(cell);
		return -ENOMEM;
	}
	err = cl_pool_fill_in(cell->config, message);
	if (!err)
		err = take_cpus(cell, message);
	if (!err) {
		result = cl_hypercall(CL_HC_CELL_CREATE, virt_to_phys(cell->config), size, 0);
		if (result < 0) {
			err = result;
			cl_finding_format(message, CL_MESSAGE_LEN, &cl_info->finding);
		}
	}
	if (err) {
		return_cpus(&cell->cpus);
		kfree(cell->config);
		kfree(cell);
		return err;
	}
	cell->id = *id = result;
	cell->watchdog_ms = watchdog_of(cell->config);
	stop_watching();
	list_add_tail(&cell->node, &cl_cells);
	start_watching();
	err = cl_sysfs_add_cell(cell);
	if (err)
		pr_warn("cloister: no sysfs directory for cell '%s': %d\n", config->name, err);
	return 0;
}

static int make_loadable(struct cl_driver_cell *cell, char *message)
{
	long result = cl_hypercall(CL_HC_CELL_SET_LOADABLE, cell->id, 0, 0);

	return result ? explain(cell, "be stopped and made loadable", result, message) : 0;
}

/* Hardened usercopy takes mappings that are not RAM of Linux for an attack: copy twice. */
static int copy_image(void *memory, const void __user *data, u64 length)
{
	void *bounce = kvmalloc(SZ_64K, GFP_KERNEL);
	int err = bounce ? 0 : -ENOMEM;

	for (u64 done = 0; !err && done < length;) {
		size_t piece = min_t(u64, length - done, SZ_64K);

		if (copy_from_user(bounce, data + done, piece))
			err = -EFAULT;
		else
			memcpy(memory + done, bounce, piece);
		done += piece;
	}
	kvfree(bounce);
	return err;
}

int cl_cell_load(u32 id, u64 address, const void __user *data, u64 length, bool first,
		 char *message)
{
	struct cl_driver_cell *cell = find_cell(id, message);
	const struct cl_section *section;
	int err;

	if (!cell)
		return -ENOENT;
	if (first) {
		err = make_loadable(cell, message);
		if (err)
			return err;
	} else if (cl_hypercall(CL_HC_CELL_STATE, id, 0, 0) != CL_STATE_STOPPED) {
		cl_say(message, "cell '%s' runs: it was started between two pieces of an image",
		       cell->config->name);
		return -EBUSY;
	}
	section = cl_find_section(cell->config, CL_SEC_MEMORY);
	for (u32 i = 0; section && i < section->count; i++) {
		struct cl_memory region;
		u64 phys, start;
		void *memory;

		cl_get_entry(section, i, &region, sizeof(region));
		if (!(region.flags & CL_MEM_LOADABLE) || address < region.virt ||
		    address - region.virt > region.size ||
		    length > region.size - (address - region.virt))
			continue;
		phys = region.phys + (address - region.virt);
		start = round_down(phys, PAGE_SIZE);
		memory = memremap(start, PAGE_ALIGN(phys + length) - start, MEMREMAP_WB);
		if (!memory)
			return -ENOMEM;
		err = copy_image(memory + (phys - start), data, length);
		cl_arch_sync(memory + (phys - start), length);
		memunmap(memory);
		return err;
	}
	cl_say(message,
	       "cell '%s': %llu bytes at %#llx do not fit into one loadable memory region: see its config",
	       cell->config->name, length, address);
	return -ENOSPC;
}

int cl_cell_start(u32 id, char *message)
{
	struct cl_driver_cell *cell = find_cell(id, message);
	long result;

	if (!cell)
		return -ENOENT;
	result = cl_hypercall(CL_HC_CELL_START, id, ktime_get_real_ns(), 0);
	if (result == -EBUSY)
		cl_say(message, "cell '%s' runs already: hvctl cell shutdown %s comes first",
		       cell->config->name, cell->config->name);
	else if (result)
		explain(cell, "be started", result, message);
	return result;
}

int cl_cell_shutdown(u32 id, unsigned int timeout_ms, char *message)
{
	struct cl_driver_cell *cell = find_cell(id, message);
	long state, err;

	if (!cell)
		return -ENOENT;
	timeout_ms = timeout_ms ?: 1000;
	state = cl_hypercall(CL_HC_CELL_STATE, id, 0, 0);
	if (state != CL_STATE_RUNNING)
		return 0;
	/* Ask; whoever cannot hear that or does not answer in time is stopped. */
	state = cl_hypercall(CL_HC_CELL_MESSAGE, id, CL_MSG_SHUTDOWN, 0);
	if (state == -EPERM)
		return explain(cell, "be shut down", state, message);
	if (!state) {
		unsigned long end = jiffies + msecs_to_jiffies(timeout_ms);

		/* msleep() may take twice as long: count what has passed. */
		do {
			msleep(10);
			state = cl_hypercall(CL_HC_CELL_STATE, id, 0, 0);
		} while (time_before(jiffies, end) && state == CL_STATE_RUNNING);
		if (state != CL_STATE_RUNNING)
			return 0;
	}
	err = make_loadable(cell, message);
	if (!err && state == -ENODEV)
		cl_say(message,
		       "cell '%s' was stopped: it could not be asked, as it has no comm region and does not listen to its power button",
		       cell->config->name);
	else if (!err)
		cl_say(message, "cell '%s' was stopped: it has not shut down within %u ms",
		       cell->config->name, timeout_ms);
	return err;
}

int cl_cell_destroy(u32 id, char *message)
{
	struct cl_driver_cell *cell = find_cell(id, message);
	long result;

	if (!cell)
		return -ENOENT;
	result = cl_hypercall(CL_HC_CELL_DESTROY, id, 0, 0);
	while (result >= 0) {
		/* Piece by piece: nobody waits for the hypervisor while it zeroes memory. */
		result = cl_hypercall(CL_HC_CELL_SCRUB, id, 0, 0);
		if (!result)
			break;
		cond_resched();
	}
	if (result)
		return explain(cell, "be destroyed", result, message);
	cl_sysfs_remove_cell(cell);
	stop_watching();
	list_del(&cell->node);
	start_watching();
	return_cpus(&cell->cpus);
	kfree(cell->config);
	kfree(cell);
	return 0;
}

int cl_console_write(u32 id, const void __user *data, u32 length, u32 *written, char *message)
{
	struct cl_driver_cell *cell = find_cell(id, message);
	long taken = 0;

	if (!cell)
		return -ENOENT;
	for (*written = 0; *written < length; *written += taken) {
		u32 piece = min_t(u32, length - *written, sizeof(u64));
		u64 bytes = 0;

		if (copy_from_user(&bytes, data + *written, piece))
			return -EFAULT;
		taken = cl_hypercall(CL_HC_CONSOLE_WRITE, id, piece, bytes);
		if (taken == -ENODEV)
			cl_say(message, "cell '%s' has no virtual console (CL_CELL_VUART)",
			       cell->config->name);
		else if (taken == -EPERM)
			explain(cell, "be typed to", taken, message);
		if (taken <= 0)
			break;
	}
	return taken < 0 ? taken : 0;
}
