// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0
/*
 * A cell for Debian's U-Boot for QEMU's virt machine (package u-boot-qemu, qemu_arm64/u-boot.bin), as it
 * is: the program at 0, where that machine has its flash, and a device tree at the start of its RAM.
 *
 *   hvctl cell load u-boot u-boot.bin@0 u-boot.dtb@0x40000000
 *
 * tests/system/guest/u-boot.dts is the source of a device tree that fits.
 */
#include <cloister/config.h>

CLOISTER_CELL(.name = "u-boot", .flags = CL_CELL_VUART, .entry = 0);

CLOISTER_CPUS({ 3 });

CLOISTER_MEMORY(
	{ CL_AUTO, 0x0, 0x200000, CL_MEM_RAM | CL_MEM_LOADABLE },
	/* the second flash, where it looks for its environment */
	{ CL_AUTO, 0x4000000, 0x40000, CL_MEM_READ },
	{ CL_AUTO, 0x40000000, 0x2000000, CL_MEM_RAM | CL_MEM_LOADABLE });
