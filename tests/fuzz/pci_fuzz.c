// SPDX-License-Identifier: GPL-2.0
/*
 * PCI configuration space: root and two cells access it by ports and by ECAM while functions change
 * hands, on the machine model. After each access all of the configuration space is compared with
 * what the rules allow.
 *
 * Each cell has two pieces of registers, ports and a CPU. What base addresses read, and which
 * messages (MSI) its functions may send, is worked out here a second time.
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
uint8_t cpu_of_apic_id[256];

static struct blob blobs[3];
static struct cl_cell_info cell_infos[3];
static struct cl_cpu_info cpu_info;
static unsigned char io_bitmaps[3][3 * PAGE_SIZE];
static bool exists[3];
static uint8_t owned[3]; /* by number of the cell: bits of functions[] */
static uint32_t first_bus;
static bool locked;
static unsigned int accessing; /* number of the cell */
static uint8_t before[PRESENT][PAGE_SIZE];

/* By number of the cell; root has none of these. CPU n is that of cell n, its APIC has number n. */
static const struct cl_memory memory[3][2] = {
	[1] = { { 0xd0000000, 0xe0000000, 0x1800, CL_MEM_READ | CL_MEM_IO },
		{ 0x4500000000, 0x2300000000, 0x40000000, CL_MEM_READ | CL_MEM_IO } },
	[2] = { { 0xd0002000, 0xffffe000, 0x1000, CL_MEM_READ | CL_MEM_IO },
		{ 0xd0004010, 0x10, 4, CL_MEM_READ | CL_MEM_IO } },
};
static const struct cl_pio ports[3] = { [1] = { 0xc040, 8 }, [2] = { 0xc080, 0x30 } };

/* Base addresses that were sized last: of which function, and which of them. */
static struct {
	int function;
	uint8_t numbers;
} sized[3];

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

static uint32_t word(const uint8_t *bytes)
{
	return bytes[0] | bytes[1] << 8 | bytes[2] << 16 | (uint32_t)bytes[3] << 24;
}

struct view {
	uint32_t value[6], mask[6], flags[6];
};

/* The base addresses of a function with this header, for a cell that is not root. */
static struct view view(const uint8_t *header)
{
	struct view v = { 0 };

	for (unsigned int i = 0; i < 6; i++) {
		uint32_t low = word(header + 0x10 + 4 * i);
		bool is_port = low & 1, wide = (low & 7) == 4;
		uint64_t where = low & (is_port ? ~3U : ~15U), virt = 0, size = 0;

		if (wide && i == 5)
			break;
		if (wide)
			where |= (uint64_t)word(header + 0x14 + 4 * i) << 32;
		if (is_port && where == ports[accessing].base) {
			virt = where;
			size = ports[accessing].length;
		}
		for (unsigned int j = 0; j < 2 && !is_port && where; j++) {
			if (memory[accessing][j].phys != where)
				continue;
			virt = memory[accessing][j].virt;
			size = memory[accessing][j].size;
		}
		if (size) {
			uint64_t power = is_port ? 4 : 16;

			while (power < size)
				power += power;
			v.flags[i] = is_port ? 1 : low & 15;
			v.value[i] = (uint32_t)virt | v.flags[i];
			v.mask[i] = (uint32_t) ~(power - 1);
			if (wide) {
				v.value[i + 1] = (uint32_t)(virt >> 32);
				v.mask[i + 1] = (uint32_t)(~(power - 1) >> 32);
			} else if (virt >> 32) {
				v.value[i] = v.mask[i] = v.flags[i] = 0;
			}
		}
		i += wide;
	}
	return v;
}

static bool has_view(const uint8_t *header, unsigned int offset)
{
	return accessing && !(header[0x0e] & 0x7f) &&
	       ((offset >= 0x10 && offset < 0x28) || (offset >= 0x30 && offset < 0x34));
}

static bool has_list(const uint8_t *header)
{
	return header[0x06] & 0x10 && (header[0x0e] & 0x7f) != 2;
}

/* Which place in the list of capabilities is the first with this id, or is this one; 0: none. */
static unsigned int capability(const uint8_t *header, unsigned int id, unsigned int place)
{
	unsigned int at = header[0x34] & 0xfc;

	for (unsigned int i = 0; has_list(header) && i < 48 && at >= 0x40; i++) {
		if (place ? at == place : header[at] == id)
			return at;
		at = header[at + 1] & 0xfc;
	}
	return 0;
}

/* What a cell may change in a byte of a function's MSI capability. */
static uint8_t changeable_message(const uint8_t *header, unsigned int offset)
{
	unsigned int at = capability(header, 5, 0), place = offset - at, data, end;

	data = header[at + 2] & 0x80 ? 12 : 8;
	end = header[at + 3] & 1 ? data + 8 : data + 4;
	if (!at || at + end > 0x100 || offset < at || place >= end)
		return 0;
	if (place < 4)
		return place == 2 ? 0x71 : 0;
	if (place == data + 2 || place == data + 3)
		return 0;
	return place == 4 ? 0xfc : 0xff;
}

/* May the function be like this? For the cell `accessing`. */
static bool message_good(const uint8_t *header)
{
	unsigned int at = capability(header, 5, 0), data = at + (header[at + 2] & 0x80 ? 12 : 8);

	if (!(header[at + 2] & 1))
		return true;
	if (header[at + 2] & 0x80 && word(header + at + 8))
		return false;
	/* Fixed or lowest priority, edge, no exception; to the CPU with the cell's number. */
	return (header[at + 2] >> 4 & 7) < 6 && (header[data + 1] & ~0x41) == 0 &&
	       header[data] >= 0x20 && word(header + at + 4) == 0xfee00000 + (accessing << 12);
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
		bool good = true;

		if (target && accessing && access->offset >= 0x40 && access->offset < 0x100) {
			uint8_t after[PAGE_SIZE];

			memcpy(after, before[f], PAGE_SIZE);
			for (unsigned int i = 0; i < access->size; i++) {
				unsigned int at = access->offset + i;
				uint8_t mask = changeable_message(before[f], at);

				after[at] = (uint8_t)((access->value >> 8 * i & mask) |
						      (after[at] & ~mask));
			}
			good = message_good(after);
		}

		if (!target) {
			require(!memcmp(now, before[f], PAGE_SIZE), "function %u has changed", f);
			continue;
		}
		for (unsigned int i = 0; i < PAGE_SIZE; i++) {
			unsigned int place = i - access->offset;
			uint8_t written = (uint8_t)(access->value >> 8 * (place & 3));
			uint8_t mask = !accessing	   ? 0xff
				       : i < 0x40	   ? changeable(i)
				       : good && i < 0x100 ? changeable_message(before[f], i)
							   : 0;
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

/* What a cell that is not root reads in the header and in capabilities. */
static uint32_t expected_read(const struct access *access, unsigned int function)
{
	const uint8_t *header = before[function];
	uint32_t value = 0;

	memcpy(&value, header + access->offset, access->size);
	if (has_view(header, access->offset)) {
		struct view v = view(header);
		unsigned int n = (access->offset - 0x10) / 4;

		value = 0;
		if (n < 6 && sized[accessing].function == (int)function &&
		    sized[accessing].numbers & 1 << n)
			value = v.mask[n] | v.flags[n];
		else if (n < 6)
			value = v.value[n];
		value >>= access->offset % 4 * 8;
	} else if (accessing && access->offset >= 0x40 && access->offset < 0x100 &&
		   (header[access->offset] == 0x01 || header[access->offset] == 0x11 ||
		    header[access->offset] == 0x14) &&
		   access->offset % 4 == 0 && capability(header, 0, access->offset)) {
		value &= ~0xffU;
	}
	return value;
}

/* A write to a base address is for the next reads only. */
static void note_sizing(const struct access *access, unsigned int function)
{
	unsigned int n = (access->offset - 0x10) / 4;
	struct view v = view(before[function]);
	uint32_t mask;

	if (!has_view(before[function], access->offset) || n >= 6)
		return;
	if (sized[accessing].function != (int)function)
		sized[accessing].numbers = 0;
	sized[accessing].function = (int)function;
	sized[accessing].numbers &= (uint8_t) ~(1 << n);
	mask = v.mask[n] ? v.mask[n] : 0xffffffff;
	if (access->size == 4 && !(~access->value & mask))
		sized[accessing].numbers |= (uint8_t)(1 << n);
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
	if (access->write) {
		if (allowed && function >= 0 && function < PRESENT)
			note_sizing(access, (unsigned int)function);
		return;
	}
	if (allowed && function >= 0 && function < PRESENT)
		expected = expected_read(access, (unsigned int)function);
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

/* Two bytes of the input; some of them stand for what a random number would not hit. */
static uint32_t some_value(struct input *in)
{
	static const uint32_t values[] = { 0xffffffff, 0xfffffff0, 0xe0000000, 0x00010000,
					   0x00510000, 0x00410041, 0xfee01000, 0xfee02000,
					   0xd0000000, 0xd0002008, 0x45,       0xc041 };
	uint32_t number = (uint32_t)take(in, 2);

	if (number >> 8 == 0xa5)
		return values[number % (sizeof(values) / sizeof(values[0]))];
	return number * 0x10001U;
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
	access.value = some_value(in);
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
	access.value = some_value(in);
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
	/* As at a cell's start and end. */
	pci_stop(by_number[number]);
	by_number[number]->pci_sizing = 0;
	sized[number].numbers = 0;
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
	if (number) {
		BLOB_ADD(&blobs[number], CL_SEC_MEMORY, memory[number]);
		blob_add(&blobs[number], CL_SEC_PIO, sizeof(ports[0]), 1, &ports[number]);
	}
	cell_infos[number].cpus[0] = BIT(number);
	by_number[number]->info = &cell_infos[number];
	by_number[number]->pci_sizing = 0;
	sized[number].numbers = 0;
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
	memset(cpu_of_apic_id, 0xff, sizeof(cpu_of_apic_id));
	for (unsigned int i = 0; i < 3; i++) {
		cpu_of_apic_id[i] = (uint8_t)i;
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
	/* Base addresses that a cell has, or that the other one has; MSI in two forms. */
	for (unsigned int f = 0; f < PRESENT; f += 4) {
		static const uint32_t bases[2][6] = {
			{ 0xd0000000, 0xc041, 0x0000000c, 0x45, 0xd0002008, 0xc081 },
			{ 0xd0002004, 0, 0xd0004010, 0xd0000004, 1, 0xd0000004 },
		};
		static const uint8_t message[2] = { 0x80, 0x00 };

		memcpy(registers(f) + 0x10, bases[f / 4], sizeof(bases[0]));
		registers(f)[0x06] |= 0x10;
		registers(f)[0x34] = 0x40;
		memcpy(registers(f) + 0x40, "\x11\x50\x03\x00", 4);
		memcpy(registers(f) + 0x50, "\x05\x70\x0a\x01", 4);
		registers(f)[0x52] |= message[f / 4];
		/* Already one that the first cell may send */
		memcpy(registers(f) + 0x54, "\x00\x10\xe0\xfe\x00\x00\x00\x00", 8);
		memcpy(registers(f) + (f ? 0x58 : 0x5c), "\x41\x00", 2);
		memcpy(registers(f) + 0x70, "\x01\x40\x00\x00", 4);
	}

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
