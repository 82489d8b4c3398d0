// SPDX-License-Identifier: GPL-2.0
#include <arch.h>
#include <audit.h>
#include <mmio.h>
#include <pci.h>

/* Device registers that share a page with others: the cell's config lists them by their bytes. */
static bool subpage_access(const struct cell *cell, uint64_t address, bool write, unsigned int size,
			   uint64_t *value)
{
	struct cl_memory region;

	for_each_region(cell->config, i, region) {
		/* Whole pages are mapped; where they are not, another cell has them now. */
		if (!((region.phys | region.virt | region.size) & ~PAGE_MASK))
			continue;
		if (!(region.flags & CL_MEM_IO) || address < region.virt ||
		    address + size > region.virt + region.size)
			continue;
		if (!(region.flags & (write ? CL_MEM_WRITE : CL_MEM_READ)))
			return false;
		address += region.phys - region.virt;
		if (cell == &root_cell && cell_registers_taken(address, size))
			return false;
		return arch_access_registers(address, write, size, value);
	}
	return false;
}

bool mmio_map_for_root(uint64_t address, unsigned int access)
{
	enum audit_answer answer = audit_access(CL_AUDIT_MEMORY, address, access, arch_guest_pc());

	if (answer == AUDIT_ALLOW || answer == AUDIT_MAP)
		answer = audit_map(address);
	return answer != AUDIT_REFUSE;
}

static bool root_access(bool write, uint64_t address, unsigned int size, uint64_t *value)
{
	enum audit_answer answer = audit_access(
		CL_AUDIT_MEMORY, address, write ? CL_AUDIT_WRITE : CL_AUDIT_READ, arch_guest_pc());

	if (answer == AUDIT_STOPPED)
		return false;
	if (answer == AUDIT_MAP && audit_map(address) == AUDIT_AGAIN)
		return false;
	/* The first byte is nobody's; the others can be registers of a cell. */
	if (answer == AUDIT_REFUSE || cell_registers_taken(address, size) ||
	    !arch_access_registers(address, write, size, value))
		*value = ~0UL;
	return true;
}

void mmio_ignore(bool write, uint64_t address, uint64_t *value)
{
	cell_denied(write ? "write to address" : "read of address", address, write ? *value : 0);
	*value = ~0UL;
}

bool mmio_default(uint64_t address, bool write, unsigned int size, uint64_t *value)
{
	struct cpu *cpu = arch_this_cpu();
	struct cell *cell = cpu->cell;

	if (address >= ecam_start && address < ecam_end) {
		cpu->info->exits[CL_EXIT_PCI]++;
		if (size > 4)
			mmio_ignore(write, address, value);
		else if (write)
			pci_write_ecam(cell, address, size, (uint32_t)*value);
		else
			*value = pci_read_ecam(cell, address, size);
		return true;
	}
	cpu->info->exits[CL_EXIT_MMIO]++;
	if (subpage_access(cell, address, write, size, value))
		return true;
	if (cell == &root_cell)
		return root_access(write, address, size, value);
	cell_fail("%s of address 0x%lx that is not the cell's, at 0x%lx", write ? "write" : "read",
		  address, arch_guest_pc());
	return false;
}
