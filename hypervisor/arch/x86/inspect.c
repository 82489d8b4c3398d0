// SPDX-License-Identifier: GPL-2.0
/*
 * What the tables in use allow: nested page tables, I/O and MSR bitmaps, the IOAPICs' own entries,
 * the hypervisor's page tables of all CPUs. All of it is read where the CPU or the device reads it.
 */
#include <image.h>
#include <inspect.h>
#include <page.h>
#include <vendor.h>
#include <x86.h>

#define PORTS 65536

/* Rights of all levels count. */
static uint32_t rights(const struct mapping *mapping)
{
	return CL_MEM_READ | (mapping->set_in_all & PTE_RW ? CL_MEM_WRITE : 0) |
	       (mapping->set_in_any & PTE_NX ? 0 : CL_MEM_EXECUTE);
}

static void inspect_memory(struct inspection *inspection, const struct cell *cell)
{
	struct mapping mapping = { 0 };

	while (inspect_next_mapping(cell->arch.npt_phys, cell->arch.npt.levels, 1, &mapping)) {
		struct cl_inspect_record record = { .kind = CL_INSPECT_MEMORY,
						    .cell = cell->id,
						    .start = mapping.virt,
						    .size = mapping.size,
						    .target = mapping.phys,
						    .access = vendor_page_rights(&mapping) };

		inspect_add(inspection, &record);
		mapping.virt += mapping.size;
	}
	if (!x2apic_mode) {
		struct cl_inspect_record own_apic = { .kind = CL_INSPECT_LENT,
						      .cell = cell->id,
						      .start = XAPIC_PAGE,
						      .size = PAGE_SIZE,
						      .access = CL_MEM_READ };

		inspect_add(inspection, &own_apic);
	}
}

static void inspect_ports(struct inspection *inspection, const struct cell *cell)
{
	const unsigned char *bitmap = cell->arch.io_bitmap;

	for (unsigned int port = 0; port < PORTS; port++) {
		struct cl_inspect_record record = { .kind = CL_INSPECT_PORT,
						    .cell = cell->id,
						    .start = port,
						    .size = 1,
						    .access = CL_MEM_READ | CL_MEM_WRITE };

		if (!(bitmap[port / 8] & 1 << port % 8))
			inspect_add(inspection, &record);
	}
}

static bool exits(const unsigned char *bitmap, uint32_t msr, bool write)
{
	int bit = vendor_msr_bit(msr, write);

	return bitmap[bit / 8] & 1 << bit % 8;
}

static int inspect_msrs(struct inspection *inspection, const struct cell *cell)
{
	static const uint32_t blocks[] = MSR_BLOCKS;
	const unsigned char *bitmap = cell->arch.msr_bitmap;
	unsigned char *policy = page_alloc(MSR_BITMAP_BYTES / PAGE_SIZE);

	if (!policy)
		return -ENOMEM;
	msr_policy(policy, cell == &root_cell);
	for (unsigned int i = 0; i < ARRAY_SIZE(blocks) * MSR_BLOCK; i++) {
		uint32_t msr = blocks[i / MSR_BLOCK] + i % MSR_BLOCK;
		bool read = exits(bitmap, msr, false), write = exits(bitmap, msr, true);
		struct cl_inspect_record record = {
			.kind = CL_INSPECT_MSR,
			.cell = cell->id,
			.start = msr,
			.size = 1,
			.access = (read ? 0 : CL_MEM_READ) | (write ? 0 : CL_MEM_WRITE),
			.index = (!read && exits(policy, msr, false)) ||
				 (!write && exits(policy, msr, true)),
		};

		if (record.access)
			inspect_add(inspection, &record);
	}
	page_free(policy, MSR_BITMAP_BYTES / PAGE_SIZE);
	return 0;
}

static void inspect_pins(struct inspection *inspection, const struct cell *cell)
{
	for (unsigned int i = 0; i < cell->arch.chip_count; i++) {
		const struct cl_irqchip *chip = &cell->arch.chips[i];

		for (unsigned int pin = 0; pin < 8 * sizeof(chip->pins); pin++) {
			struct cl_inspect_record record = { .kind = CL_INSPECT_PIN,
							    .cell = cell->id,
							    .start = chip->address,
							    .size = 1,
							    .index = pin };

			if (!(chip->pins[pin / 64] & BIT(pin % 64)))
				continue;
			record.target = ioapic_entry(chip->address, pin);
			inspect_add(inspection, &record);
		}
	}
}

int arch_inspect_cell(struct inspection *inspection, const struct cell *cell)
{
	int err;

	inspect_memory(inspection, cell);
	inspect_ports(inspection, cell);
	err = inspect_msrs(inspection, cell);
	if (err)
		return err;
	inspect_pins(inspection, cell);
	inspect_pci(inspection, cell);
	return 0;
}

void arch_inspect_hypervisor(struct inspection *inspection)
{
	unsigned int levels = read_cr4() & CR4_LA57 ? 5 : 4;
	uint64_t sign = 1UL << (PAGE_SHIFT + 9 * levels - 1);

	for_each_cpu(i) {
		uint64_t top =
			hv_phys + image_header.core_size + (i * AREA_PAGES + AREA_TOP) * PAGE_SIZE;
		struct mapping mapping = { 0 };

		while (inspect_next_mapping(top, levels, 1, &mapping)) {
			/* Canonical form: the top bit of the address extends upwards. */
			uint64_t virt = (mapping.virt ^ sign) - sign;
			struct cl_inspect_record record = {
				.kind = virt - LOCAL_APIC < LOCAL_END - LOCAL_APIC
						? CL_INSPECT_HV_WINDOW
						: CL_INSPECT_HV_MAPPING,
				.cell = CL_NO_CELL,
				.start = virt,
				.size = mapping.size,
				.target = mapping.phys,
				.access = rights(&mapping),
				.index = i,
			};

			inspect_add(inspection, &record);
			mapping.virt += mapping.size;
		}
	}
}
