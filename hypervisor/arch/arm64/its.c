// SPDX-License-Identifier: GPL-2.0
/*
 * The interrupt translation service (ARM IHI 0069, chapter 5), which turns messages of devices into
 * LPIs. It belongs to root, and is a device that reads and writes memory: whoever can give it any
 * command, or write to its tables, reaches all memory by it. So root's Linux keeps its queue and
 * its tables where they are, and can read them only. What it writes there comes here; each command
 * is looked at when root hands it over and cannot be changed from then on.
 *
 * Not protected is what the ITS keeps for each device (ITT): its entries name LPIs and collections,
 * both root's, and no addresses.
 */
#include <arm64.h>
#include <mmio.h>

#define GITS_FRAME   0x10000
#define GITS_CTLR    0x0000
#define GITS_TYPER   0x0008
#define GITS_CBASER  0x0080
#define GITS_CWRITER 0x0088
#define GITS_CREADR  0x0090
#define GITS_BASER   0x0100 /* eight of them */

#define CTLR_ENABLED	       BIT(0)
#define TYPER_ITT_ENTRY(typer) (((typer) >> 4 & 0xf) + 1)
#define TYPER_PTA	       BIT(19) /* commands name redistributors by address */
#define BASE_VALID	       BIT(63)
#define BASER_INDIRECT	       BIT(62)
#define BASER_TYPE(baser)      ((baser) >> 56 & 7)
#define BASER_PAGE_SIZE(baser) (0x1000UL << 2 * MIN((baser) >> 8 & 3, 2))
#define BASER_PAGES(baser)     (((baser)&0xff) + 1)
#define TABLE_ADDRESS	       0x000ffffffffff000UL /* in GITS_CBASER and links to tables */
#define QUEUE_OFFSET	       0xfffe0UL	    /* GITS_CWRITER, GITS_CREADR */
#define CWRITER_RETRY	       BIT(0)

#define TABLES	     8
#define COMMAND_SIZE 32
#define QUEUE_MAX    0x10000  /* what Linux uses; bounds how long a write to GITS_CWRITER takes */
#define ITT_MAX	     0x100000 /* 65536 events of 16 bytes */

/* Commands, 5.3 */
#define CMD(word0)	  ((word0)&0xff)
#define CMD_MOVI	  0x01
#define CMD_INT		  0x03
#define CMD_CLEAR	  0x04
#define CMD_SYNC	  0x05
#define CMD_MAPD	  0x08
#define CMD_MAPC	  0x09
#define CMD_MAPTI	  0x0a
#define CMD_MAPI	  0x0b
#define CMD_INV		  0x0c
#define CMD_INVALL	  0x0d
#define CMD_MOVALL	  0x0e
#define CMD_DISCARD	  0x0f
#define CMD_TARGET(word)  ((word) >> 16 & 0x7ffffffffUL)
#define CMD_ITT(word2)	  ((word2)&0x000fffffffffff00UL)
#define CMD_EVENTS(word1) (2UL << ((word1)&0x1f))
#define COMMAND_WORDS	  (COMMAND_SIZE / sizeof(uint64_t))

struct table {
	uint64_t phys, size, page_size;
	bool indirect;
};

static struct its {
	uint64_t phys; /* 0: there is none */
	volatile char *registers;
	uint64_t typer;
	struct lock lock; /* the queue, and what root writes to the tables */
	uint64_t queue, queue_size;
	uint64_t given; /* offset in the queue: commands before it have been handed over */
	struct table tables[TABLES];
} services[CL_ITS_MAX];

static uint64_t read64(const struct its *its, unsigned int offset)
{
	return *(volatile uint64_t *)(its->registers + offset);
}

/* Has root all of this memory, for these accesses? */
static bool is_roots(uint64_t phys, uint64_t size, uint64_t access)
{
	for (uint64_t at = phys & PAGE_MASK; at < phys + size; at += PAGE_SIZE)
		if (arch_translate(&root_cell, at, access) != at)
			return false;
	return true;
}

/* Root can read it, and no longer write. */
static int protect(uint64_t phys, uint64_t size)
{
	struct cl_memory region = { .phys = phys, .virt = phys, .size = size, .flags = CL_MEM_READ };

	if (!is_roots(phys, size, CL_MEM_READ))
		return cell_refuse(EINVAL, "GIC", "its_phys", phys, size,
				   "an ITS whose tables are in memory of the root config");
	if (arch_map(&root_cell, &region))
		return cell_refuse(ENOMEM, "platform", "hv_size", info.head.hv_size, 0,
				   "not enough hypervisor memory; enlarge hv_size");
	return 0;
}

static int take_table(struct table *table, uint64_t baser)
{
	uint64_t page_size = BASER_PAGE_SIZE(baser);

	if (!(baser & BASE_VALID) || !BASER_TYPE(baser))
		return 0;
	table->page_size = page_size;
	table->indirect = baser & BASER_INDIRECT;
	table->size = page_size * BASER_PAGES(baser);
	/* With pages of 64 KiB, bits 51 to 48 of the address are in 15 to 12. */
	table->phys = page_size == 0x10000 ? (baser & 0xffffffff0000UL) | (baser & 0xf000) << 36
					   : baser & 0xfffffffff000UL & ~(page_size - 1);
	return protect(table->phys, table->size);
}

static uint64_t second_level(const struct table *table, uint64_t entry)
{
	return entry & TABLE_ADDRESS & ~(table->page_size - 1);
}

static int take_second_level(const struct table *table)
{
	for (uint64_t at = 0; table->indirect && at < table->size; at += sizeof(uint64_t)) {
		const uint64_t *page = arch_window((table->phys + at) & PAGE_MASK);
		uint64_t entry = page[at % PAGE_SIZE / sizeof(uint64_t)];
		int err = entry & BASE_VALID ? protect(second_level(table, entry), table->page_size)
					     : 0;

		if (err)
			return err;
	}
	arch_window_close();
	return 0;
}

static int init_service(struct its *its)
{
	uint64_t base = read64(its, GITS_CBASER);
	int err;

	its->typer = read64(its, GITS_TYPER);
	if (!(base & BASE_VALID))
		return 0; /* Linux does not use it, and cannot begin to */
	its->queue = base & TABLE_ADDRESS;
	its->queue_size = ((base & 0xff) + 1) * PAGE_SIZE;
	its->given = read64(its, GITS_CWRITER) & QUEUE_OFFSET;
	if (its->queue_size > QUEUE_MAX)
		return cell_refuse(EINVAL, "GIC", "its_phys", its->queue_size, QUEUE_MAX,
				   "an ITS with a command queue of at most @ bytes (GITS_CBASER)");
	err = protect(its->queue, its->queue_size);
	for (unsigned int i = 0; i < TABLES && !err; i++) {
		err = take_table(&its->tables[i], read64(its, GITS_BASER + 8 * i));
		if (!err)
			err = take_second_level(&its->tables[i]);
	}
	return err;
}

int its_init(const struct cl_gic *gic)
{
	int err = 0;

	memset(services, 0, sizeof(services));
	for (unsigned int i = 0; i < CL_ITS_MAX && gic->its_phys[i] && !err; i++) {
		services[i].registers = map_device(DEVICE_PAGE_ITS + i, gic->its_phys[i]);
		services[i].phys = gic->its_phys[i];
		err = init_service(&services[i]);
	}
	return err;
}

bool its_is_at(uint64_t address)
{
	for (unsigned int i = 0; i < CL_ITS_MAX; i++)
		if (services[i].phys && address - services[i].phys < GITS_FRAME)
			return true;
	return false;
}

/* A command names the redistributor of a CPU; of one of root's, if so asked for. */
static bool is_target(const struct its *its, uint64_t word, bool roots)
{
	for_each_cpu(i) {
		const struct arch_cpu *cpu = &cpus[i].arch;
		uint64_t target = its->typer & TYPER_PTA ? cpu->redist_phys >> 16
							 : cpu->redist_number;

		if (CMD_TARGET(word) == target)
			return !roots || cell_has_cpu(&root_cell, i);
	}
	return false;
}

static bool is_itt(const struct its *its, const uint64_t *command)
{
	uint64_t size = CMD_EVENTS(command[1]) * TYPER_ITT_ENTRY(its->typer);

	return size <= ITT_MAX && is_roots(CMD_ITT(command[2]), size, CL_MEM_READ | CL_MEM_WRITE);
}

/* Commands of GICv4 are not among them: they name tables of interrupts of virtual machines. */
static bool is_allowed(const struct its *its, const uint64_t *command)
{
	switch (CMD(command[0])) {
	case CMD_MOVI:
	case CMD_INT:
	case CMD_CLEAR:
	case CMD_MAPTI:
	case CMD_MAPI:
	case CMD_INV:
	case CMD_INVALL:
	case CMD_DISCARD:
		return true;
	case CMD_SYNC: /* Linux waits for CPUs that were root's */
		return is_target(its, command[2], false);
	case CMD_MAPC:
		return !(command[2] & BASE_VALID) || is_target(its, command[2], true);
	case CMD_MOVALL:
		return is_target(its, command[2], true) && is_target(its, command[3], true);
	case CMD_MAPD:
		return !(command[2] & BASE_VALID) || is_itt(its, command);
	default:
		return false;
	}
}

/* A refused command becomes one without effect: root waits until the ITS has gone past it. */
static void check_command(const struct its *its, uint64_t offset)
{
	const struct arch_cpu *cpu = &local->cpu->arch;
	uint64_t phys = its->queue + offset;
	uint64_t *command = (uint64_t *)((char *)arch_window(phys & PAGE_MASK) + phys % PAGE_SIZE);

	if (is_allowed(its, command))
		return;
	cell_denied("ITS command", command[0], command[2]);
	memset(command, 0, COMMAND_SIZE);
	command[0] = CMD_SYNC;
	command[2] = its->typer & TYPER_PTA ? cpu->redist_phys : (uint64_t)cpu->redist_number << 16;
	clean_caches(command, COMMAND_SIZE);
}

/* Bytes of the queue that the ITS may just be reading, from GITS_CREADR on. */
static uint64_t in_work(const struct its *its, uint64_t *reader)
{
	*reader = read64(its, GITS_CREADR) & QUEUE_OFFSET;
	return (its->given + its->queue_size - *reader) % its->queue_size;
}

/* Root writes GITS_CWRITER. */
static void hand_over(struct its *its, uint64_t value)
{
	uint64_t end = value & QUEUE_OFFSET, reader;

	lock_take(&its->lock);
	if (end < its->queue_size &&
	    in_work(its, &reader) + (end + its->queue_size - its->given) % its->queue_size <
		    its->queue_size) {
		for (; its->given != end;
		     its->given = (its->given + COMMAND_SIZE) % its->queue_size)
			check_command(its, its->given);
		*(volatile uint64_t *)(its->registers + GITS_CWRITER) = end |
									(value & CWRITER_RETRY);
	} else {
		cell_denied("ITS command queue up to", end, its->given);
	}
	lock_drop(&its->lock);
	arch_window_close();
}

static void access_registers(struct its *its, unsigned int offset, bool write, unsigned int size,
			     uint64_t *value)
{
	if (!write)
		(void)arch_access_registers(its->phys + offset, false, size, value);
	else if (offset == GITS_CWRITER && size >= 4 && its->queue_size)
		hand_over(its, *value);
	else if (offset == GITS_CTLR && size == 4)
		mmio_write32(its->registers + GITS_CTLR, *value & CTLR_ENABLED);
	else
		mmio_ignore(true, its->phys + offset, value);
}

static void store(uint64_t phys, unsigned int size, uint64_t value)
{
	char *at = (char *)arch_window(phys & PAGE_MASK) + phys % PAGE_SIZE;

	memcpy(at, &value, size);
	clean_caches(at, size);
	arch_window_close();
}

/* What root can only read since it belongs to this ITS, tables of the second level left out. */
static bool is_table(const struct its *its, uint64_t address)
{
	bool found = address - its->queue < its->queue_size;

	for (unsigned int i = 0; i < TABLES; i++)
		found |= address - its->tables[i].phys < its->tables[i].size;
	return found;
}

/* Any bytes of the queue but those that the ITS may be reading; false: refused. */
static bool write_queue(struct its *its, uint64_t offset, unsigned int size, uint64_t value)
{
	uint64_t reader, used;
	bool free = true;

	if (offset >= its->queue_size || offset % PAGE_SIZE + size > PAGE_SIZE)
		return false;
	lock_take(&its->lock);
	used = in_work(its, &reader);
	for (uint64_t at = offset & ~(COMMAND_SIZE - 1UL); at < offset + size; at += COMMAND_SIZE)
		if ((at + its->queue_size - reader) % its->queue_size < used)
			free = false;
	if (free)
		store(its->queue + offset, size, value);
	lock_drop(&its->lock);
	return free;
}

bool its_access(uint64_t address, bool write, unsigned int size, uint64_t *value)
{
	for (unsigned int i = 0; i < CL_ITS_MAX && services[i].phys; i++) {
		struct its *its = &services[i];
		uint64_t offset = address - its->phys;

		if (offset < GITS_FRAME && offset % size)
			mmio_ignore(write, address, value);
		else if (offset < GITS_FRAME)
			access_registers(its, (unsigned int)offset, write, size, value);
		else if (!write || !is_table(its, address))
			continue;
		else if (!write_queue(its, address - its->queue, size, *value))
			cell_denied("write to a table of the ITS at", address, *value);
		local->exits[CL_EXIT_MMIO]++;
		return true;
	}
	return false;
}
