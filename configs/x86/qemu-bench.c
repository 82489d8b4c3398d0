// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0
/*
 * A cell for inmates/tests/x86/bench: one CPU, and a pin of the IOAPIC so that it has its registers.
 */
#include <cloister/config.h>

CLOISTER_CELL(.name = "bench", .flags = CL_CELL_VUART, .entry = 0x10000);

CLOISTER_CPUS({ 3 });

CLOISTER_MEMORY(
	{ CL_AUTO, 0x0, 0x200000, CL_MEM_RAM | CL_MEM_LOADABLE },
	{ 0, 0x200000, 0x1000, CL_MEM_READ | CL_MEM_WRITE | CL_MEM_COMM });

CLOISTER_IRQCHIP({ .address = 0xfec00000, .pins = { 1 << 23 } });
