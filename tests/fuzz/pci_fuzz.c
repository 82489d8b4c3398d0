// SPDX-License-Identifier: GPL-2.0
/*
 * PCI configuration space: root and two cells access it by ports and by ECAM while functions change
 * hands, on the machine model. After each access all of the configuration space is compared with
 * what the rules allow.
 *
 * Input: which functions each cell has (a byte each, a bit for each of functions[]), the first bus
 * that ECAM has and (bit 7) whether something is locked, then operations of 8 bytes.
 */
#include "fuzz.h"
#include <audit.h>
#include "../host/machine.h"
#include "../unit/config_builder.h"

#define BDF(bus, device, function) ((bus) << 8 | (device) << 3 | (function))
#define PRESENT			   6 /* the first ones answer */

static const uint16_t functions[8] = { BDF(0, 0, 0), BDF(0, 2, 0),  BDF(0, 2, 1),  BDF(0, 31, 7),
				       BDF(1, 0, 0), BDF(3, 31, 7), BDF(0, 31, 6), BDF(255, 31, 7) };

static struct cell cell_a, cell_b;
struct cell root_cell;
struct cell *cells[CONFIG_MAX_CELLS];
struct cpu cpus[CONFIG_MAX_CPUS];
unsigned int cpu_count = 1;
struct info_region info;

static struct blob blobs[3];
static struct cl_cpu_info cpu_info;
static unsigned char io_bitmaps[3][3 * PAGE_SIZE];
static bool exists[3];
static uint8_t owned[3]; /* by number of the cell: bits of functions[] */
static uint32_t first_bus;
static bool locked;
static uint8_t before[PRESENT][PAGE_SIZE];

static struct cell *const by_number[3] = { &root_cell, &cell_a, &cell_b };

void cell_end_after_exit(uint32_t state)
{
	(void)state;
}

void arch_uart_line(struct cell *cell, bool active)
{
	(void)cell;
	(void)active;
}

void cpu_relax(void)
{
	require(false, "a lock is taken");
}

void cell_denied_slow(struct cell *cell, const char *what, uint64_t address, uint64_t value)
{
	(void)cell;
	(void)what;
	(void)address;
	(void)value;
}

enum audit_answer audit_access(enum cl_audit_kind kind, uint64_t address, unsigned int access,
			       uint64_t rip)
{
	(void)kind;
	(void)address;
	(void)access;
	(void)rip;
	return AUDIT_REFUSE;
}

bool cell_any_locked(void)
{
	return locked;
}

/* Which of functions[], or -1. */
static int find(uint32_t bdf)
{
	for (int i = 0; i < 8; i++)
		if (functions[i] == bdf)
			return i;
	return -1;
}

/* Number of the cell that has a function: root has all that no cell has. */
static unsigned int owner(uint32_t bdf)
{
	int function = find(bdf);

	for (unsigned int i = 1; i < 3; i++)
		if (function >= 0 && exists[i] && owned[i] & 1 << function)
			return i;
	return 0;
}

static unsigned int accessing; /* number of the cell */

void machine_window(uint64_t phys, bool writable)
{
	uint64_t bdf = (phys - MACHINE_ECAM) >> 12;

	(void)writable;
	require(phys >= MACHINE_ECAM + ((uint64_t)first_bus << 20) &&
			phys < MACHINE_ECAM + ((uint64_t)ECAM_BUSES << 20),
		"window on %#lx", phys);
	require(owner((uint32_t)bdf) == accessing, "cell %u looks at %#lx", accessing, bdf);
}

static uint8_t *registers(unsigned int function)
{
	return machine_ecam + ((uint64_t)functions[function] << 12);
}

/* What a cell may change in a byte of the header; PCI Local Bus 3.0, 6.1 and 6.2. */
static uint8_t changeable(unsigned int offset)
{
	switch (offset) {
	case 0x04: /* command: I/O space, memory space, bus master */
		return 7;
	case 0x05: /* interrupt disable */
		return 4;
	case 0x0c: /* cache line size */
	case 0x0d: /* latency timer */
	case 0x3c: /* interrupt line */
		return 0xff;
	default:
		return 0;
	}
}

struct access {
	uint32_t bdf;
	unsigned int offset, size;
	bool write;
	uint32_t value; /* written, or what was read */
};

/* Registers that say what is decoded where: root leaves them alone while something is locked. */
static bool is_frozen(unsigned int function, unsigned int offset)
{
	const uint8_t *header = before[function];

	if (offset >= 0x100 || (header[0x0b] == 6 && header[0x0a] != 4))
		return true;
	switch (header[0x0e] & 0x7f) {
	case 0:
		return (offset >= 0x10 && offset <= 0x27) || (offset >= 0x30 && offset <= 0x33);
	case 1:
		return (offset >= 0x10 && offset <= 0x33 && offset != 0x1b && offset != 0x1e &&
			offset != 0x1f) ||
		       (offset >= 0x38 && offset <= 0x3b);
	case 2:
		return offset >= 0x10 && offset <= 0x3b;
	default:
		return true;
	}
}

static bool touches_frozen(const struct access *access)
{
	int function = find(access->bdf);

	if (!locked || accessing || !access->write || function < 0 || function >= PRESENT)
		return false;
	for (unsigned int i = 0; i < access->size; i++)
		if (is_frozen((unsigned int)function, access->offset + i))
			return true;
	return false;
}

/* Bytes of a function before an access that are still there; else it is what the writer may do. */
static void check_bytes(const struct access *access, bool allowed)
{
	for (unsigned int f = 0; f < PRESENT; f++) {
		const uint8_t *now = registers(f);
		bool target = allowed && access->write && functions[f] == access->bdf;

		if (!target) {
			require(!memcmp(now, before[f], PAGE_SIZE), "function %u has changed", f);
			continue;
		}
		for (unsigned int i = 0; i < PAGE_SIZE; i++) {
			unsigned int place = i - access->offset;
			uint8_t written = (uint8_t)(access->value >> 8 * (place & 3));
			uint8_t mask = accessing ? changeable(i) : 0xff;
			uint8_t expected = before[f][i];

			if (place < access->size && i == 7 && !accessing)
				expected &= (uint8_t) ~(written & 0xf9);
			else if (place < access->size)
				expected = (uint8_t)((written & mask) | (expected & ~mask));
			require(now[i] == expected, "function %u, byte %#x: %#x, expected %#x", f,
				i, now[i], expected);
		}
	}
}

/* An access of the cell `accessing` has been made. */
static void check(const struct access *access)
{
	bool aligned = (access->offset & 3) + access->size <= 4;
	bool reachable = access->offset < 0x100 || access->bdf >> 8 >= first_bus;
	bool allowed = owner(access->bdf) == accessing && aligned && reachable;
	uint32_t ones = ~0U >> (32 - 8 * access->size), expected = ones;
	int function = find(access->bdf);

	check_bytes(access, allowed && !touches_frozen(access));
	if (access->write)
		return;
	if (allowed && function >= 0 && function < PRESENT)
		memcpy(&expected, before[function] + access->offset, access->size);
	if (allowed && access->size < 4)
		expected &= ones;
	/* Behind ECAM and on buses without functions the model has memory of zeros. */
	if (allowed && (function < 0 || function >= PRESENT) && access->bdf >> 8 < ECAM_BUSES)
		return;
	require((access->value & ones) == (expected & ones), "read %#x, expected %#x",
		access->value, expected);
}

static void remember(void)
{
	for (unsigned int f = 0; f < PRESENT; f++)
		memcpy(before[f], registers(f), PAGE_SIZE);
}

static uint32_t some_bdf(struct input *in)
{
	uint32_t number = (uint32_t)take(in, 2);

	return number & 0x8000 ? number & 0x3ff : functions[number & 7];
}

/* By the port pair; what is not 0xcf8 as 32 bits and 0xcfc to 0xcff is nothing of ours. */
static void by_ports(struct input *in, bool write)
{
	struct access access = { .write = write };
	uint32_t address;
	uint16_t port;

	access.bdf = some_bdf(in);
	access.offset = (unsigned int)take(in, 1);
	access.size = 1U << take(in, 1) % 3;
	access.value = (uint32_t)take(in, 2) * 0x10001U;
	address = (uint32_t)BIT(31) | access.bdf << 8 | (access.offset & 0xfc);
	port = (uint16_t)(PCI_DATA + (access.offset & 3));
	pio_access(PCI_ADDRESS, 4, false, &address);
	address = 0;
	pio_access(PCI_ADDRESS, 4, true, &address);
	require(address >> 8 == (0x800000 | access.bdf), "0xcf8 reads %#x", address);
	pio_access(port, access.size, !write, &access.value);
	check(&access);
}

static void by_ecam(struct input *in, bool write)
{
	struct access access = { .write = write };
	uint64_t address;

	access.bdf = some_bdf(in);
	access.offset = (unsigned int)take(in, 2);
	access.size = 1U << (access.offset >> 12) % 3;
	access.offset &= 0xfff;
	access.value = (uint32_t)take(in, 2) * 0x10001U;
	address = MACHINE_ECAM + (access.bdf << 12) + access.offset;
	if (address < ecam_start || address >= ecam_end)
		return;
	if (write)
		pci_write_ecam(by_number[accessing], address, access.size, access.value);
	else
		access.value = pci_read_ecam(by_number[accessing], address, access.size);
	check(&access);
}

/* Any port and size; only the registers that an address names can change. */
static void odd_port(struct input *in, bool in_direction)
{
	uint16_t port = (uint16_t)(0xcf0 + take(in, 1) % 24);
	unsigned int size = 1U << take(in, 1) % 3;
	uint32_t value = (uint32_t)take(in, 4), address = by_number[accessing]->arch.pci_address;
	bool data = port >= PCI_DATA && port < PCI_DATA + 4 && address >> 31;
	struct access access = { .bdf = address >> 8 & 0xffff,
				 .offset = (address & 0xfc) + (port & 3),
				 .size = size,
				 .write = !in_direction };

	pio_access(port, size, in_direction, &value);
	access.value = value;
	if (!data)
		access.write = false, access.bdf = ~0U;
	if (data)
		check(&access);
	else
		check_bytes(&access, false);
}

static void give(unsigned int number, bool to_cell)
{
	if (exists[number] == to_cell)
		return;
	pci_move(by_number[number], to_cell);
	exists[number] = to_cell;
}

static void make_blob(unsigned int number)
{
	struct cl_pci_device devices[8];
	unsigned int count = 0;

	for (unsigned int i = 0; i < 8; i++)
		if (owned[number] & 1 << i)
			devices[count++] =
				(struct cl_pci_device){ .bus = (uint8_t)(functions[i] >> 8),
							.devfn = (uint8_t)functions[i] };
	blob_begin(&blobs[number], number ? "cell" : "root", number ? 0 : CL_CELL_ROOT, 0);
	if (count)
		blob_add(&blobs[number], CL_SEC_PCI, sizeof(devices[0]), count, devices);
	by_number[number]->config = &blobs[number].config;
	by_number[number]->arch.pci_address = 0;
	by_number[number]->arch.io_bitmap = io_bitmaps[number];
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct cl_platform platform = { .ecam_phys = MACHINE_ECAM,
					.ecam_last_bus = ECAM_BUSES - 1 };
	struct input in = { data, data + size };

	machine_reset();
	local->cpu = &cpus[0];
	local->exits = cpu_info.exits;
	owned[0] = 0;
	owned[1] = (uint8_t)take(&in, 1);
	owned[2] = (uint8_t)take(&in, 1) & (uint8_t)~owned[1]; /* as cl_check_pair() sees to */
	first_bus = (uint32_t)take(&in, 1);
	locked = first_bus & 0x80;
	first_bus = platform.ecam_first_bus = (first_bus & 0x7f) % ECAM_BUSES;
	for (unsigned int i = 0; i < 3; i++) {
		make_blob(i);
		exists[i] = i == 0;
	}
	pci_init(&platform);
	for (unsigned int f = 0; f < PRESENT; f++)
		for (unsigned int i = 0; i < PAGE_SIZE; i++)
			registers(f)[i] = (uint8_t)(i * 7 + f + 1);
	/* Headers of all types; one host bridge and one bridge to PCI. */
	for (unsigned int f = 0; f < PRESENT; f++)
		registers(f)[0x0e] = (uint8_t)((f & 3) | (f & 1) << 7);
	registers(1)[0x0b] = registers(4)[0x0b] = 6;
	registers(1)[0x0a] = 4;
	registers(4)[0x0a] = 0;

	while (in.at < in.end) {
		unsigned int what = (unsigned int)take(&in, 1);

		accessing = (what >> 3 & 3) % 3;
		cpus[0].cell = by_number[accessing];
		remember();
		switch (what & 7) {
		case 0:
			give(1, what & 8);
			break;
		case 1:
			give(2, what & 8);
			break;
		case 2:
		case 3:
			if (exists[accessing])
				by_ports(&in, what & 1);
			break;
		case 4:
		case 5:
			if (exists[accessing])
				by_ecam(&in, what & 1);
			break;
		default:
			if (exists[accessing])
				odd_port(&in, what & 1);
		}
	}
	give(1, false);
	give(2, false);
	return 0;
}
