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
	/* a virtual 16550A at COM1, shown by `hvctl console` */
	.flags = CL_CELL_VUART,
	/* guest-physical address at which the first CPU starts */
	.entry = 0x10000);

/* CPUs as root Linux numbers them; they are taken offline when the cell is created */
CLOISTER_CPUS({ 1 });

CLOISTER_MEMORY(
	/* RAM from the root config's pool, seen by the cell from address 0 on */
	{ CL_AUTO, 0x0, 0x200000, CL_MEM_RAM | CL_MEM_LOADABLE },
	/* the comm region: messages from root, time-stamp counter frequency, CPU list */
	{ 0, 0x200000, 0x1000, CL_MEM_READ | CL_MEM_WRITE | CL_MEM_COMM });

/*
 * Hardware that the cell has to itself. Remove the comment and fill in:
 *
 * I/O ports: first one, how many
 *	CLOISTER_PIO({ 0x2f8, 8 });
 * pins of the IOAPIC at this address: pin 3
 *	CLOISTER_IRQCHIP({ 0xfec00000, { 1 << 3, 0 } });
 * a PCI device: domain, bus, device and function
 *	CLOISTER_PCI({ 0, 0, CL_DEVFN(4, 0), 0 });
 * its registers, as another memory region
 *	{ 0xfebf0000, 0xfebf0000, 0x1000, CL_MEM_READ | CL_MEM_WRITE | CL_MEM_IO }
 */
