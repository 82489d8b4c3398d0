// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0
/*
 * A cell for a distribution's Linux kernel: two CPUs, 256 MiB of RAM, a virtual UART. The root
 * config is qemu-root-large.c.
 *
 *   hvctl cell linux qemu-linux.cell vmlinuz -i initrd.gz
 */
#include <cloister/config.h>

CLOISTER_CELL(.name = "linux", .flags = CL_CELL_VUART, .entry = 0x40000000);

CLOISTER_CPUS({ 2 }, { 3 });

/* /dev/watchdog, with the module sp805_wdt: nothing comes of it until somebody opens that */
CLOISTER_WATCHDOG(.timeout_ms = 5000);

CLOISTER_MEMORY(
	{ CL_AUTO, 0x40000000, 0x10000000, CL_MEM_RAM | CL_MEM_LOADABLE },
	/* the comm region, of which Linux uses the watchdog's word only */
	{ 0, 0x3fe00000, 0x1000, CL_MEM_READ | CL_MEM_WRITE | CL_MEM_COMM });
