/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
/*
 * A table of addresses that are not the cell's, which tests/system/redteam.py loads. Most accesses
 * end the cell: the next start goes on behind the one that did.
 */
#ifndef PROBES_H
#define PROBES_H

enum { READ, WRITE, FETCH, EXCLUSIVE, ZERO };

struct probe {
	uint64_t address, kind;
};

#define PROBES	    ((const struct probe *)0x100008)
#define PROBE_COUNT (*(const uint64_t *)0x100000)

/* In .data: kept when the cell ends and is started again. */
static struct {
	uint64_t next, in_probe, refused, survived, succeeded;
} progress = { .next = 0, .in_probe = 0, .refused = 1 };

/* The architecture's: makes the access, if it comes back counts it in progress. */
static void probe(const struct probe *p);

static inline void scan(void)
{
	/* The former start ended there. */
	if (progress.in_probe)
		progress.refused++;
	while (progress.next < PROBE_COUNT) {
		const struct probe *p = &PROBES[progress.next++];

		progress.in_probe = 1;
		probe(p);
		progress.in_probe = 0;
	}
	tally.refused = progress.refused - 1;
	tally.succeeded = progress.succeeded;
}

#endif
