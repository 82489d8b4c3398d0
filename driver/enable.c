// SPDX-License-Identifier: GPL-2.0
/* Enable and disable: one page each that reads as what happens, in order. */
#include <linux/cpu.h>
#include <linux/firmware.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/io.h>
#include <linux/sizes.h>
#include <linux/slab.h>
#include <linux/smp.h>
#include <linux/uaccess.h>
#include <linux/vmalloc.h>
#include <cloister/finding_format.h>
#include "driver.h"

bool cl_enabled;
struct cl_info *cl_info;
struct cl_config *cl_root_config;

static void *hv;	      /* the hypervisor's memory */
static struct cl_image image; /* a copy: the original is out of Linux' sight while enabled */

/* The info region as it was when the hypervisor ended, for hvctl log. */
static void *saved_info;
static size_t saved_size;

/* Fault injection for tests; without effect on images built without CONFIG_FAULT_INJECT. */
static uint fail_stage, fail_cpu;
module_param(fail_stage, uint, 0600);
MODULE_PARM_DESC(fail_stage, "step of enable that is to fail (test images only)");
module_param(fail_cpu, uint, 0600);
MODULE_PARM_DESC(fail_cpu, "CPU on which it is to fail");

static void save_info(void)
{
	void *copy = vmalloc(image.info_size);

	if (!copy)
		return;
	memcpy(copy, hv + image.info_offset, image.info_size);
	vfree(saved_info);
	saved_info = copy;
	saved_size = image.info_size;
}

void cl_forget_info(void)
{
	vfree(saved_info);
	saved_info = NULL;
}

ssize_t cl_read_info(char __user *buffer, size_t count, loff_t position)
{
	const void *region;
	ssize_t done = -ENODATA;
	void *bounce;
	size_t size;

	/* Hardened usercopy takes mappings that are not RAM of Linux for an attack: copy twice. */
	count = min_t(size_t, count, SZ_64K);
	bounce = kvmalloc(count, GFP_KERNEL);
	if (!bounce)
		return -ENOMEM;
	mutex_lock(&cl_mutex);
	/* A cell that has said goodbye in its comm region is seen as shut down from now on. */
	if (position == 0)
		cl_cells_update();
	region = cl_info ? (void *)cl_info : saved_info;
	size = cl_info ? cl_info->size : saved_size;
	if (region && position >= 0) {
		done = 0;
		if (position < size) {
			done = min_t(size_t, count, size - position);
			memcpy(bounce, region + position, done);
		}
	}
	mutex_unlock(&cl_mutex);
	if (done > 0 && copy_to_user(buffer, bounce, done))
		done = -EFAULT;
	kvfree(bounce);
	return done;
}

static int check_config(const struct cl_config *config, size_t size, char *message)
{
	struct cl_finding finding = {};
	struct cl_limits limits = {
		.arch = cl_arch_id(),
		.phys_bits = cl_arch_phys_bits(),
		.max_cpus = nr_cpu_ids,
	};

	if (cl_check_config(config, size, &limits, &finding)) {
		cl_finding_format(message, CL_MESSAGE_LEN, &finding);
		return finding.error;
	}
	if (!(config->flags & CL_CELL_ROOT)) {
		cl_say(message,
		       "'%s' is not a root cell's config (flags %#x lack CL_CELL_ROOT): hvctl cell create takes it",
		       config->name, config->flags);
		return -EINVAL;
	}
	return 0;
}

static int check_image(const struct firmware *firmware, const struct cl_config *config,
		       size_t config_size, const char *name, char *message)
{
	const struct cl_image *head = (const void *)firmware->data;
	struct cl_platform platform;
	u64 needed;

	if (firmware->size < sizeof(*head) || memcmp(head->magic, CL_IMAGE_MAGIC, 8) ||
	    head->arch != cl_arch_id() || head->file_size != firmware->size) {
		cl_say(message, "firmware file %s is not a Cloister image for this machine", name);
		return -ENOEXEC;
	}
	if (head->abi_version != CL_ABI_VERSION) {
		cl_say(message,
		       "firmware file %s has ABI version %u, this driver %u: install both from one release",
		       name, head->abi_version, CL_ABI_VERSION);
		return -ENOEXEC;
	}
	if (head->system_offset + sizeof(struct cl_system) > head->file_size ||
	    head->info_offset + head->info_size > head->core_size ||
	    head->file_size > head->core_size || head->entry >= head->file_size) {
		cl_say(message, "firmware file %s has a header that contradicts itself", name);
		return -ENOEXEC;
	}
	if (num_online_cpus() > head->max_cpus) {
		cl_say(message,
		       "%u CPUs are online, the image is built for %u: raise MAX_CPUS (make menuconfig)",
		       num_online_cpus(), head->max_cpus);
		return -ENOSPC;
	}
	cl_get_entry(cl_find_section(config, CL_SEC_PLATFORM), 0, &platform, sizeof(platform));
	needed = head->core_size + num_online_cpus() * head->cpu_size + PAGE_ALIGN(config_size) +
		 16 * PAGE_SIZE;
	if (platform.hv_size < needed) {
		cl_say(message,
		       "platform: hv_size is %llu KiB, %u CPUs and this image need at least %llu KiB",
		       platform.hv_size >> 10, num_online_cpus(), needed >> 10);
		return -ENOSPC;
	}
	return 0;
}

/* A CPU that Linux brought up later would run outside of the hypervisor. */
static int check_cpus(char *message)
{
	unsigned int cpu;

	for_each_present_cpu(cpu) {
		if (!cpu_online(cpu)) {
			cl_say(message,
			       "CPU %u is offline: bring it online first (echo 1 > /sys/devices/system/cpu/cpu%u/online)",
			       cpu, cpu);
			return -EBUSY;
		}
		if (cpu >= num_present_cpus()) {
			cl_say(message,
			       "CPU numbers have gaps (CPU %u of %u), which is not supported", cpu,
			       num_present_cpus());
			return -EINVAL;
		}
	}
	return 0;
}

static void note_hw_id(void *data)
{
	struct cl_system *system = data;
	unsigned int cpu = smp_processor_id();

	system->cpus[cpu].id = cpu;
	system->cpus[cpu].hw_id = cl_arch_hw_id();
}

static void fill_in_system(struct cl_system *system, const struct firmware *firmware,
			   size_t config_size, bool audit)
{
	system->hv_phys = cl_hv_range.start;
	system->hv_size = cl_hv_range.size;
	system->config_offset = image.core_size + num_online_cpus() * image.cpu_size;
	system->config_size = config_size;
	system->cpu_count = num_online_cpus();
	system->flags = audit ? CL_SYSTEM_AUDIT : 0;
	system->fail_stage = fail_stage;
	system->fail_cpu = fail_cpu;
	on_each_cpu(note_hw_id, system, 1);
}

static void enter_cpu(void *data)
{
	int err = cl_arch_enter(smp_processor_id());

	if (err)
		atomic_cmpxchg((atomic_t *)data, 0, err);
}

static void leave_cpu(void *data)
{
	int err = cl_arch_leave();

	if (err)
		atomic_cmpxchg((atomic_t *)data, 0, err);
}

static void explain_failure(int err, char *message)
{
	const struct cl_info *info = hv + image.info_offset;

	if (info->magic == CL_INFO_MAGIC && info->finding.error)
		cl_finding_format(message, CL_MESSAGE_LEN, &info->finding);
	else
		cl_say(message,
		       "the hypervisor could not start (error %d), Linux runs on as before: see hvctl log",
		       err);
}

int cl_enable(const struct cl_config *config, size_t size, u32 flags, char *message)
{
	const struct firmware *firmware;
	atomic_t result = ATOMIC_INIT(0);
	const char *name;
	int err;

	if (cl_enabled) {
		cl_say(message, "Cloister is enabled already: hvctl disable comes first");
		return -EBUSY;
	}
	err = check_config(config, size, message);
	if (!err)
		err = cl_arch_check(message);
	if (!err)
		err = check_cpus(message);
	if (err)
		return err;
	name = cl_arch_image();
	err = request_firmware(&firmware, name, cl_device);
	if (err) {
		cl_say(message,
		       "firmware file /lib/firmware/%s is missing (error %d): make install puts it there",
		       name, err);
		return err;
	}
	err = check_image(firmware, config, size, name, message);
	if (err || flags & CL_ENABLE_DRY_RUN)
		goto out_firmware;

	cl_root_config = kmemdup(config, size, GFP_KERNEL);
	if (!cl_root_config) {
		err = -ENOMEM;
		goto out_firmware;
	}
	err = cl_memory_take(cl_root_config, message);
	if (err)
		goto out_config;
	hv = memremap(cl_hv_range.start, cl_hv_range.size, MEMREMAP_WB);
	if (!hv) {
		cl_say(message, "memory %#llx + %#llx cannot be mapped", cl_hv_range.start,
		       cl_hv_range.size);
		err = -ENOMEM;
		goto out_memory;
	}
	memset(hv, 0, cl_hv_range.size);
	memcpy(hv, firmware->data, firmware->size);
	memcpy(&image, firmware->data, sizeof(image));
	cpus_read_lock();
	err = check_cpus(message); /* again, now that none can come or go */
	if (err)
		goto out_cpus;
	fill_in_system(hv + image.system_offset, firmware, size, flags & CL_ENABLE_AUDIT);
	memcpy(hv + image.core_size + num_online_cpus() * image.cpu_size, cl_root_config, size);
	err = cl_arch_prepare(&image, hv + image.system_offset);
	if (err) {
		cl_say(message, "no memory for page tables");
		goto out_tables;
	}

	cl_arch_sync(hv, cl_hv_range.size);
	on_each_cpu(enter_cpu, &result, 1);
	err = atomic_read(&result);
	if (err) {
		cl_arch_left(hv + image.info_offset);
		explain_failure(err, message);
		save_info();
		goto out_tables;
	}
	cl_tables_end();
	cl_info = hv + image.info_offset;
	cl_enabled = true;
	cpus_read_unlock();
	release_firmware(firmware);
	__module_get(THIS_MODULE);
	return 0;

out_tables:
	cl_tables_end();
out_cpus:
	cpus_read_unlock();
	memunmap(hv);
out_memory:
	cl_memory_give_back();
out_config:
	kfree(cl_root_config);
	cl_root_config = NULL;
out_firmware:
	release_firmware(firmware);
	return err;
}

int cl_check_enabled(char *message)
{
	if (cl_enabled)
		return 0;
	cl_say(message, "Cloister is not enabled: hvctl enable ROOT.cell comes first");
	return -ENODEV;
}

int cl_check_unlocked(char *message)
{
	if (!(cl_info->flags & CL_INFO_LOCKED))
		return 0;
	cl_say(message, "everything is locked (hvctl lock) until the machine is reset");
	return -EPERM;
}

int cl_lock(char *message)
{
	long result = cl_check_enabled(message);

	if (result)
		return result;
	result = cl_hypercall(CL_HC_LOCK, 0, 0, 0);
	if (result == -EPERM)
		cl_say(message, "everything is locked already, until the machine is reset");
	else if (result == -EBUSY)
		cl_say(message,
		       "cell '%s' is stopped, and root can reach its memory: start or destroy it first",
		       cl_info->finding.object);
	else if (result)
		cl_say(message, "the hypervisor refused (error %ld)", result);
	return result;
}

/* Records that most machines have fit into the first attempt. */
int cl_inspect(struct cl_ioc_inspect *arg)
{
	const size_t each = sizeof(struct cl_inspect_record);
	unsigned long bytes = SZ_64K;
	long count = cl_check_enabled(arg->message);
	void *records;

	if (count)
		return count;
	for (;;) {
		records = alloc_pages_exact(bytes, GFP_KERNEL);
		if (!records)
			return -ENOMEM;
		count = cl_hypercall(CL_HC_INSPECT, virt_to_phys(records), bytes, 0);
		if (count < 0 || count * each <= bytes)
			break;
		free_pages_exact(records, bytes);
		bytes = PAGE_ALIGN(count * each);
	}
	if (count < 0)
		cl_say(arg->message, "the hypervisor refused (error %ld)", count);
	else if (copy_to_user(u64_to_user_ptr(arg->records), records,
			      min_t(u64, arg->capacity, count) * each))
		count = -EFAULT;
	free_pages_exact(records, bytes);
	if (count < 0)
		return count;
	arg->count = count;
	return 0;
}

int cl_disable(char *message)
{
	atomic_t result = ATOMIC_INIT(0);
	int err = cl_check_enabled(message);

	if (!err)
		err = cl_check_unlocked(message);
	if (err)
		return err;
	if (!list_empty(&cl_cells)) {
		struct cl_driver_cell *cell = list_first_entry(&cl_cells, typeof(*cell), node);

		cl_say(message, "cell '%s' exists: hvctl cell destroy %s comes first",
		       cell->config->name, cell->config->name);
		return -EBUSY;
	}
	cpus_read_lock();
	err = check_cpus(message);
	if (!err) {
		on_each_cpu(leave_cpu, &result, 1);
		err = atomic_read(&result);
		if (err)
			cl_say(message, "the hypervisor refused to end (error %d)", err);
	}
	cpus_read_unlock();
	if (err)
		return err;

	cl_arch_left(cl_info);
	save_info();
	cl_enabled = false;
	cl_info = NULL;
	memunmap(hv);
	cl_memory_give_back();
	kfree(cl_root_config);
	cl_root_config = NULL;
	module_put(THIS_MODULE);
	return 0;
}
