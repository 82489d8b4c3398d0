// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0
/*
 * A cell for the kernel of a distribution (hvctl cell linux): two CPUs and 224 MiB of RAM. It needs
 * more memory than qemu-root.c sets aside: the root config is qemu-root-large.c.
 */
#include <cloister/config.h>

CLOISTER_CELL(.name = "linux", .flags = CL_CELL_VUART, .entry = 0x10000);

CLOISTER_CPUS({ 1 }, { 2 });

/* /dev/watchdog, with the module wdat_wdt: nothing comes of it until somebody opens that */
CLOISTER_WATCHDOG(.timeout_ms = 5000);

CLOISTER_MEMORY(
	/* RAM, from 0 on: CPUs start below 1 MiB */
	{ CL_AUTO, 0x0, 0xe000000, CL_MEM_RAM | CL_MEM_LOADABLE },
	/* the comm region, of which Linux uses the watchdog's word only */
	{ 0, 0xe000000, 0x1000, CL_MEM_READ | CL_MEM_WRITE | CL_MEM_COMM });
