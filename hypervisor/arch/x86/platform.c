// SPDX-License-Identifier: GPL-2.0
/* The x86 side of cells and of the machine: what the core asks for in arch.h. */
#include <image.h>
#include <page.h>
#include <vendor.h>
#include <x86.h>

#define IO_BITMAP_PAGES	 3
#define MSR_BITMAP_PAGES (MSR_BITMAP_BYTES / PAGE_SIZE)

uint8_t phys_bits __ro_after_init;

static void find_features(void)
{
	uint32_t a, b, c, d;

	cpuid(0x80000008, 0, &a, &b, &c, &d);
	phys_bits = (uint8_t)a;
}

void arch_limits(struct cl_limits *limits)
{
	if (!phys_bits)
		find_features(); /* while enabling */
	memset(limits, 0, sizeof(*limits));
	limits->arch = CL_ARCH_X86_64;
	limits->phys_bits = (uint8_t)MIN(phys_bits, PAGE_SHIFT + 9 * vendor_page_levels());
	limits->max_cpus = cpu_count;
	limits->hv_phys = image_system.hv_phys;
	limits->hv_size = image_system.hv_size;
}

int x86_refuse(struct cl_finding *finding, const char *field, uint64_t found, uint64_t expected,
	       const char *rule)
{
	memset(finding, 0, sizeof(*finding));
	finding->error = -ENODEV;
	finding->found = found;
	finding->expected = expected;
	copy_string(finding->object, "CPU", sizeof(finding->object));
	copy_string(finding->field, field, sizeof(finding->field));
	copy_string(finding->rule, rule, sizeof(finding->rule));
	return -ENODEV;
}

int arch_init(const struct cl_platform *platform, struct cl_finding *finding)
{
	if (vendor_page_leaves() > 2)
		info.head.features |= CL_FEATURE_1G_PAGES;
	if (read_cr4() & CR4_LA57)
		info.head.features |= CL_FEATURE_LA57;
	pci_init(platform);
	return vendor_check(finding);
}

int arch_cell_init(struct cell *cell)
{
	struct arch_cell *arch = &cell->arch;
	struct cl_memory region;
	int err;

	if (cell == &root_cell)
		apic_init();
	err = paging_init(&arch->npt, vendor_page_levels(), 1, vendor_page_leaves(),
			  PTE_P | PTE_RW | PTE_US);
	arch->io_bitmap = page_alloc(IO_BITMAP_PAGES);
	arch->msr_bitmap = page_alloc(MSR_BITMAP_PAGES);
	if (err || !arch->io_bitmap || !arch->msr_bitmap)
		goto no_memory;
	arch->npt_phys = virt_to_phys(arch->npt.root);
	arch->io_bitmap_phys = virt_to_phys(arch->io_bitmap);
	arch->msr_bitmap_phys = virt_to_phys(arch->msr_bitmap);
	err = ioapic_init_cell(cell);
	if (err)
		goto no_memory;
	pio_init_cell(cell);
	msr_init_cell(cell);
	/* xAPIC: every CPU reads its own registers, writes are moderated. */
	if (!x2apic_mode) {
		err = paging_update(&arch->npt, XAPIC_PAGE, XAPIC_PAGE, PAGE_SIZE,
				    vendor_page_bits(CL_MEM_READ | CL_MEM_IO));
		if (err)
			goto no_memory;
	}
	for_each_region(cell->config, i, region)
		if (region.flags & CL_MEM_COMM)
			arch->comm_address = region.virt;
	if (cell != &root_cell) {
		pio_move(cell, true);
		ioapic_move(cell, true);
		pci_move(cell, true);
		vpin_reset(cell);
	}
	return 0;

no_memory:
	err = err ? err : -ENOMEM;
	paging_exit(&arch->npt);
	page_free(arch->io_bitmap, IO_BITMAP_PAGES);
	page_free(arch->msr_bitmap, MSR_BITMAP_PAGES);
	return err;
}

void arch_cell_exit(struct cell *cell)
{
	pio_move(cell, false);
	ioapic_move(cell, false);
	pci_move(cell, false);
	paging_exit(&cell->arch.npt);
	page_free(cell->arch.io_bitmap, IO_BITMAP_PAGES);
	page_free(cell->arch.msr_bitmap, MSR_BITMAP_PAGES);
}

void arch_cell_entry(struct cell *cell, struct arch_start *start)
{
	vpin_reset(cell);
	cell->arch.start_tsc = rdtsc();
	start->kind = START_FLAT;
	start->address = cell->config->entry;
	start->ebx = cell->arch.comm_address;
}

void arch_stop_devices(const struct cell *cell)
{
	pci_stop(cell);
}

/* No IOMMU is used. */
int arch_start_devices(const struct cell *cell)
{
	(void)cell;
	return 0;
}

void arch_flush_devices(void)
{
}

void arch_poll_devices(void)
{
}

void arch_fill_comm(struct cl_comm *comm)
{
	comm->flags = x2apic_mode ? CL_COMM_X2APIC : 0;
}

/* Uncacheable accesses look into caches, their own too (Intel SDM volume 2, CPUID: self snoop). */
void arch_sync_uncached(const volatile void *start, uint64_t size)
{
	(void)start;
	(void)size;
}

int arch_map(struct cell *cell, const struct cl_memory *region)
{
	/* Registers that share a page with foreign ones are reached one by one, in mmio.c. */
	if ((region->phys | region->virt | region->size) & ~PAGE_MASK)
		return 0;
	return paging_update(&cell->arch.npt, region->virt, region->phys, region->size,
			     vendor_page_bits(region->flags));
}

int arch_unmap(struct cell *cell, uint64_t virt, uint64_t size)
{
	return paging_update(&cell->arch.npt, virt, 0, size, 0);
}

uint64_t arch_translate(const struct cell *cell, uint64_t virt, uint64_t flags)
{
	uint64_t page_size;
	uint64_t entry = paging_lookup(&cell->arch.npt, virt, &page_size);

	if (!entry || (flags & CL_MEM_WRITE && !(entry & PTE_RW)))
		return ~0UL;
	return (entry & PTE_ADDRESS & ~(page_size - 1)) | (virt & (page_size - 1));
}

bool arch_is_moderated(uint64_t address)
{
	for (unsigned int i = 0; i < root_cell.arch.chip_count; i++)
		if (root_cell.arch.chips[i].address == (address & PAGE_MASK))
			return true;
	return (address & PAGE_MASK) == XAPIC_PAGE || (address >= ecam_start && address < ecam_end);
}
