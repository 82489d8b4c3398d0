/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
/*
 * The config validator (hypervisor/check.c): portable C without any library, compiled into the
 * hypervisor, into hvctl and into the unit tests. It never writes to a config and reads nothing
 * outside [blob, blob + size).
 */
#ifndef CLOISTER_CHECK_H
#define CLOISTER_CHECK_H

#include <cloister/config.h>

/*
 * What is wrong, complete enough to be shown to the person who wrote the config:
 *   "cell 'rtvm': memory region 3: phys is 0x1001, expected a multiple of 0x1000: <rule>"
 */
struct cl_finding {
	int32_t error;	/* 0: nothing is wrong; else a negative errno */
	uint32_t index; /* entry within its section, from 0 */
	char cell[CL_NAME_LEN];
	char object[24]; /* "config", "memory region", "CPU", "I/O ports", "PCI device", ... */
	char field[24];	 /* name of the member as in config.h */
	char rule[128];	 /* the rule in words, and what to do */
	char other[CL_NAME_LEN]; /* the other owner in a conflict between two cells, else empty */
	uint64_t found;
	uint64_t expected; /* meaning given by rule: exact value, limit or alignment */
};

/* Limits of the machine or of the build that a config is checked against. */
struct cl_limits {
	uint16_t arch;	   /* enum cl_arch */
	uint8_t phys_bits; /* width of a physical address */
	uint8_t reserved;
	uint32_t max_cpus; /* CPU ids are below this */
	uint64_t hv_phys;  /* hypervisor memory, size 0: not known */
	uint64_t hv_size;
};

/*
 * Check one config on its own: form, sections, alignment, wrap-around, overlaps inside it, overlap
 * with the hypervisor's memory (cells only: from the root cell it is carved out), unknown flags.
 * Returns 0 or the negative errno that is also in *finding.
 */
int cl_check_config(const void *blob, uint64_t size, const struct cl_limits *limits,
		    struct cl_finding *finding);

/*
 * Check two cells, both valid on their own and neither of them the root cell, against each other:
 * no CPU, memory, port, pin or PCI device in both unless it is memory that both declare shared;
 * different names.
 */
int cl_check_pair(const struct cl_config *a, const struct cl_config *b, struct cl_finding *finding);

/*
 * Check a cell against the root config: its memory and ports must be root's or the pool's, and its
 * PCI devices and pins exist there; nothing is to be taken that root does not have.
 */
int cl_check_against_root(const struct cl_config *cell, const struct cl_config *root,
			  struct cl_finding *finding);

/* Find a section of a valid config; NULL if it has none of that type. */
const struct cl_section *cl_find_section(const struct cl_config *config, uint32_t type);

/*
 * Copy entry number index of a section into out (out_size bytes), zero-filling what the blob's
 * entries do not have. The caller has checked index < section->count.
 */
void cl_get_entry(const struct cl_section *section, uint32_t index, void *out, uint32_t out_size);

#endif
