// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0
/*
 * Start here: copy this file, keep what your cell needs, build it with
 *
 *   make -f /usr/local/share/cloister/cell.mk my-cell.cell
 *   hvctl cell check my-cell.cell --root root.cell
 *
 * docs/cell-config.md explains every member.
 */
#include <cloister/config.h>

CLOISTER_CELL(
	/* what hvctl calls the cell */
	.name = "template",
	/* a virtual PL011 at CL_VUART_ADDRESS, shown by `hvctl console` */
	.flags = CL_CELL_VUART,
	/* guest-physical address at which the first CPU starts */
	.entry = 0x10000);

/* CPUs as root Linux numbers them; they are taken offline when the cell is created */
CLOISTER_CPUS({ 1 });

CLOISTER_MEMORY(
	/* RAM from the root config's pool, seen by the cell from address 0 on */
	{ CL_AUTO, 0x0, 0x200000, CL_MEM_RAM | CL_MEM_LOADABLE },
	/* the comm region: messages from root, CPU list, where the interrupt controller is */
	{ 0, 0x200000, 0x1000, CL_MEM_READ | CL_MEM_WRITE | CL_MEM_COMM });

/*
 * Hardware that the cell has to itself. Remove the comment and fill in:
 *
 * its registers, as another memory region
 *	{ 0x9040000, 0x9040000, 0x1000, CL_MEM_READ | CL_MEM_WRITE | CL_MEM_IO }
 * its interrupt: of the distributor at this address the one with INTID 32 + 8
 *	CLOISTER_IRQCHIP({ 0x8000000, { 1 << 8, 0 }, 32 });
 *
 * Distributor and redistributors are where the host has them, and need no region.
 */
