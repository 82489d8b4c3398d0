// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0
/*
 * Root cell without Linux, for boot/: a machine with at least 128 MiB of RAM, whose root is the
 * payload that was loaded with the hypervisor. Addresses are fixed, as nobody is there to choose.
 */
#include <cloister/config.h>

CLOISTER_CELL(.name = "bare-root", .flags = CL_CELL_ROOT);

CLOISTER_PLATFORM(
	.hv_phys = 0x4000000, .hv_size = 0x200000,
	.pool_phys = 0x4200000, .pool_size = 0x1e00000,
	.console_type = CL_CONSOLE_16550_PIO, .console_address = 0x3f8);

CLOISTER_MEMORY(
	{ 0x0, 0x0, 0x80000000, CL_MEM_RAM });

/* all but one, for tests of what is refused */
CLOISTER_PIO({ 0x0, 0x80 }, { 0x81, 0xff7f });

CLOISTER_IRQCHIP({ 0xfec00000, { 0xffffff, 0 } });
