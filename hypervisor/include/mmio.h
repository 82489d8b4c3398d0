/* SPDX-License-Identifier: GPL-2.0 */
/* Accesses of a guest to physical addresses that it has not mapped and that no emulated device has.
 */
#ifndef HV_MMIO_H
#define HV_MMIO_H

#include <cell.h>

/*
 * Counts the exit. PCI configuration space (ECAM); registers below a page that the cell's config
 * lists; an access that is audited or refused. Reads of what is refused give ones. size: 1, 2, 4
 * or 8. False: the instruction is not to be skipped, the guest executes it again or has been
 * stopped.
 */
bool mmio_default(uint64_t address, bool write, unsigned int size, uint64_t *value);

/*
 * Memory that root does not have, where the access cannot be emulated. access: CL_AUDIT_*. True if
 * it may go on and execute the instruction again (it has the page now), or has been stopped.
 */
bool mmio_map_for_root(uint64_t address, unsigned int access);

/* Reads give ones, writes are dropped, and the first ones are logged. */
void mmio_ignore(bool write, uint64_t address, uint64_t *value);

#endif
