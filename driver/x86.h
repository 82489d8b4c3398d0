/* SPDX-License-Identifier: GPL-2.0 */
/* What differs between the vendors of x86 CPUs: x86_amd.c, x86_intel.c. */
#ifndef CLOISTER_DRIVER_X86_H
#define CLOISTER_DRIVER_X86_H

#include <linux/types.h>

/* For trampoline_x86.S, which has the offsets. */
struct cl_entry_args {
	u64 cr3;
	u64 entry;
	u64 cpu;
};

struct cl_x86_vendor {
	const char *image; /* firmware file */
	int (*check)(char *message);
	long (*hypercall)(unsigned int number, unsigned long arg0, unsigned long arg1,
			  unsigned long arg2);
	/* trampoline_x86.S; on each CPU, interrupts off */
	int (*enter)(const struct cl_entry_args *args);
	int (*leave)(void);
	const char *exit; /* where the hypervisor goes to when it ends */
};

extern const struct cl_x86_vendor cl_x86_amd, cl_x86_intel;

/*
 * Calls judge() on every CPU, with interrupts off. Returns the first answer that is not 0, and
 * which CPU it came from; 0 if all are fit.
 */
int cl_x86_judge(int (*judge)(void), unsigned int *cpu);

/* A module with parameters that is loaded or built in. */
bool cl_x86_has_module(const char *directory);

#endif
