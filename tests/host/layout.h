/* SPDX-License-Identifier: GPL-2.0 */
/* The hypervisor's layout in a process on the host: a CPU's own pages where user space can be. */
#include_next <layout.h>

#undef LOCAL_BASE
#define LOCAL_BASE 0x200000000000
