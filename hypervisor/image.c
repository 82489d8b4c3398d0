// SPDX-License-Identifier: GPL-2.0
/* What the image says of itself, what the driver tells it, and the info region. */
#include <image.h>
#include <info_region.h>
#include <layout.h>
#include <cloister/config.h>

/* The linker script's numbers, as addresses of absolute symbols. */
extern char image_file_size[], image_core_size[], image_entry_offset[], image_system_offset[],
	image_info_offset[];

const struct cl_image image_header __attribute__((section(".header"))) = {
	.magic = CL_IMAGE_MAGIC,
	.abi_version = CL_ABI_VERSION,
	.arch = CL_ARCH_HERE,
	.max_cpus = CONFIG_MAX_CPUS,
	.virt_base = HV_BASE,
	.file_size = (uintptr_t)image_file_size,
	.core_size = (uintptr_t)image_core_size,
	.cpu_size = AREA_PAGES * PAGE_SIZE,
	.entry = (uintptr_t)image_entry_offset,
	.system_offset = (uintptr_t)image_system_offset,
	.info_offset = (uintptr_t)image_info_offset,
	.info_size = sizeof(struct info_region),
	.flavour = IMAGE_FLAVOUR,
	.version = CLOISTER_VERSION,
};

/* In the file, and read-only: the driver writes it before anything runs. */
struct cl_system image_system __attribute__((section(".system")));

struct info_region info;
