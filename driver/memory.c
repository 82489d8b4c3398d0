// SPDX-License-Identifier: GPL-2.0
/*
 * Memory for the hypervisor and the cells: whole memory blocks are taken out of the running kernel
 * (memory hot-remove) and given back at disable. A range that the kernel never had, by memmap=, is
 * used as it is.
 */
#include <linux/fs.h>
#include <linux/ioport.h>
#include <linux/memory.h>
#include <linux/mm.h>
#include <linux/sizes.h>
#include <linux/memory_hotplug.h>
#include <linux/slab.h>
#include "driver.h"

struct cl_range cl_hv_range, cl_pool_range;

/* What was removed from Linux, in whole blocks; size 0: nothing. */
static struct cl_range removed;

/* Where the last take worked: the most likely place for the next one. */
static u64 last_start;

/* Blocks that may be tried for one take: each try can take a second when pages have to move. */
#define MAX_TRIES 64

struct candidates {
	u64 size, block;
	u64 start[MAX_TRIES];
	unsigned int count;
};

/* Collect block-aligned pieces of System RAM, the highest addresses of each resource first. */
static int collect(struct resource *resource, void *data)
{
	struct candidates *candidates = data;
	u64 start = round_down(resource->end + 1, candidates->block);

	while (start >= candidates->size + resource->start && start >= candidates->size) {
		start -= candidates->size;
		if (start < resource->start)
			break;
		if (candidates->count == MAX_TRIES) {
			memmove(candidates->start, candidates->start + 1,
				sizeof(candidates->start) - sizeof(candidates->start[0]));
			candidates->count--;
		}
		candidates->start[candidates->count++] = start;
	}
	return 0;
}

static int remove_blocks(u64 start, u64 size)
{
	int err = offline_and_remove_memory(start, size);

	if (!err) {
		removed.start = last_start = start;
		removed.size = size;
	}
	return err;
}

static int find_and_remove(u64 size, char *message)
{
	struct candidates *candidates;
	int err = -ENOMEM;

	if (last_start && !remove_blocks(last_start, size))
		return 0;
	candidates = kzalloc(sizeof(*candidates), GFP_KERNEL);
	if (!candidates)
		return -ENOMEM;
	candidates->size = size;
	candidates->block = memory_block_size_bytes();
	walk_iomem_res_desc(IORES_DESC_NONE, IORESOURCE_SYSTEM_RAM | IORESOURCE_BUSY, 0, -1,
			    candidates, collect);
	for (unsigned int i = 0; err && i < candidates->count; i++)
		err = remove_blocks(candidates->start[i], size);
	if (err)
		cl_say(message,
		       "platform: no %llu MiB in one piece could be taken from Linux (%u places tried, block size %lu MiB, last error %d): free memory, make pool_size smaller, or reserve a range with memmap= and name it in the config",
		       size >> 20, candidates->count, memory_block_size_bytes() >> 20, err);
	kfree(candidates);
	return err;
}

/* The config names the place: Linux must not have it, or must let it go. */
static int take_named(u64 start, u64 size, char *message)
{
	u64 block = memory_block_size_bytes(), first, end;
	int err;

	if (region_intersects(start, size, IORESOURCE_SYSTEM_RAM, IORES_DESC_NONE) ==
	    REGION_DISJOINT)
		return 0;
	first = round_down(start, block);
	end = round_up(start + size, block);
	err = remove_blocks(first, end - first);
	if (err)
		cl_say(message,
		       "platform: Linux does not let go of memory %#llx-%#llx (error %d): name another place, write CL_AUTO, or reserve it with memmap=%lluM$%#llx",
		       first, end - 1, err, size >> 20, start);
	return err;
}

int cl_memory_take(struct cl_config *config, char *message)
{
	const struct cl_section *section = cl_find_section(config, CL_SEC_PLATFORM);
	struct cl_platform platform;
	u64 size;
	int err;

	cl_get_entry(section, 0, &platform, sizeof(platform));
	size = platform.hv_size + platform.pool_size;
	if ((platform.hv_phys == CL_AUTO) != (platform.pool_phys == CL_AUTO) &&
	    platform.pool_size) {
		cl_say(message,
		       "platform: hv_phys is %#llx and pool_phys is %#llx: name both, or write CL_AUTO for both",
		       platform.hv_phys, platform.pool_phys);
		return -EINVAL;
	}
	if (platform.hv_phys == CL_AUTO) {
		err = find_and_remove(round_up(size, memory_block_size_bytes()), message);
		if (err)
			return err;
		platform.hv_phys = removed.start;
		platform.pool_phys = removed.start + platform.hv_size;
	} else {
		u64 start = platform.hv_phys, end = start + platform.hv_size;

		if (platform.pool_size) {
			start = min(start, platform.pool_phys);
			end = max(end, platform.pool_phys + platform.pool_size);
		}
		if (end - start != size) {
			cl_say(message,
			       "platform: hv_phys %#llx and pool_phys %#llx must be one piece of memory",
			       platform.hv_phys, platform.pool_phys);
			return -EINVAL;
		}
		err = take_named(start, size, message);
		if (err)
			return err;
	}
	memcpy(cl_entry_address(section, 0), &platform,
	       min_t(size_t, sizeof(platform), section->entry_size));
	cl_hv_range = (struct cl_range){ platform.hv_phys, platform.hv_size };
	cl_pool_range = (struct cl_range){ platform.pool_phys, platform.pool_size };
	return 0;
}

/* New memory blocks are offline until somebody writes to their state. */
static void online_block(u64 start)
{
	char path[64];
	struct file *file;
	loff_t position = 0;

	snprintf(path, sizeof(path), "/sys/devices/system/memory/memory%llu/state",
		 start / memory_block_size_bytes());
	file = filp_open(path, O_WRONLY, 0);
	if (IS_ERR(file)) {
		pr_err("cloister: cannot open %s (%ld): write \"online\" to it to get the memory back\n",
		       path, PTR_ERR(file));
		return;
	}
	/* Udev rules or the kernel's policy may have been faster. */
	kernel_write(file, "online", 6, &position);
	filp_close(file, NULL);
}

void cl_memory_give_back(void)
{
	static const char *name;
	int err;

	cl_hv_range.size = cl_pool_range.size = 0;
	if (!removed.size)
		return;
	/* The resource's name is read for as long as the kernel runs: it is never freed. */
	if (!name)
		name = kstrdup("System RAM (cloister)", GFP_KERNEL);
	err = add_memory_driver_managed(memory_add_physaddr_to_nid(removed.start), removed.start,
					removed.size, name, MHP_NONE);
	if (err) {
		pr_err("cloister: giving memory %#llx + %#llx back failed: %d\n", removed.start,
		       removed.size, err);
		return;
	}
	for (u64 start = removed.start; start < removed.start + removed.size;
	     start += memory_block_size_bytes())
		online_block(start);
	removed.size = 0;
}

static bool overlaps(u64 start, u64 size, const struct cl_config *config)
{
	const struct cl_section *section = cl_find_section(config, CL_SEC_MEMORY);

	for (u32 i = 0; section && i < section->count; i++) {
		struct cl_memory region;

		cl_get_entry(section, i, &region, sizeof(region));
		if (!(region.flags & CL_MEM_COMM) && region.phys != CL_AUTO &&
		    start < region.phys + region.size && region.phys < start + size)
			return true;
	}
	return false;
}

static u64 pool_find(u64 size, const struct cl_config *config)
{
	/* Large pages for what is large enough. */
	u64 step = size >= SZ_2M ? SZ_2M : PAGE_SIZE;

	for (u64 start = round_up(cl_pool_range.start, step);
	     start + size <= cl_pool_range.start + cl_pool_range.size; start += step) {
		bool taken = overlaps(start, size, config);
		struct cl_driver_cell *cell;

		list_for_each_entry(cell, &cl_cells, node)
			taken = taken || overlaps(start, size, cell->config);
		if (!taken)
			return start;
	}
	return CL_AUTO;
}

int cl_pool_fill_in(struct cl_config *config, char *message)
{
	const struct cl_section *section = cl_find_section(config, CL_SEC_MEMORY);

	for (u32 i = 0; section && i < section->count; i++) {
		struct cl_memory region;

		cl_get_entry(section, i, &region, sizeof(region));
		if (region.flags & CL_MEM_COMM || region.phys != CL_AUTO)
			continue;
		region.phys = pool_find(region.size, config);
		if (region.phys == CL_AUTO) {
			cl_say(message,
			       "cell '%s': memory region %u: no %llu KiB in one piece are left in the pool of %llu KiB: destroy a cell or make pool_size in the root config larger",
			       config->name, i, region.size >> 10, cl_pool_range.size >> 10);
			return -ENOMEM;
		}
		memcpy(cl_entry_address(section, i), &region.phys, sizeof(region.phys));
	}
	return 0;
}
