/* SPDX-License-Identifier: GPL-2.0 */
/* A Linux kernel for a cell: what has to be where in its memory. */
#ifndef HVCTL_LINUX_H
#define HVCTL_LINUX_H

#include <cloister/comm.h>
#include "cell.h"

#define LINUX_RAM    64 /* regions */
#define LINUX_PIECES (8 + LINUX_RAM)

struct linux_guest {
	/* in: files have passed no check but that they are not empty; initrd and dtb may be NULL */
	const struct cl_config *config;	   /* checked */
	uint32_t tsc_khz;		   /* frequency of the counter, as in struct cl_info */
	uint32_t hw_ids[CL_COMM_MAX_CPUS]; /* of the config's CPUs, as in struct cl_comm */
	unsigned int cpu_count;
	struct cl_gic gic; /* arm64 */
	/* x86: as in struct cl_info */
	uint64_t ecam_phys;
	uint32_t ecam_first_bus, ecam_last_bus;
	const char *kernel_path, *initrd_path, *dtb_path;
	void *kernel, *initrd, *dtb; /* freed by the caller, may be replaced by another buffer */
	size_t kernel_size, initrd_size, dtb_size;
	const char *cmdline;
	/* out */
	struct piece pieces[LINUX_PIECES];
	unsigned int count;
};

/*
 * The architecture: check kernel and config against each other, and fill in all pieces. Nothing was
 * changed yet. EXIT_OK, or an exit code with the reason printed.
 */
int linux_layout(struct linux_guest *g);

/* For it: one more piece of what linux_ram() found, as several where it lies in several regions. */
void linux_add(struct linux_guest *g, const char *what, const void *data, size_t size,
	       uint64_t address);

/*
 * For it: the cell's RAM, regions with all rights that are loadable, lowest address first, those
 * that follow each other as one. Returns how many there are, at most max, which is at most
 * LINUX_RAM.
 */
unsigned int linux_ram(const struct cl_config *config, struct cl_memory *ram, unsigned int max);

struct linux_watchdog {
	uint32_t timeout_ms; /* 0: there is none */
	uint64_t address;    /* guest-physical, of struct cl_comm.watchdog */
};

/* For it: the cell's watchdog. */
struct linux_watchdog linux_watchdog(const struct cl_config *config);

#endif
