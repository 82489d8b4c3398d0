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
 * What a cell may write in the header of its own function (PCI Local Bus 3.0, 6.1), by byte. Of
 * base addresses it has a view of its own (see_bar()); of capabilities it may write MSI.
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

#define BARS	    0x10
#define BAR_COUNT   6
#define BAR_IO	    BIT(0)
#define BAR_TYPE    0x06U
#define BAR_64_BIT  0x04U
#define BAR_FLAGS   0x0fU
#define ROM_ADDRESS 0x30

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

/* A base address register as a cell sees it. All zero: there is none. */
struct bar {
	uint32_t value; /* flags included */
	uint32_t mask;	/* bits of the address that a device lets one write */
	uint32_t flags; /* what value has below the address */
};

/* The cell's ports that begin where the hardware's register says; 0: none. */
static uint64_t ports_at(const struct cell *cell, uint32_t base)
{
	const struct cl_section *section = cl_find_section(cell->config, CL_SEC_PIO);
	struct cl_pio range;

	for (uint32_t i = 0; section && i < section->count; i++) {
		cl_get_entry(section, i, &range, sizeof(range));
		if (range.base == base)
			return range.length;
	}
	return 0;
}

/* The same for registers in memory, and where the cell has them. */
static uint64_t registers_at(const struct cell *cell, uint64_t phys, uint64_t *virt)
{
	const struct cl_section *section = cl_find_section(cell->config, CL_SEC_MEMORY);
	struct cl_memory region;

	for (uint32_t i = 0; section && i < section->count; i++) {
		cl_get_entry(section, i, &region, sizeof(region));
		if (region.flags & CL_MEM_IO && region.phys == phys) {
			*virt = region.virt;
			return region.size;
		}
	}
	return 0;
}

/*
 * The base addresses of a cell's function (PCI Local Bus 3.0, 6.2.5.1) are where its config has
 * them: a region with CL_MEM_IO, or ports, that begin where the hardware's register says. Others
 * are not there. The size is that of the region, rounded up to a power of two. The hardware's
 * registers are never written.
 */
static struct bar see_bar(const struct cell *cell, uint32_t bdf, unsigned int number)
{
	unsigned int first = 0;
	uint64_t address = 0, size, least = 16;
	struct bar bar = { 0 };
	uint32_t low;
	bool wide;

	/* Of a 64-bit address the next register is the upper half. */
	for (;;) {
		low = hardware(bdf, BARS + 4 * first, 4, false, 0);
		wide = !(low & BAR_IO) && (low & BAR_TYPE) == BAR_64_BIT;
		if (number <= first + wide)
			break;
		first += 1U + wide;
	}
	if (first + wide >= BAR_COUNT)
		return bar;
	if (low & BAR_IO) {
		address = low & ~3U;
		size = ports_at(cell, (uint32_t)address);
		bar.flags = BAR_IO;
		least = 4;
	} else {
		uint64_t phys = low & ~BAR_FLAGS;

		if (wide)
			phys |= (uint64_t)hardware(bdf, BARS + 4 * first + 4, 4, false, 0) << 32;
		size = phys ? registers_at(cell, phys, &address) : 0;
		bar.flags = low & BAR_FLAGS;
	}
	while (size && least < size)
		least *= 2;
	if (!size || (!wide && address + least > BIT(32)))
		return (struct bar){ 0 };
	if (number > first) {
		bar.flags = 0;
		bar.value = (uint32_t)(address >> 32);
		bar.mask = (uint32_t)(-least >> 32);
	} else {
		bar.value = (uint32_t)address | bar.flags;
		bar.mask = (uint32_t)-least;
	}
	return bar;
}

/* Kernels learn a size by writing ones and reading them back, one function at a time. */
static bool is_sized(const struct cell *cell, uint32_t bdf, unsigned int number)
{
	uint32_t sizing = READ_ONCE(cell->pci_sizing);

	return sizing >> 8 == bdf && sizing & 1U << number;
}

static bool is_type_0(uint32_t bdf)
{
	return !(hardware(bdf, HEADER_TYPE, 1, false, 0) & 0x7f);
}

static bool is_bar(unsigned int offset)
{
	return offset >= BARS && offset < BARS + 4 * BAR_COUNT;
}

/* The register around offset. */
static uint32_t read_bar(const struct cell *cell, uint32_t bdf, unsigned int offset)
{
	unsigned int number = (offset - BARS) / 4;
	struct bar bar = see_bar(cell, bdf, number);

	return is_sized(cell, bdf, number) ? bar.mask | bar.flags : bar.value;
}

/* Nothing is written. False: this would have moved it. */
static bool write_bar(struct cell *cell, uint32_t bdf, unsigned int offset, unsigned int size,
		      uint32_t value)
{
	unsigned int number = (offset - BARS) / 4;
	struct bar bar = see_bar(cell, bdf, number);
	uint32_t mask = bar.mask ? bar.mask : ~0U, sizing = READ_ONCE(cell->pci_sizing);
	bool ones = size == 4 && (value & mask) == mask;

	if (sizing >> 8 != bdf)
		sizing = bdf << 8;
	sizing &= ~(1U << number);
	WRITE_ONCE(cell->pci_sizing, sizing | (uint32_t)ones << number);
	return ones || (size == 4 && !((value ^ bar.value) & mask));
}

#define STATUS		    0x06
#define STATUS_CAPABILITIES BIT(4)
#define CAPABILITIES	    0x34
#define CAPABILITY_POWER    0x01
#define CAPABILITY_MSI	    0x05
#define CAPABILITY_MSIX	    0x11
#define CAPABILITY_EA	    0x14
#define MAX_CAPABILITIES    48 /* as many as fit behind the header */

/* A place in a function's list of capabilities, which the device could have made endless. */
struct capability {
	unsigned int place, next, left;
	uint32_t head; /* the word at place */
};

static struct capability capabilities(uint32_t bdf)
{
	if (!(hardware(bdf, STATUS, 2, false, 0) & STATUS_CAPABILITIES) ||
	    (hardware(bdf, HEADER_TYPE, 1, false, 0) & 0x7f) == HEADER_CARDBUS)
		return (struct capability){ 0 };
	return (struct capability){ .next = hardware(bdf, CAPABILITIES, 1, false, 0) & 0xfc,
				    .left = MAX_CAPABILITIES };
}

static bool next_capability(uint32_t bdf, struct capability *c)
{
	if (!c->left || c->next < 0x40)
		return false;
	c->left--;
	c->place = c->next;
	c->head = hardware(bdf, c->place, 4, false, 0);
	c->next = c->head >> 8 & 0xfc;
	return true;
}

/*
 * Capabilities that a cell cannot use read as the Null Capability, so that no driver waits for what
 * does not come: MSI-X, whose messages are in the device's memory, unchecked; power management;
 * addresses that are not in the base address registers (Enhanced Allocation).
 */
static bool is_hidden(uint32_t bdf, unsigned int offset, uint32_t id)
{
	struct capability c;

	if (id != CAPABILITY_MSIX && id != CAPABILITY_POWER && id != CAPABILITY_EA)
		return false;
	c = capabilities(bdf);
	while (next_capability(bdf, &c))
		if (c.place == offset)
			return true;
	return false;
}

#define MSI_ENABLE	   BIT(0) /* of the 16 bits of control */
#define MSI_MULTIPLE(word) ((word) >> 4 & 7)
#define MSI_MULTIPLE_MAX   5 /* 32 messages */
#define MSI_64_BIT	   BIT(7)
#define MSI_MASKABLE	   BIT(8)
#define MSIX_ENABLE	   BIT(15)

/* Where the parts of an MSI capability are (PCI Local Bus 3.0, 6.8.1). */
struct msi {
	unsigned int place;
	unsigned int data; /* 2 bytes; the address is between this and 4 bytes behind place */
	unsigned int mask; /* 4 bytes; 0: none */
};

/* A function has at most one. */
static bool find_msi(uint32_t bdf, struct msi *msi)
{
	struct capability c = capabilities(bdf);

	while (next_capability(bdf, &c)) {
		uint32_t control = c.head >> 16;

		if ((c.head & 0xff) != CAPABILITY_MSI)
			continue;
		msi->place = c.place;
		msi->data = c.place + (control & MSI_64_BIT ? 12 : 8);
		msi->mask = control & MSI_MASKABLE ? msi->data + 4 : 0;
		return msi->data + 4 <= 0x100 && msi->mask + 4 <= 0x100;
	}
	return false;
}

/* What a cell may write there, by byte. */
static uint8_t msi_writable(const struct msi *msi, unsigned int at)
{
	if (at == msi->place + 2)
		return 0x71; /* enable, multiple message enable */
	if (at == msi->place + 4)
		return 0xfc;
	if ((at > msi->place + 4 && at < msi->data + 2) ||
	    (msi->mask && at >= msi->mask && at < msi->mask + 4))
		return 0xff;
	return 0;
}

struct write {
	unsigned int offset, size;
	uint32_t value;
};

/* The word at `at` as it is after this write, which lies within one word. */
static uint32_t word_after(uint32_t bdf, unsigned int at, const struct write *w)
{
	uint32_t word = hardware(bdf, at, 4, false, 0);
	unsigned int shift = 8 * (w->offset & 3);
	uint32_t bits = ~0U >> (32 - 8 * w->size) << shift;

	return (w->offset & ~3U) == at ? (word & ~bits) | (w->value << shift & bits) : word;
}

/*
 * What would be sent after this write, is it for the cell? The number of the message replaces low
 * bits of the data, 5 at most: vectors from 32 on stay there.
 */
static bool message_allowed(const struct cell *cell, uint32_t bdf, const struct msi *msi,
			    const struct write *w)
{
	uint32_t control = word_after(bdf, msi->place, w) >> 16;
	uint64_t address = word_after(bdf, msi->place + 4, w);

	if (!(control & MSI_ENABLE))
		return true;
	if (MSI_MULTIPLE(control) > MSI_MULTIPLE_MAX)
		return false;
	if (control & MSI_64_BIT)
		address |= (uint64_t)word_after(bdf, msi->place + 8, w) << 32;
	return arch_msi_allowed(cell, address, (uint16_t)word_after(bdf, msi->data, w));
}

/*
 * With the cell's lock: each state that the device is in has been checked as a whole. One access,
 * as halves of old and new address together are a third one. Read-only bits get what they are.
 */
static bool write_msi(const struct cell *cell, uint32_t bdf, struct write w)
{
	uint32_t bits = 0;
	struct msi msi;

	if (!find_msi(bdf, &msi))
		return false;
	for (unsigned int i = 0; i < w.size; i++)
		bits |= (uint32_t)msi_writable(&msi, w.offset + i) << 8 * i;
	if (!bits)
		return false;
	w.value = (w.value & bits) | (hardware(bdf, w.offset, w.size, false, 0) & ~bits);
	if (!message_allowed(cell, bdf, &msi, &w))
		return false;
	hardware(bdf, w.offset, w.size, true, w.value);
	return true;
}

uint32_t pci_config_read(struct cell *cell, uint32_t bdf, unsigned int offset, unsigned int size)
{
	uint32_t value;

	if (!pci_owns(cell, bdf) || !well_formed(offset, size))
		return ~0U;
	if (cell != &root_cell && (is_bar(offset) || (offset & ~3U) == ROM_ADDRESS) &&
	    is_type_0(bdf)) {
		value = is_bar(offset) ? read_bar(cell, bdf, offset) : 0;
		return value >> 8 * (offset & 3) & ~0U >> (32 - 8 * size);
	}
	value = hardware(bdf, offset, size, false, 0);
	if (cell != &root_cell && offset >= 0x40 && offset < 0x100 && !(offset & 3) &&
	    is_hidden(bdf, offset, value & 0xff))
		value &= ~0xffU;
	return value;
}

/*
 * Byte by byte: those that are not the cell's are not written at all, for writing back what they
 * read as clears status bits (PCI Local Bus 3.0, 6.2.3).
 */
static bool write_header(uint32_t bdf, const struct write *w)
{
	bool written = false;

	for (unsigned int i = 0; i < w->size; i++) {
		uint8_t mask = writable[index_nospec(w->offset + i, sizeof(writable))];
		uint32_t old;

		if (!mask)
			continue;
		old = hardware(bdf, w->offset + i, 1, false, 0) & ~(uint32_t)mask;
		hardware(bdf, w->offset + i, 1, true, old | (w->value >> 8 * i & mask));
		written = true;
	}
	return written;
}

/* False: it was refused, which is worth a line in the log. */
static bool write_own(struct cell *cell, uint32_t bdf, const struct write *w)
{
	bool done = false;

	lock_take(&cell->pci_lock);
	if (is_bar(w->offset) && is_type_0(bdf))
		done = write_bar(cell, bdf, w->offset, w->size, w->value);
	else if ((w->offset & ~3U) == ROM_ADDRESS && is_type_0(bdf))
		done = true; /* there is none, whatever is written */
	else if (w->offset < sizeof(writable))
		done = write_header(bdf, w);
	else if (w->offset < 0x100)
		done = write_msi(cell, bdf, *w);
	lock_drop(&cell->pci_lock);
	return done;
}

void pci_config_write(struct cell *cell, uint32_t bdf, unsigned int offset, unsigned int size,
		      uint32_t value)
{
	const struct write w = { offset, size, value };

	if (pci_owns(cell, bdf) && well_formed(offset, size)) {
		if (cell != &root_cell) {
			if (write_own(cell, bdf, &w))
				return;
		} else if (!frozen(bdf, offset, size)) {
			hardware(bdf, offset, size, true, value);
			return;
		}
	}
	cell_denied("PCI configuration write (bdf << 12 | offset)", bdf << 12 | offset, value);
}

#define COMMAND		   0x04
#define COMMAND_BUS_MASTER BIT(2)

/*
 * Clear the enable bits of bus mastering, MSI and MSI-X (PCI Local Bus 3.0, 6.2.2, 6.8.1, 6.8.2). A
 * cell cannot set the last one; if root had left MSI-X on, the cell could have written messages to
 * any CPU into the device's table.
 */
static void stop_device(uint32_t bdf)
{
	struct capability c;

	if (hardware(bdf, 0, 2, false, 0) == 0xffff)
		return; /* not there */
	hardware(bdf, COMMAND, 2, true,
		 hardware(bdf, COMMAND, 2, false, 0) & ~(uint32_t)COMMAND_BUS_MASTER);
	c = capabilities(bdf);
	while (next_capability(bdf, &c)) {
		uint32_t enable = (c.head & 0xff) == CAPABILITY_MSI    ? MSI_ENABLE
				  : (c.head & 0xff) == CAPABILITY_MSIX ? MSIX_ENABLE
								       : 0;

		if (enable)
			hardware(bdf, c.place + 2, 2, true, c.head >> 16 & ~enable);
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
	info.head.ecam_phys = ecam_bus_0;
	info.head.ecam_first_bus = platform->ecam_first_bus;
	info.head.ecam_last_bus = platform->ecam_last_bus;
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
