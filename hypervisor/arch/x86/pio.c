// SPDX-License-Identifier: GPL-2.0
/* I/O ports that do not go straight to the hardware. */
#include <audit.h>
#include <vendor.h>
#include <x86.h>
#include <cloister/ports.h>

#define IO_BITMAP_BYTES 12288 /* APM 15.10.1; the last page covers accesses that wrap at 0xffff */

#define COM1	   0x3f8
#define COM1_PORTS 8

static void set_intercept(unsigned char *bitmap, unsigned int port, bool intercept)
{
	if (intercept)
		bitmap[port / 8] |= (unsigned char)(1 << port % 8);
	else
		bitmap[port / 8] &= (unsigned char)~(1 << port % 8);
}

void pio_init_cell(struct cell *cell)
{
	const struct cl_section *section = cl_find_section(cell->config, CL_SEC_PIO);
	unsigned char *bitmap = cell->arch.io_bitmap;

	memset(bitmap, 0xff, IO_BITMAP_BYTES);
	for (uint32_t i = 0; section && i < section->count; i++) {
		struct cl_pio range;

		cl_get_entry(section, i, &range, sizeof(range));
		for (uint32_t port = range.base; port < range.base + range.length; port++)
			set_intercept(bitmap, port, false);
	}
	/* Address and data port of the PCI configuration space work only as a pair, one user at a
	 * time. */
	for (unsigned int port = PCI_ADDRESS; port < PCI_DATA + 4; port++)
		set_intercept(bitmap, port, true);
	/* A port that another cell has is not root's while it has it. */
	if (cell->config->flags & CL_CELL_VUART)
		for (unsigned int port = COM1; port < COM1 + COM1_PORTS; port++)
			set_intercept(bitmap, port, true);
}

/* Ports of a new cell leave root, and come back with its end. */
void pio_move(const struct cell *cell, bool to_cell)
{
	const struct cl_section *section = cl_find_section(cell->config, CL_SEC_PIO);

	for (uint32_t i = 0; section && i < section->count; i++) {
		struct cl_pio range;

		cl_get_entry(section, i, &range, sizeof(range));
		for (uint32_t port = range.base; port < range.base + range.length; port++)
			if (port < PCI_ADDRESS || port >= PCI_DATA + 4)
				set_intercept(root_cell.arch.io_bitmap, port, to_cell);
	}
}

/* Ports that root does not have: each access is recorded. */
static bool allowed_for_root(uint16_t port, bool in)
{
	return audit_access(CL_AUDIT_PORT, port, in ? CL_AUDIT_READ : CL_AUDIT_WRITE,
			    guest_rip()) == AUDIT_ALLOW;
}

/* Give root the ports, so that it tries again. */
static bool open_for_root(uint16_t port, unsigned int size, bool in)
{
	if (port + size > PCI_ADDRESS && port < PCI_DATA + 4)
		return false;
	for (unsigned int i = 0; i < size; i++)
		if (!allowed_for_root((uint16_t)(port + i), in))
			return false;
	for (unsigned int i = 0; i < size; i++)
		set_intercept(root_cell.arch.io_bitmap, (uint16_t)(port + i), false);
	return true;
}

bool pio_string_access(uint16_t port, unsigned int size, bool in)
{
	local->exits[CL_EXIT_PIO]++;
	if (local->cpu->cell == &root_cell)
		return open_for_root(port, size, in);
	cell_denied("string access to port", port, 0);
	return false;
}

/* Each of these is a function of its own so that the frequent ways through pio_access() are short. */

static __attribute__((noinline)) void native_access(uint16_t port, unsigned int size, bool in,
						    uint32_t *value)
{
	if (in)
		*value = port_in(port, size);
	else
		port_out(port, size, *value);
}

static __attribute__((noinline)) void log_refused(uint16_t port, bool in, uint32_t value)
{
	cell_denied(in ? "read of port" : "write to port", port, in ? 0 : value);
}

/* Nobody there, as far as this cell can see. */
static inline void refuse(const struct cell *cell, uint16_t port, bool in, uint32_t *value)
{
	if (in)
		*value = ~0U;
	if (unlikely(READ_ONCE(cell->denied) < DENIED_LINES))
		log_refused(port, in, *value);
}

static __attribute__((noinline)) void root_access(uint16_t port, unsigned int size, bool in,
						  uint32_t *value)
{
	if (allowed_for_root(port, in))
		native_access(port, size, in, value);
	else if (in)
		*value = ~0U;
}

static __attribute__((noinline)) void uart_access(struct cell *cell, uint16_t port,
						  unsigned int size, bool in, uint32_t *value)
{
	/* Wider accesses are to several 8-bit registers; nobody uses them. */
	if (in)
		*value = size == 1 ? uart_read(&cell->uart, port - COM1) : ~0U;
	else if (size == 1)
		uart_write(&cell->uart, port - COM1, (uint8_t)*value);
}

#define PCI_ENABLE BIT(31)

static struct lock pci_lock; /* the hardware's port pair */

/* Beyond the first 256 bytes only ECAM reaches. */
uint32_t arch_pci_access(uint32_t bdf, unsigned int offset, unsigned int size, bool write,
			 uint32_t value)
{
	if (offset >= 0x100)
		return pci_ecam_access(bdf, offset, size, write, value);
	lock_take(&pci_lock);
	port_out(PCI_ADDRESS, 4, (uint32_t)PCI_ENABLE | bdf << 8 | (offset & 0xfc));
	if (write)
		port_out((uint16_t)(PCI_DATA + (offset & 3)), size, value);
	else
		value = port_in((uint16_t)(PCI_DATA + (offset & 3)), size);
	lock_drop(&pci_lock);
	return value;
}

/*
 * The ports by which a cell asks for its end. Reset: the chipsets' RST_CNT, bit 2; sleep control:
 * SLP_EN and the type in bits 4:2 (ACPI 6.5, table 4.22). Nothing else is there.
 */
#define RESET_CPU	  BIT(2)
#define SLEEP_ENABLE	  BIT(5)
#define SLEEP_TYPE(value) ((value) >> 2 & 7)

static bool power_access(uint16_t port, uint32_t value)
{
	if (port == CL_PORT_RESET && value & RESET_CPU)
		cell_end_after_exit(CL_STATE_RESET);
	else if (port == CL_PORT_SLEEP_CONTROL && value & SLEEP_ENABLE &&
		 SLEEP_TYPE(value) == CL_SLEEP_TYPE_OFF)
		cell_end_after_exit(CL_STATE_SHUT_DOWN);
	else
		return port == CL_PORT_SLEEP_STATUS;
	return true;
}

/* Ports 0xcf8 to 0xcff, but for the address as a whole */
static __attribute__((noinline)) void pci_access(struct cell *cell, uint16_t port,
						 unsigned int size, bool in, uint32_t *value)
{
	uint32_t address = cell->arch.pci_address;

	if (port >= PCI_DATA && address & BIT(31)) {
		uint32_t bdf = address >> 8 & 0xffff;
		unsigned int offset = (address & 0xfc) + (port & 3);

		if (in)
			*value = pci_config_read(cell, bdf, offset, size);
		else
			pci_config_write(cell, bdf, offset, size, *value);
	} else if (cell == &root_cell && port + size <= PCI_DATA) {
		/*
		 * Bytes 0xcf9 to 0xcfb: the reset register of many chipsets. Not the data port:
		 * behind that is the function that was accessed last, by whomever.
		 */
		native_access(port, size, in, value);
	} else if (in || size != 1 || !power_access(port, *value)) {
		refuse(cell, port, in, value);
	}
}

void pio_access(uint16_t port, unsigned int size, bool in, uint32_t *value)
{
	struct cell *cell = local->cpu->cell;

	if (port >= PCI_ADDRESS && port < PCI_DATA + 4) {
		local->exits[CL_EXIT_PCI]++;
		if (port != PCI_ADDRESS || size != 4)
			pci_access(cell, port, size, in, value);
		else if (in)
			*value = cell->arch.pci_address;
		else
			cell->arch.pci_address = *value;
		return;
	}
	local->exits[CL_EXIT_PIO]++;
	if (unlikely((uint16_t)(port - COM1) < COM1_PORTS) && cell->config->flags & CL_CELL_VUART)
		uart_access(cell, port, size, in, value);
	else if (unlikely(cell == &root_cell))
		root_access(port, size, in, value);
	else
		refuse(cell, port, in, value);
}
