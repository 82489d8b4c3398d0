// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0
/*
 * A cell for inmates/demos/smp: two CPUs, of which the inmate starts the second one.
 */
#include <cloister/config.h>

CLOISTER_CELL(.name = "smp", .flags = CL_CELL_VUART, .entry = 0x10000);

CLOISTER_CPUS({ 1 }, { 2 });

CLOISTER_MEMORY(
	/* RAM: command line at 0x1000, image at 0x10000 */
	{ CL_AUTO, 0x0, 0x200000, CL_MEM_RAM | CL_MEM_LOADABLE },
	/* the comm region, right behind the RAM so that one page table maps both */
	{ 0, 0x200000, 0x1000, CL_MEM_READ | CL_MEM_WRITE | CL_MEM_COMM });
