/* SPDX-License-Identifier: GPL-2.0 */
/* Linux in an x86-64 cell: what the parts of linux_layout() offer each other. */
#ifndef HVCTL_LINUX_X86_H
#define HVCTL_LINUX_X86_H

#include <asm/bootparam.h>
#include "linux.h"

/* linux_x86_bzimage.c */
struct bzimage {
	struct setup_header header;
	const char *code; /* what is loaded: the protected-mode kernel */
	size_t code_size;
	uint64_t memory; /* bytes that it needs from its address on until it knows the memory map */
};

/* Take a bzImage apart. EXIT_OK, or an exit code with the reason printed. */
int bzimage_read(const char *path, const void *file, size_t size, struct bzimage *image);

/* linux_x86_acpi.c */
#define ACPI_SIZE 0x4000

struct acpi_watchdog {
	uint32_t timeout_ms; /* 0: there is none */
	uint64_t address;    /* guest-physical, of struct cl_comm.watchdog */
};

/*
 * ACPI tables of a machine that has these CPUs (APIC ids), the virtual UART, the power button, the
 * watchdog and nothing else, to be at a guest-physical address; the root pointer comes first.
 * False: they need more than ACPI_SIZE bytes.
 */
bool acpi_build(void *buffer, uint64_t address, const uint32_t *apic_ids, unsigned int count,
		const struct acpi_watchdog *watchdog);

/*
 * linux_x86_entry.S: from the state in which a cell starts into a 64-bit kernel. At these offsets
 * are its own guest-physical address, 32 bits, and where the kernel begins, 64 bits.
 */
extern const char linux_entry[];
extern const uint32_t linux_entry_size, linux_entry_base, linux_entry_kernel;

/* What is at the PC's reset vector, in real mode: asks for a restart. */
extern const char linux_reset[];
extern const uint32_t linux_reset_size;

/* linux_x86_dsdt.asl, compiled */
extern const char linux_dsdt[];
extern const uint32_t linux_dsdt_size;

#endif
