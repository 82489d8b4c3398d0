/* SPDX-License-Identifier: GPL-2.0 */
/* CL_HC_INSPECT: records of what the tables in use allow, written into root's memory. */
#ifndef HV_INSPECT_H
#define HV_INSPECT_H

#include <cell.h>
#include <cloister/inspect.h>

struct inspection {
	uint64_t phys;		       /* where root wants the records */
	uint64_t capacity;	       /* records that fit there */
	uint64_t count;		       /* records so far */
	struct cl_inspect_record last; /* not written yet: what follows may continue it */
};

/*
 * Add a record. It is merged with the last one if it continues that: same kind, cell, access and
 * index, adjacent, targets adjacent too for memory.
 */
void inspect_add(struct inspection *inspection, const struct cl_inspect_record *record);

/* A page or block that tables map, from virt on. */
struct mapping {
	uint64_t virt, phys, size;
	uint64_t set_in_all, set_in_any; /* bits of the entries from the root down to it */
};

/*
 * The first page at or behind mapping->virt that the tables map. root: physical address of the top
 * ones, root_pages of them side by side. False: there is none.
 */
bool inspect_next_mapping(uint64_t root, unsigned int levels, unsigned int root_pages,
			  struct mapping *mapping);

/* The PCI functions of a cell. */
void inspect_pci(struct inspection *inspection, const struct cell *cell);

/* Architecture: what a cell reaches; 0 or -ENOMEM. With the management lock. */
int arch_inspect_cell(struct inspection *inspection, const struct cell *cell);
/* The hypervisor's own mappings, on all CPUs. */
void arch_inspect_hypervisor(struct inspection *inspection);

/* defect.c, fault injection: do what must not be possible; returns 0 if it was. */
enum cl_defect;
int64_t do_defect(enum cl_defect defect);

/* Fault injection: do the damage that "hvctl verify" must find; arguments as of CL_HC_DAMAGE. */
int64_t arch_damage(uint64_t kind, uint64_t cell, uint64_t value);

#endif
