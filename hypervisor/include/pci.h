/* SPDX-License-Identifier: GPL-2.0 */
/* PCI configuration space: each function is root's, or that of the one cell whose config names it. */
#ifndef HV_PCI_H
#define HV_PCI_H

#include <cell.h>

/* Where ECAM is; nobody has it mapped. ecam_end 0: there is none. */
extern uint64_t ecam_start, ecam_end;

void pci_init(const struct cl_platform *platform);
void pci_move(const struct cell *cell, bool to_cell); /* its functions, from root or back */
void pci_stop(const struct cell *cell); /* no bus mastering, no messages: arch_stop_devices() */

/* bdf: bus << 8 | device << 3 | function. What the cell does not own reads as ones. */
uint32_t pci_config_read(struct cell *cell, uint32_t bdf, unsigned int offset, unsigned int size);
void pci_config_write(struct cell *cell, uint32_t bdf, unsigned int offset, unsigned int size,
		      uint32_t value);
/* An access at an address from ecam_start to ecam_end - 1 */
uint32_t pci_read_ecam(struct cell *cell, uint64_t address, unsigned int size);
void pci_write_ecam(struct cell *cell, uint64_t address, unsigned int size, uint32_t value);
/* Entry number index of the cell's list; false: it has no so many. */
bool pci_function(const struct cell *cell, uint32_t index, uint32_t *bdf);
bool pci_owns(const struct cell *cell, uint32_t bdf);

/* The hardware's configuration space by ECAM, as arch_pci_access(); ones where it does not reach. */
uint32_t pci_ecam_access(uint32_t bdf, unsigned int offset, unsigned int size, bool write,
			 uint32_t value);

#endif
