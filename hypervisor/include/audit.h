/* SPDX-License-Identifier: GPL-2.0 */
/* Accesses by root to what it does not have: refused, or with "hvctl enable --audit" allowed. */
#ifndef HV_AUDIT_H
#define HV_AUDIT_H

#include <cell.h>

/* So many accesses to a page are made one by one and counted, then root gets the page. */
#define AUDIT_EMULATED 1000

enum audit_answer {
	AUDIT_REFUSE,  /* reads give ones, writes are dropped */
	AUDIT_ALLOW,   /* make the access for root */
	AUDIT_MAP,     /* allowed, and frequent: audit_map() */
	AUDIT_AGAIN,   /* nothing is to be done: root executes the instruction again */
	AUDIT_STOPPED, /* root has been stopped */
};

/* Once per enable, when the root cell exists. */
void audit_init(const struct cl_platform *platform, bool allow);

/*
 * Root touched something that it cannot reach. access: CL_AUDIT_READ, _WRITE, _EXECUTE. Pins: the
 * controller's address plus the pin; calls to the firmware: the function id. Never AUDIT_AGAIN. Any
 * CPU of root, any time.
 */
enum audit_answer audit_access(enum cl_audit_kind kind, uint64_t address, unsigned int access,
			       uint64_t rip);

/*
 * Give root the page, after audit_access() has allowed it: AUDIT_AGAIN, or AUDIT_REFUSE if there is
 * no memory for tables, or a cell has registers in it.
 */
enum audit_answer audit_map(uint64_t address);

#endif
