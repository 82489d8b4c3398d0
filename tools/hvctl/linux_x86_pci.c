// SPDX-License-Identifier: GPL-2.0
/* PCI functions of a cell, as a kernel is to find them: one host bridge, with what the config has. */
#include <stdio.h>
#include <string.h>
#include <cloister/check.h>
#include "linux_x86.h"

/* PCI Local Bus 3.0, 6.1 and 6.7 */
#define HEADER_SIZE	    256
#define STATUS		    0x06
#define STATUS_CAPABILITIES 0x10
#define CAPABILITIES	    0x34
#define INTERRUPT_PIN	    0x3d
#define CAPABILITY_MSI	    0x05
#define MAX_CAPABILITIES    48

#define DEVICE(devfn)	((devfn) >> 3)
#define FUNCTION(devfn) ((devfn)&7)
#define NAME(f)		(f)->bus, DEVICE((f)->devfn), FUNCTION((f)->devfn)

static bool has_function(const struct cl_config *config, uint8_t bus, uint8_t devfn)
{
	const struct cl_section *section = cl_find_section(config, CL_SEC_PCI);
	struct cl_pci_device f;
	uint32_t i;

	for (i = 0; i < section->count; i++) {
		cl_get_entry(section, i, &f, sizeof(f));
		if (f.bus == bus && f.devfn == devfn)
			return true;
	}
	return false;
}

/* Has it an interrupt pin, and no messages instead? As far as root sees it: it is still root's. */
static bool needs_pin(const struct cl_pci_device *f)
{
	unsigned char header[HEADER_SIZE] = { 0 };
	unsigned int place, i;
	char path[64];
	FILE *file;

	snprintf(path, sizeof(path), "/sys/bus/pci/devices/0000:%02x:%02x.%x/config", NAME(f));
	file = fopen(path, "rb");
	if (!file)
		return false;
	i = fread(header, 1, sizeof(header), file);
	fclose(file);
	if (i != sizeof(header) || !header[INTERRUPT_PIN])
		return false;
	place = header[STATUS] & STATUS_CAPABILITIES ? header[CAPABILITIES] & 0xfc : 0;
	for (i = 0; i < MAX_CAPABILITIES && place; i++) {
		if (header[place] == CAPABILITY_MSI)
			return false;
		place = header[place + 1] & 0xfc;
	}
	return true;
}

static int add_function(struct acpi_pci *pci, const struct cl_config *config,
			const struct cl_pci_device *f)
{
	uint8_t *route = &pci->routes[DEVICE(f->devfn)];

	if (pci->present && f->bus != pci->bus)
		return fail(EXIT_REFUSED,
			    "config: PCI functions on the buses %u and %u, expected all on one: "
			    "the kernel gets one host bridge",
			    pci->bus, f->bus);
	if (!has_function(config, f->bus, f->devfn & ~7))
		return fail(EXIT_REFUSED,
			    "config: PCI function %02x:%02x.%x without function 0 of the device: "
			    "kernels do not look for it then",
			    NAME(f));
	if (f->intx && *route && *route != f->intx)
		return fail(EXIT_REFUSED,
			    "config: PCI function %02x:%02x.%x has intx %u, another function of "
			    "the device %u, expected the same: where each of a device's four pins "
			    "goes is not in the config",
			    NAME(f), f->intx, *route);
	if (!f->intx && needs_pin(f))
		fprintf(stderr,
			"hvctl: PCI function %02x:%02x.%x has no interrupt: it cannot send "
			"messages (MSI), and its intx in the config is 0\n",
			NAME(f));
	pci->present = true;
	pci->bus = f->bus;
	if (f->intx)
		*route = f->intx;
	return EXIT_OK;
}

/* As the hypervisor shows base addresses: rounded up to a power of two. */
static bool add_window(struct acpi_pci *pci, bool ports, uint64_t start, uint64_t size)
{
	uint64_t rounded = ports ? 4 : 16;

	while (rounded < size)
		rounded *= 2;
	if (pci->window_count == ACPI_WINDOWS)
		return false;
	pci->windows[pci->window_count++] = (struct acpi_window){ ports, start, rounded };
	return true;
}

static bool find_windows(struct acpi_pci *pci, const struct cl_config *config)
{
	const struct cl_section *section = cl_find_section(config, CL_SEC_MEMORY);
	struct cl_memory region;
	struct cl_pio range;
	uint32_t i;

	for (i = 0; i < section->count; i++) {
		cl_get_entry(section, i, &region, sizeof(region));
		if (region.flags & CL_MEM_IO && !add_window(pci, false, region.virt, region.size))
			return false;
	}
	section = cl_find_section(config, CL_SEC_PIO);
	for (i = 0; section && i < section->count; i++) {
		cl_get_entry(section, i, &range, sizeof(range));
		if (!add_window(pci, true, range.base, range.length))
			return false;
	}
	return true;
}

/* Where the cell has nothing else, it sees configuration space in memory. */
static void find_ecam(struct acpi_pci *pci, const struct linux_guest *g)
{
	const struct cl_section *section = cl_find_section(g->config, CL_SEC_MEMORY);
	uint64_t start = g->ecam_phys + ((uint64_t)g->ecam_first_bus << 20);
	uint64_t end = g->ecam_phys + ((g->ecam_last_bus + 1ULL) << 20);
	struct cl_memory region;
	uint32_t i;

	if (!g->ecam_phys || pci->bus < g->ecam_first_bus || pci->bus > g->ecam_last_bus)
		return;
	for (i = 0; i < section->count; i++) {
		cl_get_entry(section, i, &region, sizeof(region));
		if (region.virt < end && start < region.virt + region.size)
			return;
	}
	pci->ecam_phys = g->ecam_phys;
	pci->ecam_first_bus = (uint8_t)g->ecam_first_bus;
	pci->ecam_last_bus = (uint8_t)g->ecam_last_bus;
}

int pci_find(struct acpi_pci *pci, const struct linux_guest *g)
{
	const struct cl_section *section = cl_find_section(g->config, CL_SEC_PCI);
	struct cl_pci_device f;
	uint32_t i;
	int code;

	memset(pci, 0, sizeof(*pci));
	for (i = 0; section && i < section->count; i++) {
		cl_get_entry(section, i, &f, sizeof(f));
		code = add_function(pci, g->config, &f);
		if (code)
			return code;
	}
	if (!pci->present)
		return EXIT_OK;
	if (!find_windows(pci, g->config))
		return fail(EXIT_REFUSED,
			    "config: more than %u regions of registers and ports, which is what a "
			    "kernel can be told of",
			    ACPI_WINDOWS);
	find_ecam(pci, g);
	return EXIT_OK;
}
