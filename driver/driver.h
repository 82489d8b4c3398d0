/* SPDX-License-Identifier: GPL-2.0 */
/* What the parts of cloister.ko offer each other. Everything runs under cl_mutex unless noted. */
#ifndef CLOISTER_DRIVER_H
#define CLOISTER_DRIVER_H

#include <linux/cpumask.h>
#include <linux/list.h>
#include <linux/mutex.h>
#include <linux/types.h>
#include <cloister/check.h>
#include <cloister/comm.h>
#include <cloister/hypercall.h>
#include <cloister/image.h>
#include <cloister/info.h>
#include <cloister/inspect.h>
#include <cloister/ioctl.h>

#define CL_DRIVER_VERSION "0.1.0"

/* A range of physical memory that Linux does not use while we have it. */
struct cl_range {
	u64 start;
	u64 size;
};

struct cl_driver_cell {
	struct list_head node;
	u32 id;
	struct cl_config *config; /* with all addresses filled in */
	struct cpumask cpus;	  /* taken from Linux for it */
	u32 watchdog_ms;	  /* 0: none */
	struct kobject *kobj;
};

extern struct mutex cl_mutex;
extern bool cl_enabled;
extern struct list_head cl_cells;
extern struct cl_info *cl_info;		 /* live info region, NULL while not enabled */
extern struct cl_config *cl_root_config; /* as enabled, addresses filled in */
extern struct device *cl_device;

/* enable.c: message gets the reason of a failure. */
int cl_enable(const struct cl_config *config, size_t size, u32 flags, char *message);
int cl_disable(char *message);
int cl_check_enabled(char *message);  /* -ENODEV */
int cl_check_unlocked(char *message); /* the whole of it, while enabled: -EPERM */
int cl_lock(char *message);	      /* all of it, until the machine is reset */
int cl_inspect(struct cl_ioc_inspect *arg);
ssize_t cl_read_info(char __user *buffer, size_t count, loff_t position); /* takes cl_mutex */
void cl_forget_info(void);

/* cells.c */
int cl_cell_create(struct cl_config *config, size_t size, u32 *id, char *message);
int cl_cell_load(u32 id, u64 address, const void __user *data, u64 length, bool first,
		 char *message);
int cl_cell_start(u32 id, char *message);
int cl_cell_shutdown(u32 id, unsigned int timeout_ms, char *message);
int cl_cell_destroy(u32 id, char *message);
void cl_cells_update(void); /* let the hypervisor look which cells have ended by themselves */
int cl_console_write(u32 id, const void __user *data, u32 length, u32 *written, char *message);

/* A hypercall that is repeated (bounded) while the hypervisor says -EAGAIN. */
long cl_hypercall(unsigned int number, unsigned long arg0, unsigned long arg1, unsigned long arg2);

/* memory.c: fill in CL_AUTO addresses of the platform section and take the memory from Linux. */
int cl_memory_take(struct cl_config *config, char *message);
void cl_memory_give_back(void);
extern struct cl_range cl_hv_range, cl_pool_range;
int cl_memory_check(const struct cl_config *config, char *message); /* a cell's named regions */
int cl_pool_fill_in(struct cl_config *config, char *message);	    /* a cell's CL_AUTO regions */

/* sysfs.c */
int cl_sysfs_add_cell(struct cl_driver_cell *cell);
void cl_sysfs_remove_cell(struct cl_driver_cell *cell);
extern const struct attribute_group *cl_groups[];

/* tables.c: page tables for the entry, in one piece of CL_TABLES_SIZE bytes */
#define CL_TABLES_SIZE (8 * 4096)
u64 *cl_tables_begin(void); /* the top table, or NULL */
/*
 * Walk down to the entry of that level (1: page table) that maps virt. Tables that are missing are
 * linked in with flags. NULL: more are needed than there are.
 */
u64 *cl_tables_entry(unsigned int levels, u64 virt, unsigned int level, u64 flags);
void cl_tables_end(void); /* harmless without a begin */

/* Architecture: x86.c, arm64.c */
extern const bool cl_arch_hot_remove;	       /* memory that Linux had at boot can be removed */
extern const char *const cl_arch_reserve_hint; /* how to keep memory from Linux */
int cl_arch_check(char *message);	       /* can this machine be enabled now? */
const char *cl_arch_image(void);	       /* file name of the image that fits, or NULL */
bool cl_arch_refuses_module(const char *name); /* it cannot be loaded while enabled */
u32 cl_arch_hw_id(void);		       /* of this CPU */
int cl_arch_prepare(const struct cl_image *image, struct cl_system *system);
int cl_arch_enter(unsigned int cpu); /* on each CPU, interrupts off: into the hypervisor */
int cl_arch_leave(void);	     /* on each CPU, interrupts off: CL_HC_DISABLE */
void cl_arch_left(const struct cl_info *info); /* after that: interrupts that Linux has missed */
long cl_arch_hypercall(unsigned int number, unsigned long arg0, unsigned long arg1,
		       unsigned long arg2);
/*
 * What was written to this memory is what others see who do not use the caches, and it can be
 * executed.
 */
void cl_arch_sync(void *memory, size_t size);
u16 cl_arch_id(void);
u8 cl_arch_phys_bits(void);

/* The entry of a section as this driver knows it; for writing an address back. */
void *cl_entry_address(const struct cl_section *section, u32 index);

#define cl_say(message, ...) snprintf(message, CL_MESSAGE_LEN, __VA_ARGS__)

#endif
