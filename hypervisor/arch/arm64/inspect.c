// SPDX-License-Identifier: GPL-2.0
/*
 * What the tables in use allow: stage 2 of the cells, the distributor's routes, the hypervisor's
 * own tables of all CPUs. All of it is read where the CPU or the device reads it.
 */
#include <arm64.h>
#include <image.h>
#include <inspect.h>
#include <page.h>

static void inspect_memory(struct inspection *inspection, const struct cell *cell)
{
	const struct paging *stage2 = &cell->arch.stage2;
	struct mapping mapping = { 0 };

	while (inspect_next_mapping(virt_to_phys(stage2->root), stage2->levels, stage2->root_pages,
				    &mapping)) {
		/* Tables of stage 2 have no rights of their own. */
		struct cl_inspect_record record = {
			.kind = CL_INSPECT_MEMORY,
			.cell = cell->id,
			.start = mapping.virt,
			.size = mapping.size,
			.target = mapping.phys,
			.access = (mapping.set_in_any & S2_READ ? CL_MEM_READ : 0) |
				  (mapping.set_in_any & S2_WRITE ? CL_MEM_WRITE : 0) |
				  (mapping.set_in_any & S2_XN ? 0 : CL_MEM_EXECUTE),
		};

		inspect_add(inspection, &record);
		mapping.virt += mapping.size;
	}
}

int arch_inspect_cell(struct inspection *inspection, const struct cell *cell)
{
	inspect_pci(inspection, cell);
	inspect_memory(inspection, cell);
	gic_inspect(inspection, cell);
	if (cell == &root_cell)
		smmu_inspect(inspection);
	return 0;
}

void arch_inspect_hypervisor(struct inspection *inspection)
{
	for_each_cpu(i) {
		uint64_t top =
			hv_phys + image_header.core_size + (i * AREA_PAGES + AREA_L0) * PAGE_SIZE;
		struct mapping mapping = { 0 };

		while (inspect_next_mapping(top, 4, 1, &mapping)) {
			struct cl_inspect_record record = {
				.kind = mapping.virt - LOCAL_GICR < LOCAL_END - LOCAL_GICR ||
							mapping.virt - DEVICE_BASE < DEVICE_SIZE
						? CL_INSPECT_HV_WINDOW
						: CL_INSPECT_HV_MAPPING,
				.cell = CL_NO_CELL,
				.start = mapping.virt,
				.size = mapping.size,
				.target = mapping.phys,
				.access = CL_MEM_READ |
					  (mapping.set_in_any & PTE_RO ? 0 : CL_MEM_WRITE) |
					  (mapping.set_in_any & PTE_XN ? 0 : CL_MEM_EXECUTE),
				.index = i,
			};

			inspect_add(inspection, &record);
			mapping.virt += mapping.size;
		}
	}
}
