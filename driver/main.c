// SPDX-License-Identifier: GPL-2.0
/* The module: /dev/cloister, and what else in the kernel could pull the ground away. */
#include <linux/miscdevice.h>
#include <linux/module.h>
#include <linux/reboot.h>
#include <linux/slab.h>
#include <linux/suspend.h>
#include <linux/uaccess.h>
#include <linux/version.h>
#include "driver.h"

DEFINE_MUTEX(cl_mutex);
struct device *cl_device;

static ssize_t device_read(struct file *file, char __user *buffer, size_t count, loff_t *position)
{
	ssize_t done = cl_read_info(buffer, count, *position);

	if (done > 0)
		*position += done;
	return done;
}

static long with_config(struct cl_ioc_config *arg, bool enable)
{
	struct cl_config *config;
	long err;

	if (arg->flags & ~(enable ? CL_ENABLE_DRY_RUN | CL_ENABLE_AUDIT : 0)) {
		cl_say(arg->message, "flags %#x: the driver knows %#x", arg->flags,
		       enable ? CL_ENABLE_DRY_RUN | CL_ENABLE_AUDIT : 0);
		return -EINVAL;
	}
	if (arg->config_size < sizeof(*config) || arg->config_size > CL_CONFIG_MAX) {
		cl_say(arg->message, "config: size is %llu bytes, expected %zu to %u",
		       arg->config_size, sizeof(*config), CL_CONFIG_MAX);
		return -EINVAL;
	}
	config = memdup_user(u64_to_user_ptr(arg->config), arg->config_size);
	if (IS_ERR(config))
		return PTR_ERR(config);
	if (enable)
		err = cl_enable(config, arg->config_size, arg->flags, arg->message);
	else
		err = cl_cell_create(config, arg->config_size, &arg->id, arg->message);
	kfree(config);
	return err;
}

static long version(struct cl_ioc_version *arg)
{
	arg->abi_version = CL_ABI_VERSION;
	arg->enabled = cl_enabled;
	strscpy(arg->driver, CL_DRIVER_VERSION, sizeof(arg->driver));
	strscpy(arg->image, cl_arch_image() ?: "", sizeof(arg->image));
	if (!cl_enabled)
		(void)cl_arch_check(arg->message);
	return 0;
}

/* Here and not by /proc/kallsyms, which has 150,000 lines. */
static long symbol(struct cl_ioc_symbol *arg)
{
	snprintf(arg->symbol, sizeof(arg->symbol), "%pS", (void *)(unsigned long)arg->address);
	if (!strncmp(arg->symbol, "0x", 2))
		arg->symbol[0] = '\0';
	return 0;
}

union argument {
	u32 size;
	struct cl_ioc_version version;
	struct cl_ioc_config config;
	struct cl_ioc_cell cell;
	struct cl_ioc_load load;
	struct cl_ioc_console console;
	struct cl_ioc_inspect inspect;
	struct cl_ioc_symbol symbol;
};

static long dispatch(unsigned int command, union argument *arg)
{
	switch (command) {
	case CL_IOC_VERSION:
		return version(&arg->version);
	case CL_IOC_ENABLE:
		return with_config(&arg->config, true);
	case CL_IOC_DISABLE:
		return cl_disable(arg->cell.message);
	case CL_IOC_CELL_CREATE:
		return with_config(&arg->config, false);
	case CL_IOC_CELL_LOAD:
		return cl_cell_load(arg->load.id, arg->load.address,
				    u64_to_user_ptr(arg->load.data), arg->load.length,
				    arg->load.flags & CL_LOAD_FIRST, arg->load.message);
	case CL_IOC_CELL_START:
		return cl_cell_start(arg->cell.id, arg->cell.message);
	case CL_IOC_CELL_SHUTDOWN:
		return cl_cell_shutdown(arg->cell.id, arg->cell.timeout_ms, arg->cell.message);
	case CL_IOC_CELL_DESTROY:
		return cl_cell_destroy(arg->cell.id, arg->cell.message);
	case CL_IOC_CONSOLE_WRITE:
		return cl_console_write(arg->console.id, u64_to_user_ptr(arg->console.data),
					arg->console.length, &arg->console.written,
					arg->console.message);
	case CL_IOC_LOCK:
		return cl_lock(arg->cell.message);
	case CL_IOC_INSPECT:
		return cl_inspect(&arg->inspect);
	case CL_IOC_SYMBOL:
		return symbol(&arg->symbol);
	default:
		return -ENOTTY;
	}
}

/* The structs carry their size as the caller knows it; all that we know of exist since version 1. */
static long device_ioctl(struct file *file, unsigned int command, unsigned long address)
{
	void __user *user = (void __user *)address;
	size_t known = _IOC_SIZE(command);
	union argument *arg;
	u32 size;
	long err;

	if (_IOC_TYPE(command) != 'C' || known < sizeof(size) || known > sizeof(*arg))
		return -ENOTTY;
	if (get_user(size, (u32 __user *)user))
		return -EFAULT;
	if (size < sizeof(size) || size > PAGE_SIZE)
		return -EINVAL;
	arg = kzalloc(sizeof(*arg), GFP_KERNEL);
	if (!arg)
		return -ENOMEM;
	err = copy_struct_from_user(arg, known, user, size);
	if (!err) {
		mutex_lock(&cl_mutex);
		err = dispatch(command, arg);
		mutex_unlock(&cl_mutex);
		arg->size = size;
		if (copy_to_user(user, arg, min_t(size_t, size, known)))
			err = -EFAULT;
	}
	kfree(arg);
	return err;
}

static const struct file_operations device_operations = {
	.owner = THIS_MODULE,
	.read = device_read,
	.unlocked_ioctl = device_ioctl,
	.llseek = default_llseek,
};

static struct miscdevice device = {
	.minor = MISC_DYNAMIC_MINOR,
	.name = "cloister",
	.fops = &device_operations,
	.mode = 0600,
	.groups = cl_groups,
};

/* Cells end and Linux gets the machine back before it is reset or handed to another kernel. */
static int before_reboot(struct notifier_block *block, unsigned long event, void *data)
{
	char *message = kzalloc(CL_MESSAGE_LEN, GFP_KERNEL);

	mutex_lock(&cl_mutex);
	if (cl_enabled && message) {
		struct cl_driver_cell *cell, *next;

		pr_info("cloister: disabling before reboot\n");
		list_for_each_entry_safe(cell, next, &cl_cells, node)
			if (cl_cell_destroy(cell->id, message))
				pr_err("cloister: %s\n", message);
		if (cl_disable(message))
			pr_err("cloister: %s\n", message);
	}
	mutex_unlock(&cl_mutex);
	kfree(message);
	return NOTIFY_DONE;
}

/* Suspend would switch CPUs off under the hypervisor. */
static int before_suspend(struct notifier_block *block, unsigned long event, void *data)
{
	bool starts = event == PM_SUSPEND_PREPARE || event == PM_HIBERNATION_PREPARE;

	if (!starts || !READ_ONCE(cl_enabled))
		return NOTIFY_DONE;
	pr_err("cloister: suspend and hibernation are not possible while enabled: hvctl disable comes first\n");
	return notifier_from_errno(-EBUSY);
}

static int before_module(struct notifier_block *block, unsigned long event, void *data)
{
	struct module *module = data;

	if (event != MODULE_STATE_COMING || !READ_ONCE(cl_enabled) ||
	    !cl_arch_refuses_module(module->name))
		return NOTIFY_DONE;
	pr_err("cloister: %s cannot be loaded while enabled: hvctl disable comes first\n",
	       module->name);
	return notifier_from_errno(-EBUSY);
}

static struct notifier_block reboot_block = { .notifier_call = before_reboot };
static struct notifier_block suspend_block = { .notifier_call = before_suspend };
static struct notifier_block module_block = { .notifier_call = before_module };

static int __init cloister_load(void)
{
	int err = misc_register(&device);

	if (err)
		return err;
	cl_device = device.this_device;
	register_reboot_notifier(&reboot_block);
	register_pm_notifier(&suspend_block);
	register_module_notifier(&module_block);
	return 0;
}

/* Not reached while enabled: cl_enable() holds a reference to the module. */
static void __exit cloister_unload(void)
{
	unregister_module_notifier(&module_block);
	unregister_pm_notifier(&suspend_block);
	unregister_reboot_notifier(&reboot_block);
	misc_deregister(&device);
	cl_forget_info();
}

module_init(cloister_load);
module_exit(cloister_unload);

MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("Cloister static partitioning hypervisor");
MODULE_VERSION(CL_DRIVER_VERSION);
