// SPDX-License-Identifier: GPL-2.0
/*
 * Memory for the hypervisor and the cells, without boot parameters. First choice: whole memory
 * blocks are taken out of the running kernel (memory hot-remove), which then knows nothing of them.
 * Where that is not possible, a contiguous range is allocated; it stays in the kernel's books. Both
 * are given back at disable. A range that the kernel never had, or that is reserved, is used as it
 * is.
 */
#include <linux/fs.h>
#include <linux/gfp.h>
#include <linux/ioport.h>
#include <linux/kexec.h>
#include <linux/memory.h>
#include <linux/log2.h>
#include <linux/mm.h>
#include <linux/of.h>
#include <linux/of_address.h>
#include <linux/sizes.h>
#include <linux/memory_hotplug.h>
#include <linux/sched/task.h>
#include <linux/slab.h>
#include "driver.h"

struct cl_range cl_hv_range, cl_pool_range;

/* What was removed from Linux in whole blocks, or allocated; size 0: nothing. */
static struct cl_range removed, allocated;

/* Where the last take worked: the most likely place for the next one. */
static u64 last_start;

/* Places that may be tried for one take: each try can take a second when pages have to move. */
#define MAX_TRIES  64
#define MAX_RANGES 32

/* System RAM as in /proc/iomem, and the highest of what lies inside it there. */
struct ram_map {
	struct cl_range ram[MAX_RANGES];
	unsigned int count;
	u64 inner[2];
};

static int note_ram(struct resource *resource, void *data)
{
	struct ram_map *map = data;

	if (map->count < MAX_RANGES)
		map->ram[map->count++] =
			(struct cl_range){ resource->start, resource_size(resource) };
	return 0;
}

static int note_crash_kernel(struct resource *resource, void *data)
{
	struct ram_map *map = data;

	map->inner[1] = max_t(u64, map->inner[1], resource->end);
	return 0;
}

static struct ram_map *read_ram_map(void)
{
	struct ram_map *map = kzalloc(sizeof(*map), GFP_KERNEL);

	if (!map)
		return NULL;
	walk_iomem_res_desc(IORES_DESC_NONE, IORESOURCE_SYSTEM_RAM | IORESOURCE_BUSY, 0, -1, map,
			    note_ram);
	/* The kernel image is somewhere (KASLR) around its first task; no block with a part of it
	 * moves. */
	map->inner[0] = __pa_symbol(&init_task);
	walk_iomem_res_desc(IORES_DESC_CRASH_KERNEL, IORESOURCE_MEM, 0, -1, map, note_crash_kernel);
	return map;
}

/*
 * Linux (release_mem_region_adjustable()) cannot cut a piece out of a resource that has children
 * above the piece: the memory would go, its resource stay, and the way back would be blocked.
 */
static bool below_inner(const struct ram_map *map, const struct cl_range *ram, u64 start)
{
	for (unsigned int i = 0; i < ARRAY_SIZE(map->inner); i++)
		if (map->inner[i] >= start && map->inner[i] < ram->start + ram->size)
			return true;
	return false;
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

/* From the top of memory down, in steps, until `try` succeeds. */
static int search(const struct ram_map *map, u64 size, u64 step, bool removable,
		  int (*try)(u64 start, u64 size))
{
	unsigned int tries = 0;

	for (unsigned int i = map->count; i-- > 0;) {
		const struct cl_range *ram = &map->ram[i];
		u64 start = round_down(ram->start + ram->size, step);

		for (; start >= ram->start + size && tries < MAX_TRIES; start -= step) {
			if (removable && below_inner(map, ram, start - size))
				break;
			tries++;
			if (!try(start - size, size))
				return 0;
		}
	}
	return -ENOMEM;
}

/* The pages are ours alone; /proc/kcore and crash dumps leave them out. */
static int allocate_range(u64 start, u64 size)
{
	unsigned long first = PHYS_PFN(start), last = PHYS_PFN(start + size - 1);
	struct page *page = pfn_to_online_page(first);
	int err;

	/* The caller of alloc_contig_range() is to see to it that the range is in one zone. */
	if (!page || !pfn_to_online_page(last) || page_zone(page) != page_zone(pfn_to_page(last)))
		return -EINVAL;
	err = alloc_contig_range(first, last + 1, MIGRATE_MOVABLE, GFP_KERNEL | __GFP_NOWARN);
	if (err)
		return err;
	for (unsigned long pfn = first; pfn <= last; pfn++)
		__SetPageOffline(pfn_to_page(pfn));
	allocated = (struct cl_range){ start, size };
	return 0;
}

static void free_range(void)
{
	unsigned long first = PHYS_PFN(allocated.start);

	for (unsigned long pfn = first; pfn < first + PHYS_PFN(allocated.size); pfn++)
		__ClearPageOffline(pfn_to_page(pfn));
	free_contig_range(first, PHYS_PFN(allocated.size));
	allocated.size = 0;
}

static int find_memory(u64 size, char *message)
{
	u64 block = memory_block_size_bytes();
	struct ram_map *map;
	int err;

	if (cl_arch_hot_remove && last_start && !remove_blocks(last_start, round_up(size, block)))
		return 0;
	map = read_ram_map();
	if (!map)
		return -ENOMEM;
	err = -ENOMEM;
	if (cl_arch_hot_remove)
		err = search(map, round_up(size, block), block, true, remove_blocks);
	if (err)
		err = search(map, size, max_t(u64, SZ_2M, rounddown_pow_of_two(size) / 4), false,
			     allocate_range);
	kfree(map);
	if (err)
		cl_say(message,
		       "platform: no %llu MiB in one piece could be taken from Linux (%u places tried): free memory, make pool_size smaller, or reserve a range (%s) and name it in the config",
		       size >> 20, MAX_TRIES, cl_arch_reserve_hint);
	return err;
}

static int compare_range(struct resource *resource, void *data)
{
	const struct cl_range *range = data;

	return resource->start <= range->start && resource->end >= range->start + range->size - 1;
}

/* The place for a crash kernel, as long as there is none in it. */
static bool for_crash_kernel(struct cl_range range)
{
	return !kexec_crash_loaded() &&
	       walk_iomem_res_desc(IORES_DESC_CRASH_KERNEL, IORESOURCE_MEM, range.start,
				   range.start + range.size - 1, &range, compare_range) == 1;
}

/* A node of the device tree's reserved-memory that has no driver and is not lent to Linux. */
static bool reserved_by_device_tree(struct cl_range range)
{
	struct device_node *parent = of_find_node_by_path("/reserved-memory"), *node = NULL;
	bool found = false;

	while ((node = of_get_next_child(parent, node))) {
		struct resource resource;

		for (int i = 0; !found && !of_address_to_resource(node, i, &resource); i++)
			found = compare_range(&resource, &range) &&
				!of_property_present(node, "compatible") &&
				!of_property_present(node, "reusable");
	}
	of_node_put(parent);
	return found;
}

static bool unused_by_linux(u64 start, u64 size)
{
	struct cl_range range = { start, size };

	return region_intersects(start, size, IORESOURCE_SYSTEM_RAM, IORES_DESC_NONE) ==
		       REGION_DISJOINT ||
	       for_crash_kernel(range) || reserved_by_device_tree(range);
}

static int take_named(u64 start, u64 size, char *message)
{
	u64 block = memory_block_size_bytes(), first, end;
	struct ram_map *map;
	int err;

	if (unused_by_linux(start, size))
		return 0;
	map = read_ram_map();
	if (!map)
		return -ENOMEM;
	first = round_down(start, block);
	end = round_up(start + size, block);
	err = -EBUSY;
	for (unsigned int i = 0; i < map->count; i++) {
		const struct cl_range *ram = &map->ram[i];

		if (cl_arch_hot_remove && first >= ram->start && end <= ram->start + ram->size &&
		    !below_inner(map, ram, first))
			err = remove_blocks(first, end - first);
	}
	if (err)
		err = allocate_range(start, size);
	kfree(map);
	if (err)
		cl_say(message,
		       "platform: Linux does not let go of memory %#llx-%#llx (error %d): name another place, write CL_AUTO, or reserve it (%s)",
		       start, start + size - 1, err, cl_arch_reserve_hint);
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
		err = find_memory(size, message);
		if (err)
			return err;
		platform.hv_phys = allocated.size ? allocated.start : removed.start;
		platform.pool_phys = platform.hv_phys + platform.hv_size;
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
	if (allocated.size)
		free_range();
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

/*
 * The validator knows what root owns, not what its Linux does with it: a region that names memory
 * in use would be pulled away under the kernel's feet.
 */
int cl_memory_check(const struct cl_config *config, char *message)
{
	const struct cl_section *section = cl_find_section(config, CL_SEC_MEMORY);

	for (u32 i = 0; section && i < section->count; i++) {
		struct cl_memory region;

		cl_get_entry(section, i, &region, sizeof(region));
		if (region.flags & CL_MEM_COMM || region.phys == CL_AUTO)
			continue;
		if (region.phys >= cl_pool_range.start &&
		    region.phys + region.size <= cl_pool_range.start + cl_pool_range.size)
			continue;
		if (unused_by_linux(region.phys, region.size))
			continue;
		cl_say(message,
		       "cell '%s': memory region %u: phys is %#llx, which Linux uses: write CL_AUTO, or reserve the range (%s)",
		       config->name, i, region.phys, cl_arch_reserve_hint);
		return -EBUSY;
	}
	return 0;
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
