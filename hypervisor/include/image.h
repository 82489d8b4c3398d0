/* SPDX-License-Identifier: GPL-2.0 */
#ifndef HV_IMAGE_H
#define HV_IMAGE_H

#include <hv.h>
#include <cloister/image.h>

/* Of the linker script: page-aligned ends of the parts of the image. */
extern char hv_text_end[], hv_rodata_end[], hv_ro_after_init[], hv_ro_after_init_end[],
	hv_core_end[];

extern const struct cl_image image_header;
extern struct cl_system image_system; /* filled in by the driver before the entry */

struct cpu;

/* Called by the architecture on every CPU once it is on the hypervisor's own tables and stack. */
void hv_entry(struct cpu *cpu, bool first) __attribute__((noreturn));

#endif
