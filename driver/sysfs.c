// SPDX-License-Identifier: GPL-2.0
/*
 * /sys/class/misc/cloister: enabled, memory of the hypervisor, and cells/ID/{name,state,cpus} with
 * statistics/REASON, the exits of the cell's CPUs.
 */
#include <linux/device.h>
#include <linux/kobject.h>
#include <linux/slab.h>
#include <linux/sysfs.h>
#include "driver.h"

static const char *const states[] = CL_STATE_NAMES;
#ifdef CONFIG_ARM64
static const char *const reasons[CL_EXIT_COUNT] = CL_EXIT_NAMES_ARM64;
#else
static const char *const reasons[CL_EXIT_COUNT] = CL_EXIT_NAMES_X86;
#endif

static int find_reason(const char *name)
{
	for (int i = 0; i < CL_EXIT_COUNT; i++)
		if (reasons[i] && !strcmp(reasons[i], name))
			return i;
	return -EINVAL;
}

static ssize_t enabled_show(struct device *dev, struct device_attribute *attr, char *buf)
{
	return sysfs_emit(buf, "%d\n", cl_enabled);
}
static DEVICE_ATTR_RO(enabled);

static ssize_t mem_used_show(struct device *dev, struct device_attribute *attr, char *buf)
{
	ssize_t length;

	mutex_lock(&cl_mutex);
	length = sysfs_emit(buf, "%llu\n", cl_info ? cl_info->mem_used : 0);
	mutex_unlock(&cl_mutex);
	return length;
}
static DEVICE_ATTR_RO(mem_used);

static ssize_t mem_total_show(struct device *dev, struct device_attribute *attr, char *buf)
{
	ssize_t length;

	mutex_lock(&cl_mutex);
	length = sysfs_emit(buf, "%llu\n", cl_info ? cl_info->mem_total : 0);
	mutex_unlock(&cl_mutex);
	return length;
}
static DEVICE_ATTR_RO(mem_total);

static struct attribute *attributes[] = {
	&dev_attr_enabled.attr,
	&dev_attr_mem_used.attr,
	&dev_attr_mem_total.attr,
	NULL,
};
static const struct attribute_group device_group = { .attrs = attributes };
const struct attribute_group *cl_groups[] = { &device_group, NULL };

/* A cell's directory; the object lives as long as somebody has one of its files open. */
struct cell_dir {
	struct kobject kobj;
	u32 id;
};

static struct kobject *cells_dir;

static const struct cl_cell_info *cell_slot(u32 id)
{
	if (!cl_info || id >= cl_info->cells_count)
		return NULL;
	return (void *)cl_info + cl_info->cells_offset + id * cl_info->cells_stride;
}

static ssize_t show_value(const struct cl_cell_info *slot, const char *name, char *buf)
{
	u64 sum = 0;
	int reason;

	if (!strcmp(name, "name"))
		return sysfs_emit(buf, "%s\n", slot->name);
	if (!strcmp(name, "state"))
		return sysfs_emit(buf, "%s\n",
				  slot->state < ARRAY_SIZE(states) ? states[slot->state]
								   : "unknown");
	if (!strcmp(name, "cpus")) {
		DECLARE_BITMAP(cpus, 256);

		bitmap_from_arr64(cpus, slot->cpus, 256);
		return sysfs_emit(buf, "%*pbl\n", 256, cpus);
	}
	reason = find_reason(name);
	if (reason < 0)
		return -EINVAL;
	for (u32 i = 0; i < cl_info->cpus_count; i++) {
		const struct cl_cpu_info *cpu =
			(void *)cl_info + cl_info->cpus_offset + i * cl_info->cpus_stride;

		if (cpu->cell == slot->id)
			sum += cpu->exits[reason];
	}
	return sysfs_emit(buf, "%llu\n", sum);
}

static ssize_t dir_show(struct kobject *kobj, struct attribute *attr, char *buf)
{
	const struct cl_cell_info *slot;
	ssize_t length = -ENODEV;

	mutex_lock(&cl_mutex);
	slot = cell_slot(container_of(kobj, struct cell_dir, kobj)->id);
	if (slot)
		length = show_value(slot, attr->name, buf);
	mutex_unlock(&cl_mutex);
	return length;
}

static const struct sysfs_ops dir_ops = { .show = dir_show };

static void dir_release(struct kobject *kobj)
{
	kfree(container_of(kobj, struct cell_dir, kobj));
}

#define FILE(file) static struct attribute file##_attr = { .name = #file, .mode = 0444 }
FILE(name);
FILE(state);
FILE(cpus);
static struct attribute *dir_attrs[] = { &name_attr, &state_attr, &cpus_attr, NULL };
static const struct attribute_group dir_group = { .attrs = dir_attrs };

static struct attribute reason_attrs[CL_EXIT_COUNT];
static struct attribute *statistics_attrs[CL_EXIT_COUNT + 1];
static const struct attribute_group statistics_group = { .name = "statistics",
							 .attrs = statistics_attrs };
static const struct attribute_group *dir_groups[] = { &dir_group, &statistics_group, NULL };

static const struct kobj_type dir_type = {
	.release = dir_release,
	.sysfs_ops = &dir_ops,
	.default_groups = dir_groups,
};

int cl_sysfs_add_cell(struct cl_driver_cell *cell)
{
	struct cell_dir *dir;
	int err;

	for (int i = 0, count = 0; i < CL_EXIT_COUNT; i++) {
		if (!reasons[i])
			continue;
		reason_attrs[i].name = reasons[i];
		reason_attrs[i].mode = 0444;
		statistics_attrs[count++] = &reason_attrs[i];
	}
	if (!cells_dir)
		cells_dir = kobject_create_and_add("cells", &cl_device->kobj);
	if (!cells_dir)
		return -ENOMEM;
	dir = kzalloc(sizeof(*dir), GFP_KERNEL);
	if (!dir)
		return -ENOMEM;
	dir->id = cell->id;
	err = kobject_init_and_add(&dir->kobj, &dir_type, cells_dir, "%u", cell->id);
	if (err) {
		kobject_put(&dir->kobj);
		return err;
	}
	cell->kobj = &dir->kobj;
	return 0;
}

void cl_sysfs_remove_cell(struct cl_driver_cell *cell)
{
	if (cell->kobj) {
		kobject_del(cell->kobj);
		kobject_put(cell->kobj);
	}
	if (cells_dir && list_is_singular(&cl_cells)) {
		kobject_put(cells_dir);
		cells_dir = NULL;
	}
}
