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

#define ACPI_WINDOWS 64
#define ACPI_DEVICES 32 /* of a bus */

/* What a host bridge hands out: addresses as the cell sees them, or I/O ports. */
struct acpi_window {
	bool ports;
	uint64_t start, size;
};

struct acpi_pci {
	bool present;
	uint8_t bus;		      /* the only one */
	uint8_t routes[ACPI_DEVICES]; /* pin of the IOAPIC, 0: no interrupt */
	struct acpi_window windows[ACPI_WINDOWS];
	unsigned int window_count;
	uint64_t ecam_phys; /* where bus 0 is or would be, 0: not there for the cell */
	uint8_t ecam_first_bus, ecam_last_bus;
};

/*
 * ACPI tables of a machine that has these CPUs (APIC ids), the virtual UART, the power button, the
 * watchdog, PCI functions and nothing else, to be at a guest-physical address; the root pointer
 * comes first. False: they need more than ACPI_SIZE bytes.
 */
bool acpi_build(void *buffer, uint64_t address, const uint32_t *apic_ids, unsigned int count,
		const struct linux_watchdog *watchdog, const struct acpi_pci *pci);

/* linux_x86_pci.c: the PCI functions of the config. EXIT_OK, or another code, and why is said. */
int pci_find(struct acpi_pci *pci, const struct linux_guest *g);

/* linux_x86_aml.c */
struct aml {
	uint8_t *data;
	size_t size, room; /* nothing is written beyond room */
};

/* The host bridge, for an SSDT. False: there is too little room. */
bool aml_build(struct aml *aml, const struct acpi_pci *pci);

/* linux_x86_smbios.c: to be at a guest-physical address that kernels look at */
#define SMBIOS_ADDRESS 0xf0000
#define SMBIOS_SIZE    0x100
void smbios_build(void *buffer, uint64_t address);

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
