/* SPDX-License-Identifier: GPL-2.0 */
#ifndef HV_IMAGE_H
#define HV_IMAGE_H

#include <hv.h>
#include <cloister/image.h>

extern const struct cl_image image_header;
extern struct cl_system image_system; /* filled in by the driver before the entry */

struct cpu;

/* Called by the architecture on every CPU once it is on the hypervisor's own tables and stack. */
void hv_entry(struct cpu *cpu, bool first) __attribute__((noreturn));

#endif
