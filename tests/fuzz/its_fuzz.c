// SPDX-License-Identifier: GPL-2.0
/*
 * An ITS and a root that gives it commands and writes to its tables. The memory that root has is an
 * array; a model of the ITS executes what is in the queue between GITS_CREADR and GITS_CWRITER, at
 * times that the input chooses, and complains of commands that reach beyond root. Tables that it
 * reads must be as they were set up.
 *
 * Input: a byte of flags, then operations of 16 bytes.
 */
#include "fuzz.h"
#include <arm64.h>
#include <mmio.h>
#include "../host/arm64/machine.h"
#include "../unit/config_builder.h"

#define ROOTS	 3 /* CPUs of root; the last one is a cell's */
#define RAM	 0x40000000UL
#define RAM_SIZE 0x100000UL
#define ITS	 0x8080000UL
#define REDIST	 0x80a0000UL
#define STRIDE	 0x20000UL

#define QUEUE	   RAM
#define QUEUE_SIZE 0x2000UL
#define LINKS	   (RAM + 0x10000) /* devices, two levels */
#define LINKED	   (RAM + 0x20000) /* the first one of the second level */
#define FLAT	   (RAM + 0x30000) /* collections */
#define TABLE_SIZE 0x1000UL
#define VALID	   (1ULL << 63)

#define CTLR	0x00
#define TYPER	0x08
#define CBASER	0x80
#define CWRITER 0x88
#define CREADR	0x90
#define BASER	0x100
#define OFFSET	0xfffe0UL

static struct cl_cpu_info cpu_infos[MACHINE_CPUS];
static struct cl_cell_info cell_infos[2];
static struct cell other_cell;
static struct blob blob;

static uint8_t ram[RAM_SIZE] __attribute__((aligned(PAGE_SIZE)));
static uint8_t flat_before[TABLE_SIZE], linked_before[TABLE_SIZE], links_before[TABLE_SIZE];
static uint64_t registers[0x10000 / 8];
static bool read_only[RAM_SIZE / PAGE_SIZE];

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc;
	(void)argv;
	machine_map_local();
	return 0;
}

static bool in_ram(uint64_t phys)
{
	return phys - RAM < RAM_SIZE;
}

volatile void *map_device(unsigned int page, uint64_t phys)
{
	require(page == DEVICE_PAGE_ITS && phys == ITS, "%u, %#lx", page, phys);
	return registers;
}

void *arch_window(uint64_t phys)
{
	require(in_ram(phys) && !(phys % PAGE_SIZE), "a window on %#lx", phys);
	return ram + (phys - RAM);
}

void arch_window_close(void)
{
}

uint64_t arch_translate(const struct cell *cell, uint64_t virt, uint64_t access)
{
	require(cell == &root_cell, "another cell");
	if (!in_ram(virt) || (access & CL_MEM_WRITE && read_only[(virt - RAM) / PAGE_SIZE]))
		return ~0UL;
	return virt;
}

int arch_map(struct cell *cell, const struct cl_memory *region)
{
	require(cell == &root_cell && region->flags == CL_MEM_READ && region->phys == region->virt,
		"%#lx, flags %#lx", region->phys, region->flags);
	for (uint64_t at = region->phys; at < region->phys + region->size; at += PAGE_SIZE) {
		require(in_ram(at), "%#lx is mapped", at);
		read_only[(at - RAM) / PAGE_SIZE] = true;
	}
	return 0;
}

bool arch_access_registers(uint64_t address, bool write, unsigned int size, uint64_t *value)
{
	require(!write && address - ITS + size <= sizeof(registers), "%#lx, %u", address, size);
	*value = 0;
	memcpy(value, (char *)registers + (address - ITS), size);
	return true;
}

void cell_denied_slow(struct cell *cell, const char *what, uint64_t address, uint64_t value)
{
	(void)what;
	(void)address;
	(void)value;
	cell->denied++;
}

/* The CPU whose redistributor a command names: MACHINE_CPUS, if there is none. */
static unsigned int named(uint64_t word)
{
	uint64_t field = word >> 16 & 0x7ffffffff;

	for (unsigned int i = 0; i < MACHINE_CPUS; i++)
		if (field == (registers[TYPER / 8] & 1 << 19 ? (REDIST + i * STRIDE) >> 16 : i))
			return i;
	return MACHINE_CPUS;
}

/* What the ITS does: IHI 0069, 5.3. */
static void execute(const uint64_t *command)
{
	uint64_t itt, entry = (registers[TYPER / 8] >> 4 & 0xf) + 1;

	switch (command[0] & 0xff) {
	case 0x01: /* MOVI, INT, CLEAR, MAPTI, MAPI, INV, INVALL, DISCARD */
	case 0x03:
	case 0x04:
	case 0x0a ... 0x0d:
	case 0x0f:
		return;
	case 0x05:
		require(named(command[2]) < MACHINE_CPUS, "SYNC to %#lx", command[2]);
		return;
	case 0x09:
		require(!(command[2] & VALID) || named(command[2]) < ROOTS, "MAPC to %#lx",
			command[2]);
		return;
	case 0x0e:
		require(named(command[2]) < ROOTS && named(command[3]) < ROOTS,
			"MOVALL from %#lx to %#lx", command[2], command[3]);
		return;
	case 0x08:
		if (!(command[2] & VALID))
			return;
		itt = command[2] & 0x000fffffffffff00;
		for (uint64_t i = 0; i < 2ULL << (command[1] & 0x1f); i++)
			for (uint64_t byte = 0; byte < entry; byte++) {
				uint64_t at = itt + i * entry + byte;

				require(in_ram(at) && !read_only[(at - RAM) / PAGE_SIZE],
					"an ITT at %#lx", at);
			}
		return;
	default:
		require(false, "command %#lx", command[0]);
	}
}

static void run(unsigned int commands)
{
	for (; commands && registers[CREADR / 8] != (registers[CWRITER / 8] & OFFSET); commands--) {
		execute((const uint64_t *)(ram + (QUEUE - RAM) + registers[CREADR / 8]));
		registers[CREADR / 8] = (registers[CREADR / 8] + 32) % QUEUE_SIZE;
	}
}

static void check_tables(void)
{
	require(!memcmp(ram + (FLAT - RAM), flat_before, TABLE_SIZE), "the collections");
	require(!memcmp(ram + (LINKED - RAM), linked_before, TABLE_SIZE), "the devices");
	require(!memcmp(ram + (LINKS - RAM), links_before, TABLE_SIZE), "links to tables");
}

static void set_up(uint8_t flags)
{
	struct cl_gic gic = { .version = 3, .its_phys = { ITS } };

	memset(ram, 0, sizeof(ram));
	memset(registers, 0, sizeof(registers));
	memset(read_only, 0, sizeof(read_only));
	memset(ram + (FLAT - RAM), 0x11, TABLE_SIZE);
	memset(ram + (LINKED - RAM), 0x22, TABLE_SIZE);
	*(uint64_t *)(ram + (LINKS - RAM)) = LINKED | VALID;
	registers[TYPER / 8] = (flags & 1 ? 1 << 19 : 0) | (flags & 2 ? 15 << 4 : 7 << 4);
	registers[CBASER / 8] = VALID | QUEUE | (QUEUE_SIZE / PAGE_SIZE - 1);
	registers[CWRITER / 8] = registers[CREADR / 8] = flags >> 4 << 9;
	registers[BASER / 8] = VALID | 1ULL << 62 | 1ULL << 56 | LINKS;
	registers[BASER / 8 + 1] = VALID | 4ULL << 56 | FLAT;
	memcpy(flat_before, ram + (FLAT - RAM), TABLE_SIZE);
	memcpy(linked_before, ram + (LINKED - RAM), TABLE_SIZE);
	memcpy(links_before, ram + (LINKS - RAM), TABLE_SIZE);

	blob_begin(&blob, "machine", CL_CELL_ROOT, 0);
	memset(&root_cell, 0, sizeof(root_cell));
	memset(cell_infos, 0, sizeof(cell_infos));
	root_cell.config = (const struct cl_config *)blob.bytes;
	root_cell.info = &cell_infos[0];
	other_cell.info = &cell_infos[1];
	for (unsigned int i = 0; i < MACHINE_CPUS; i++) {
		cpus[i].id = i;
		cpus[i].cell = i < ROOTS ? &root_cell : &other_cell;
		cpus[i].cell->info->cpus[0] |= BIT(i);
		cpus[i].arch.redist_phys = REDIST + i * STRIDE;
		cpus[i].arch.redist_number = (uint16_t)i;
	}
	local->cpu = &cpus[1];
	local->exits = cpu_infos[1].exits;
	require(!its_init(&gic), "its_init");
}

/* One access by root: what it has of memory is done there, the rest comes to the hypervisor. */
static void access(uint64_t address, bool write, unsigned int size, uint64_t value)
{
	if (in_ram(address) && in_ram(address + size - 1) &&
	    (!write || (!read_only[(address - RAM) / PAGE_SIZE] &&
			!read_only[(address + size - 1 - RAM) / PAGE_SIZE]))) {
		if (write)
			memcpy(ram + (address - RAM), &value, size);
		return;
	}
	(void)its_access(address, write, size, &value);
}

/* Places that matter are met more often than by chance. */
static uint64_t place(uint8_t kind, uint32_t offset)
{
	static const uint64_t bases[] = { QUEUE, LINKS, LINKED, FLAT, RAM, ITS, RAM + RAM_SIZE - 16,
					  0 };

	return bases[kind % 8] + offset % (kind % 8 == 4   ? RAM_SIZE
					   : kind % 8 == 5 ? 0x200
							   : 0x2000);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input in = { data, data + size };

	set_up((uint8_t)take(&in, 1));
	while (in.at < in.end) {
		uint8_t what = (uint8_t)take(&in, 1), kind = (uint8_t)take(&in, 1);
		uint8_t width = (uint8_t)take(&in, 1), number = (uint8_t)take(&in, 1);
		uint32_t offset = (uint32_t)take(&in, 4);
		uint64_t value = take(&in, 8);

		switch (what % 8) {
		case 0: /* a command's word, where the next one goes */
			offset = (uint32_t)(registers[CWRITER / 8] & OFFSET) + number % 16 * 8;
			access(QUEUE + offset % QUEUE_SIZE, true, 8, value);
			break;
		case 1: /* so many commands are handed over */
			value = ((registers[CWRITER / 8] & OFFSET) + number % 32 * 32) % QUEUE_SIZE;
			access(ITS + CWRITER, true, 8, value);
			break;
		case 2:
			run(number % 32);
			break;
		case 3: /* a link */
			value = RAM + (value & 0xff000) % RAM_SIZE + (number & 1 ? VALID : 0);
			access(LINKS + offset % TABLE_SIZE / 8 * 8, true, 8, value);
			break;
		case 4: /* a command with an address of memory that there is */
			offset = (uint32_t)(registers[CWRITER / 8] & OFFSET);
			access(QUEUE + offset, true, 8, number);
			access(QUEUE + offset + 8, true, 8, kind);
			access(QUEUE + offset + 16, true, 8, VALID | (RAM + value % RAM_SIZE));
			break;
		default:
			access(place(kind, offset), number & 1, 1U << width % 4, value);
		}
		check_tables();
	}
	run(256);
	check_tables();
	return 0;
}
