// SPDX-License-Identifier: GPL-2.0
/*
 * Linux in an x86-64 cell: the 64-bit boot protocol (Documentation/arch/x86/boot.rst and
 * zero-page.rst of Linux), with what a boot loader or firmware would leave in memory:
 *
 *	0		zeros: nothing that could be taken for BIOS data
 *	entry		linux_x86_boot.h
 *	0x9f000 - 1 MiB	not for use: zeros, of BIOS tables SMBIOS if there is PCI, and what asks for
 *			a restart where a BIOS would
 *	kernel		where it prefers to be, or else as low as it can
 *	initrd		at the end of a piece of RAM
 */
#include <stddef.h>
#include <string.h>
#include <cloister/check.h>
#include <cloister/comm.h>
#include "linux_x86.h"
#include "linux_x86_boot.h"

#define MIB	     (1ULL << 20)
#define FOUR_GIB     (1ULL << 32)
#define PAGE	     0x1000ULL
#define LOW_END	     0x9f000ULL /* of RAM below 1 MiB: BIOS data areas were above */
#define LEGACY_SIZE  (MIB - LOW_END)
#define RESET_VECTOR 0xffff0ULL
#define LOADER_OTHER 0xff
#define VIDEO_NORMAL 0xffff

/* Page tables of 2 MiB pages: SDM vol. 3, 4.5 */
#define TABLE_ENTRY 0x3 /* present, writable */
#define LARGE_ENTRY 0x83

enum { E820_RAM = 1, E820_RESERVED = 2, E820_ACPI = 3 };

/* One cell is made in the life of the program. */
static char boot[BOOT_SIZE] __attribute__((aligned(4096)));
static char bios_data[PAGE], bios[LEGACY_SIZE];

struct layout {
	struct cl_memory ram[LINUX_RAM];
	unsigned int ram_count;
	struct bzimage image;
	uint64_t entry, kernel, initrd;
	struct acpi_pci pci;
};

static uint64_t align_up(uint64_t value, uint64_t to)
{
	return (value + to - 1) / to * to;
}

/* The piece of RAM that has all of this; NULL: none. */
static const struct cl_memory *ram_at(const struct layout *l, uint64_t start, uint64_t size)
{
	unsigned int i;

	for (i = 0; i < l->ram_count; i++)
		if (start >= l->ram[i].virt && start - l->ram[i].virt < l->ram[i].size &&
		    size <= l->ram[i].size - (start - l->ram[i].virt))
			return &l->ram[i];
	return NULL;
}

static bool overlaps(uint64_t a, uint64_t a_size, uint64_t b, uint64_t b_size)
{
	return a < b + b_size && b < a + a_size;
}

/* RAM from 1 MiB up to 4 GiB, which our page tables reach, and not where it begins to boot. */
static bool is_free(const struct layout *l, uint64_t start, uint64_t size)
{
	return start >= MIB && start + size <= FOUR_GIB && ram_at(l, start, size) &&
	       !overlaps(start, size, l->entry, BOOT_SIZE);
}

static int place_kernel(struct layout *l, const struct linux_guest *g)
{
	const struct setup_header *h = &l->image.header;
	uint64_t address, largest = 0;
	unsigned int i;

	l->kernel = h->pref_address;
	if (!(h->pref_address & (h->kernel_alignment - 1)) &&
	    is_free(l, h->pref_address, l->image.memory))
		return EXIT_OK;
	for (i = 0; i < l->ram_count; i++) {
		const struct cl_memory *ram = &l->ram[i];

		if (ram->size > largest)
			largest = ram->size;
		address = ram->virt < MIB ? MIB : ram->virt;
		/* Above where it begins to boot, if that is in the way. */
		if (overlaps(address, l->image.memory + h->kernel_alignment, l->entry, BOOT_SIZE))
			address = l->entry + BOOT_SIZE;
		l->kernel = align_up(address, h->kernel_alignment);
		if (is_free(l, l->kernel, l->image.memory))
			return EXIT_OK;
	}
	return fail(EXIT_REFUSED,
		    "%s: the kernel needs %llu MiB of RAM in one piece between 1 MiB and 4 GiB, "
		    "aligned to 0x%x; the largest piece of the config has %llu MiB",
		    g->kernel_path, (unsigned long long)(align_up(l->image.memory, MIB) / MIB),
		    h->kernel_alignment, (unsigned long long)(largest / MIB));
}

static int place_initrd(struct layout *l, const struct linux_guest *g)
{
	uint64_t limit = (uint64_t)l->image.header.initrd_addr_max + 1;
	uint64_t size = align_up(g->initrd_size, PAGE);
	unsigned int i;

	for (i = l->ram_count; g->initrd && i; i--) {
		uint64_t end = l->ram[i - 1].virt + l->ram[i - 1].size;

		end = (end < limit ? end : limit) & ~(PAGE - 1);
		if (end < size)
			continue;
		l->initrd = end - size;
		if (is_free(l, l->initrd, size) &&
		    !overlaps(l->initrd, size, l->kernel, l->image.memory))
			return EXIT_OK;
	}
	if (!g->initrd)
		return EXIT_OK;
	return fail(EXIT_REFUSED,
		    "%s: the initrd has %llu MiB, for which no RAM is left beside the kernel (%llu "
		    "MiB from 0x%llx on) and below 0x%llx; give the cell more",
		    g->initrd_path, (unsigned long long)(align_up(size, MIB) / MIB),
		    (unsigned long long)(align_up(l->image.memory, MIB) / MIB),
		    (unsigned long long)l->kernel, (unsigned long long)limit);
}

static void e820_add(struct boot_params *p, uint64_t start, uint64_t end, uint32_t type)
{
	if (start < end)
		p->e820_table[p->e820_entries++] =
			(struct boot_e820_entry){ start, end - start, type };
}

/* A piece of RAM without what is not for use in it. */
static void e820_add_ram(struct boot_params *p, const struct layout *l, uint64_t start,
			 uint64_t end)
{
	uint64_t acpi = l->entry + BOOT_ACPI;

	if (start < LOW_END && end > LOW_END) {
		e820_add_ram(p, l, start, LOW_END);
		e820_add(p, LOW_END, end < MIB ? end : MIB, E820_RESERVED);
		start = MIB;
	}
	if (acpi >= start && acpi < end) {
		e820_add(p, start, acpi, E820_RAM);
		e820_add(p, acpi, acpi + ACPI_SIZE, E820_ACPI);
		start = acpi + ACPI_SIZE;
	}
	e820_add(p, start, end, E820_RAM);
}

static void fill_memory_map(struct boot_params *p, const struct layout *l,
			    const struct linux_guest *g)
{
	const struct cl_section *section = cl_find_section(g->config, CL_SEC_MEMORY);
	struct cl_memory region;
	unsigned int i;
	uint32_t j;

	for (i = 0; i < l->ram_count; i++)
		e820_add_ram(p, l, l->ram[i].virt, l->ram[i].virt + l->ram[i].size);
	for (j = 0; j < section->count; j++) {
		cl_get_entry(section, j, &region, sizeof(region));
		if (region.flags & CL_MEM_COMM)
			e820_add(p, region.virt, region.virt + region.size, E820_RESERVED);
	}
	if (l->pci.ecam_phys)
		e820_add(p, l->pci.ecam_phys + l->pci.ecam_first_bus * MIB,
			 l->pci.ecam_phys + (l->pci.ecam_last_bus + 1) * MIB, E820_RESERVED);
}

static void fill_params(struct boot_params *p, const struct layout *l, const struct linux_guest *g)
{
	p->hdr = l->image.header;
	p->hdr.type_of_loader = LOADER_OTHER;
	p->hdr.loadflags |= LOADED_HIGH;
	p->hdr.vid_mode = VIDEO_NORMAL;
	p->hdr.code32_start = (uint32_t)l->kernel;
	p->hdr.cmd_line_ptr = (uint32_t)(l->entry + BOOT_CMDLINE);
	p->hdr.ramdisk_image = (uint32_t)l->initrd;
	p->hdr.ramdisk_size = (uint32_t)g->initrd_size;
	p->acpi_rsdp_addr = l->entry + BOOT_ACPI;
	fill_memory_map(p, l, g);
}

static void fill_page_tables(char *block, uint64_t address)
{
	uint64_t *pml4 = (uint64_t *)(block + BOOT_PML4), *pdpt = (uint64_t *)(block + BOOT_PDPT);
	uint64_t *pd = (uint64_t *)(block + BOOT_PD);
	unsigned int i;

	pml4[0] = (address + BOOT_PDPT) | TABLE_ENTRY;
	for (i = 0; i < 4; i++)
		pdpt[i] = (address + BOOT_PD + i * PAGE) | TABLE_ENTRY;
	for (i = 0; i < 4 * 512; i++)
		pd[i] = ((uint64_t)i << 21) | LARGE_ENTRY;
}

static int fill_boot(const struct layout *l, const struct linux_guest *g)
{
	const struct linux_watchdog watchdog = linux_watchdog(g->config);
	uint64_t kernel = l->kernel + 0x200; /* the 64-bit entry */
	uint32_t base = (uint32_t)l->entry;

	memset(boot, 0, sizeof(boot));
	memcpy(boot, linux_entry, linux_entry_size);
	memcpy(boot + linux_entry_base, &base, sizeof(base));
	memcpy(boot + linux_entry_kernel, &kernel, sizeof(kernel));
	fill_params((struct boot_params *)(boot + BOOT_PARAMS), l, g);
	memcpy(boot + BOOT_CMDLINE, g->cmdline, strlen(g->cmdline) + 1);
	fill_page_tables(boot, l->entry);
	if (!acpi_build(boot + BOOT_ACPI, l->entry + BOOT_ACPI, g->hw_ids, g->cpu_count, &watchdog,
			&l->pci))
		return fail(EXIT_REFUSED,
			    "config: %u CPUs and the PCI devices are too much for the tables of a "
			    "kernel",
			    g->cpu_count);
	return EXIT_OK;
}

static int check_config(struct layout *l, const struct linux_guest *g)
{
	uint64_t cmdline_max = l->image.header.cmdline_size;

	if (g->dtb)
		return fail(EXIT_USAGE, "%s: a device tree is for arm64 cells", g->dtb_path);
	if (!(g->config->flags & CL_CELL_VUART))
		return fail(EXIT_REFUSED,
			    "config: flags 0x%x without CL_CELL_VUART: the kernel's console and "
			    "interrupt controller come with it",
			    g->config->flags);
	if (!g->tsc_khz)
		return fail(EXIT_REFUSED,
			    "the frequency of the time-stamp counter is not known to root: the "
			    "kernel could not learn it either");
	l->entry = g->config->entry;
	l->ram_count = linux_ram(g->config, l->ram, LINUX_RAM);
	if (l->entry & (PAGE - 1) || !ram_at(l, l->entry, BOOT_SIZE) ||
	    (l->entry < MIB && l->entry + BOOT_SIZE > LOW_END))
		return fail(EXIT_REFUSED,
			    "config: entry 0x%llx, expected a page with 0x%x bytes of loadable RAM "
			    "from it on, below 0x%llx or above 1 MiB: 0x10000 is a good one",
			    (unsigned long long)l->entry, BOOT_SIZE, LOW_END);
	if (!ram_at(l, 0, MIB) || l->entry < PAGE)
		return fail(
			EXIT_REFUSED,
			"config: %s, expected loadable RAM for all of the first MiB and an entry "
			"behind its first page: the kernel starts its other CPUs there",
			l->entry < PAGE ? "the entry is at 0" : "too little RAM at address 0");
	if (cmdline_max >= BOOT_PML4 - BOOT_CMDLINE)
		cmdline_max = BOOT_PML4 - BOOT_CMDLINE - 1;
	if (strlen(g->cmdline) > cmdline_max)
		return fail(EXIT_USAGE,
			    "the command line has %zu bytes, the kernel takes at most %llu",
			    strlen(g->cmdline), (unsigned long long)cmdline_max);
	return EXIT_OK;
}

int linux_layout(struct linux_guest *g)
{
	static struct layout layout;
	struct layout *l = &layout;
	int code;

	code = bzimage_read(g->kernel_path, g->kernel, g->kernel_size, &l->image);
	if (!code)
		code = check_config(l, g);
	if (!code)
		code = pci_find(&l->pci, g);
	if (!code)
		code = place_kernel(l, g);
	if (!code)
		code = place_initrd(l, g);
	if (!code)
		code = fill_boot(l, g);
	if (code)
		return code;
	memcpy(bios + (RESET_VECTOR - LOW_END), linux_reset, linux_reset_size);
	if (l->pci.present)
		smbios_build(bios + (SMBIOS_ADDRESS - LOW_END), SMBIOS_ADDRESS);
	linux_add(g, "BIOS data area", bios_data, PAGE, 0);
	linux_add(g, "BIOS", bios, LEGACY_SIZE, LOW_END);
	linux_add(g, "boot data", boot, BOOT_SIZE, l->entry);
	linux_add(g, g->kernel_path, l->image.code, l->image.code_size, l->kernel);
	if (g->initrd)
		linux_add(g, g->initrd_path, g->initrd, g->initrd_size, l->initrd);
	return EXIT_OK;
}
