// SPDX-License-Identifier: GPL-2.0
/*
 * PCI configuration space. Each function belongs to root or to the one cell that its config names.
 * Nobody has ECAM pages mapped: all accesses come here.
 */
#include <arch.h>
#include <pci.h>

uint64_t ecam_start __ro_after_init, ecam_end __ro_after_init;
static uint64_t ecam_bus_0 __ro_after_init; /* where bus 0 would be: MCFG need not begin with it */

/*
 * What a cell may write in the header of its own function (PCI Local Bus 3.0, 6.1), by byte. Base
 * addresses stay where its memory regions say; capabilities are read-only.
 */
static const uint8_t writable[64] = {
	[0x04] = 0x07, /* command: I/O, memory, bus master */
	[0x05] = 0x04, /* command: INTx disable */
	[0x0c] = 0xff, /* cache line size */
	[0x0d] = 0xff, /* latency timer */
	[0x3c] = 0xff, /* interrupt line */
};

bool pci_function(const struct cell *cell, uint32_t index, uint32_t *bdf)
{
	const struct cl_section *section = cl_find_section(cell->config, CL_SEC_PCI);
	struct cl_pci_device device;

	if (!section || index >= section->count)
		return false;
	cl_get_entry(section, index, &device, sizeof(device));
	*bdf = (uint32_t)device.bus << 8 | device.devfn;
	return true;
}

static bool lists(const struct cell *cell, uint32_t bdf)
{
	uint32_t own;

	for (uint32_t i = 0; pci_function(cell, i, &own); i++)
		if (own == bdf)
			return true;
	return false;
}

/*
 * Functions that root does not have at the moment, a bit each: root's CPUs look here while others
 * create and destroy cells.
 */
static uint8_t taken[65536 / 8];

bool pci_owns(const struct cell *cell, uint32_t bdf)
{
	if (cell != &root_cell)
		return lists(cell, bdf);
	return bdf < 65536 && !(taken[index_nospec(bdf / 8, sizeof(taken))] & 1 << bdf % 8);
}

uint32_t pci_ecam_access(uint32_t bdf, unsigned int offset, unsigned int size, bool write,
			 uint32_t value)
{
	uint64_t phys = ecam_bus_0 + ((uint64_t)bdf << 12), value64 = value;

	if (phys < ecam_start || phys >= ecam_end)
		return ~0U;
	/* Well-formed accesses stay within the page. */
	(void)arch_access_registers(phys + offset, write, size, &value64);
	return (uint32_t)value64;
}

static uint32_t hardware(uint32_t bdf, unsigned int offset, unsigned int size, bool write,
			 uint32_t value)
{
	return arch_pci_access(bdf, offset, size, write, value);
}

#define CLASS_BRIDGE	  0x06
#define SUBCLASS_PCI	  0x04
#define HEADER_TYPE	  0x0e
#define HEADER_PCI_BRIDGE 1
#define HEADER_CARDBUS	  2

/*
 * While something is locked, root cannot change which addresses and bus numbers are decoded by
 * what: base addresses, the windows and numbers of bridges (PCI Local Bus 3.0, 6.2.5; PCI-to-PCI
 * Bridge 1.2, 3.2.5), and all of host and ISA bridges, where chipsets keep their address maps. In
 * the extended space there are resizable base addresses and virtual functions.
 */
static bool frozen(uint32_t bdf, unsigned int offset, unsigned int size)
{
	unsigned int class, type, end = offset + size;

	if (!cell_any_locked())
		return false;
	class = hardware(bdf, 0x08, 4, false, 0) >> 16;
	type = hardware(bdf, HEADER_TYPE, 1, false, 0) & 0x7f;
	if (offset >= 0x100 || (class >> 8 == CLASS_BRIDGE && (class & 0xff) != SUBCLASS_PCI))
		return true;
	switch (type) {
	case 0:
		return (end > 0x10 && offset < 0x28) || (end > 0x30 && offset < 0x34);
	case HEADER_PCI_BRIDGE:
		/* Not the secondary latency timer and the secondary status */
		return (end > 0x10 && offset < 0x1b) || (end > 0x1c && offset < 0x1e) ||
		       (end > 0x20 && offset < 0x34) || (end > 0x38 && offset < 0x3c);
	case HEADER_CARDBUS:
		return end > 0x10 && offset < 0x3c;
	default:
		return true;
	}
}

static bool well_formed(unsigned int offset, unsigned int size)
{
	return (size == 1 || size == 2 || size == 4) && offset + size <= 4096 &&
	       (offset & 3) + size <= 4;
}

uint32_t pci_config_read(struct cell *cell, uint32_t bdf, unsigned int offset, unsigned int size)
{
	if (!pci_owns(cell, bdf) || !well_formed(offset, size))
		return ~0U;
	return hardware(bdf, offset, size, false, 0);
}

void pci_config_write(struct cell *cell, uint32_t bdf, unsigned int offset, unsigned int size,
		      uint32_t value)
{
	bool written = false;

	if (pci_owns(cell, bdf) && well_formed(offset, size) &&
	    !(cell == &root_cell && frozen(bdf, offset, size))) {
		if (cell == &root_cell) {
			hardware(bdf, offset, size, true, value);
			return;
		}
		/*
		 * Byte by byte: those that are not the cell's are not written at all, for writing
		 * back what they read as clears status bits (PCI Local Bus 3.0, 6.2.3).
		 */
		for (unsigned int i = 0; i < size && offset + i < sizeof(writable); i++) {
			uint8_t mask = writable[index_nospec(offset + i, sizeof(writable))];
			uint32_t old;

			if (!mask)
				continue;
			old = hardware(bdf, offset + i, 1, false, 0) & ~(uint32_t)mask;
			hardware(bdf, offset + i, 1, true, old | (value >> 8 * i & mask));
			written = true;
		}
	}
	if (!written)
		cell_denied("PCI configuration write (bdf << 12 | offset)", bdf << 12 | offset,
			    value);
}

#define COMMAND		    0x04
#define COMMAND_BUS_MASTER  BIT(2)
#define STATUS		    0x06
#define STATUS_CAPABILITIES BIT(4)
#define CAPABILITIES	    0x34
#define CAPABILITY_MSI	    0x05
#define CAPABILITY_MSIX	    0x11
#define MSI_ENABLE	    BIT(0)
#define MSIX_ENABLE	    BIT(15)
#define MAX_CAPABILITIES    48 /* as many as fit behind the header */

/*
 * Clear the enable bits of bus mastering, MSI and MSI-X (PCI Local Bus 3.0, 6.2.2, 6.8.1, 6.8.2). A
 * cell cannot set the latter two; if root had left MSI-X on, the cell could have written messages
 * to any CPU into the device's table.
 */
static void stop_device(uint32_t bdf)
{
	unsigned int place;

	if (hardware(bdf, 0, 2, false, 0) == 0xffff)
		return; /* not there */
	hardware(bdf, COMMAND, 2, true,
		 hardware(bdf, COMMAND, 2, false, 0) & ~(uint32_t)COMMAND_BUS_MASTER);
	if (!(hardware(bdf, STATUS, 2, false, 0) & STATUS_CAPABILITIES) ||
	    (hardware(bdf, HEADER_TYPE, 1, false, 0) & 0x7f) == HEADER_CARDBUS)
		return;
	place = hardware(bdf, CAPABILITIES, 1, false, 0) & 0xfc;
	for (unsigned int i = 0; i < MAX_CAPABILITIES && place >= 0x40; i++) {
		uint32_t head = hardware(bdf, place, 4, false, 0);
		uint32_t enable = (head & 0xff) == CAPABILITY_MSI    ? MSI_ENABLE
				  : (head & 0xff) == CAPABILITY_MSIX ? MSIX_ENABLE
								     : 0;

		if (enable)
			hardware(bdf, place + 2, 2, true, head >> 16 & ~enable);
		place = head >> 8 & 0xfc;
	}
}

void pci_stop(const struct cell *cell)
{
	uint32_t bdf;

	for (uint32_t i = 0; pci_function(cell, i, &bdf); i++)
		stop_device(bdf);
}

void pci_init(const struct cl_platform *platform)
{
	ecam_bus_0 = platform->ecam_phys;
	ecam_start = ecam_end = 0;
	if (ecam_bus_0) {
		ecam_start = ecam_bus_0 + ((uint64_t)platform->ecam_first_bus << 20);
		ecam_end = ecam_bus_0 + ((uint64_t)(platform->ecam_last_bus + 1) << 20);
	}
}

uint32_t pci_read_ecam(struct cell *cell, uint64_t address, unsigned int size)
{
	uint32_t bdf = (uint32_t)((address - ecam_bus_0) >> 12);

	return pci_config_read(cell, bdf, address & 0xfff, size);
}

void pci_write_ecam(struct cell *cell, uint64_t address, unsigned int size, uint32_t value)
{
	uint32_t bdf = (uint32_t)((address - ecam_bus_0) >> 12);

	pci_config_write(cell, bdf, address & 0xfff, size, value);
}

void pci_move(const struct cell *cell, bool to_cell)
{
	uint32_t bdf;

	for (uint32_t i = 0; pci_function(cell, i, &bdf); i++) {
		if (to_cell)
			taken[bdf / 8] |= (uint8_t)(1 << bdf % 8);
		else
			taken[bdf / 8] &= (uint8_t) ~(1 << bdf % 8);
	}
}
