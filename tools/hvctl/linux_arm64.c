// SPDX-License-Identifier: GPL-2.0
/*
 * Where things are in a cell with a Linux kernel, by Documentation/arch/arm64/booting.rst: what
 * stands at the cell's entry and jumps to the kernel, behind it the device tree, from the next
 * multiple of 2 MiB on the kernel, then the initial RAM file system.
 */
#include <inttypes.h>
#include <string.h>
#include "linux_arm64.h"

#define PAGE	  0x1000ULL
#define ALIGNMENT 0x200000ULL /* of the kernel */

/* X0 = address of the tree, X1 to X3 = 0. */
static struct {
	uint32_t code[6];
	uint64_t tree, kernel;
} start = { .code = {
		    0x580000c0, /* ldr x0, start.tree */
		    0x580000e4, /* ldr x4, start.kernel */
		    0xaa1f03e1, /* mov x1, xzr */
		    0xaa1f03e2, /* mov x2, xzr */
		    0xaa1f03e3, /* mov x3, xzr */
		    0xd61f0080, /* br x4 */
	    } };

static uint64_t align_up(uint64_t value, uint64_t alignment)
{
	return (value + alignment - 1) & ~(alignment - 1);
}

/* The piece of RAM that the entry is in. */
static bool find_ram(const struct linux_guest *g, struct cl_memory *ram)
{
	struct cl_memory all[LINUX_RAM];
	unsigned int count = linux_ram(g->config, all, LINUX_RAM);
	unsigned int i;

	for (i = 0; i < count; i++) {
		*ram = all[i];
		if (g->config->entry - ram->virt < ram->size)
			return true;
	}
	return false;
}

static int check_config(const struct linux_guest *g, struct cl_memory *ram)
{
	const struct cl_config *config = g->config;

	if (config->arch != CL_ARCH_ARM64)
		return fail(EXIT_REFUSED, "cell '%s': arch is %u, expected %u (arm64)",
			    config->name, config->arch, CL_ARCH_ARM64);
	if (config->flags & CL_CELL_VUART && config->flags & CL_CELL_DIRECT_IRQ)
		return fail(EXIT_REFUSED,
			    "cell '%s': flags has CL_CELL_VUART and CL_CELL_DIRECT_IRQ; the "
			    "virtual UART has no interrupt there, which Linux needs: leave one out",
			    config->name);
	if (!find_ram(g, ram) || config->entry % 8)
		return fail(EXIT_REFUSED,
			    "cell '%s': entry is %#" PRIx64
			    ", expected a multiple of 8 in a memory "
			    "region with CL_MEM_RAM | CL_MEM_LOADABLE",
			    config->name, config->entry);
	return EXIT_OK;
}

int linux_layout(struct linux_guest *g)
{
	uint64_t tree, kernel, text_offset, kernel_size, initrd, end;
	struct cl_memory ram;
	int code;

	code = check_config(g, &ram);
	if (!code)
		code = arm64_image(g, ram.size, &text_offset, &kernel_size);
	if (code)
		return code;
	tree = align_up(g->config->entry + sizeof(start), PAGE);
	kernel = align_up(tree + ARM64_TREE_MAX, ALIGNMENT) + text_offset;
	/* The end of the kernel's memory is behind that of its file. */
	initrd = align_up(kernel + kernel_size, PAGE);
	end = initrd + g->initrd_size;
	if (end > ram.virt + ram.size)
		return fail(EXIT_REFUSED,
			    "cell '%s': memory from 0x%" PRIx64 " to 0x%" PRIx64
			    " is too small: kernel and initrd need it up to 0x%" PRIx64
			    ", and Linux more than that",
			    g->config->name, g->config->entry, ram.virt + ram.size, end);
	code = arm64_tree(g, initrd);
	if (code)
		return code;
	start.tree = tree;
	start.kernel = kernel;
	linux_add(g, "the start code", &start, sizeof(start), g->config->entry);
	linux_add(g, "the device tree", g->dtb, g->dtb_size, tree);
	linux_add(g, g->kernel_path, g->kernel, g->kernel_size, kernel);
	if (g->initrd)
		linux_add(g, g->initrd_path, g->initrd, g->initrd_size, initrd);
	return EXIT_OK;
}
