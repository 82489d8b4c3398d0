// SPDX-License-Identifier: GPL-2.0
/*
 * arm64's interrupt controller as root and a cell see it, each with two CPUs. Its registers are
 * plain memory, so that what is written to a register that sets or clears bits can be seen there.
 * After each access all registers are compared with what the owner of each interrupt may change.
 *
 * Input: a byte of flags, then the cell's shared interrupts (8 bytes, of INTID 32 to 95), a seed
 * for what is in the registers, then operations of 16 bytes.
 */
#define _GNU_SOURCE
#include "fuzz.h"
#include <arm64.h>
#include <gic_cpu.h>
#include <inspect.h>
#include <mmio.h>
#include <vpin.h>
#include <sys/mman.h>
#include <unistd.h>
#include "../host/arm64/machine.h"
#include "../unit/config_builder.h"

#define DIST	    0x8000000UL
#define GICC_PHYS   0x8010000UL
#define REDIST	    0x80a0000UL
#define STRIDE	    0x20000UL
#define REDISTS	    (MACHINE_CPUS * STRIDE)
#define MAINTENANCE 25
#define LINES	    96
#define LISTED	    160 /* by root's config: those that the hardware lacks are listed, too */
#define SGI_FRAME   0x10000UL
#define FRAMES	    (2 * MACHINE_CPUS) /* each has registers in its first page only */

/* Offsets, IHI 0069, 12.9; IHI 0048, 4.3 */
#define IGROUPR	   0x080
#define ISENABLER  0x100
#define ISPENDR	   0x200
#define ICACTIVER  0x380
#define IPRIORITYR 0x400
#define ITARGETSR  0x800
#define ICFGR	   0xc00
#define SGIR	   0xf00
#define IROUTER	   0x6000

static struct cell the_cell;

static struct cl_cpu_info cpu_infos[MACHINE_CPUS];
static struct cl_cell_info cell_infos[2];
static struct blob blobs[2];

static int physical; /* a file: the redistributors */
static uint8_t *dist, *redists;
static uint8_t dist_before[0x10000], redists_before[FRAMES][PAGE_SIZE];
static struct arch_cpu cpus_before[MACHINE_CPUS];
static uint64_t cell_spis; /* bit n: INTID 32 + n */
static bool v2, direct, vuart;

/* What an access to SGIs has asked for, by CPU. */
static uint32_t sent[MACHINE_CPUS], injected[MACHINE_CPUS];
static bool can_inject;

static void *must_map(void *at, uint64_t size, int protection, int flags, uint64_t offset)
{
	void *address = mmap(at, size, protection, flags, flags & MAP_ANONYMOUS ? -1 : physical,
			     (off_t)offset);

	require(address != MAP_FAILED, "mmap");
	return address;
}

#define READ_WRITE (PROT_READ | PROT_WRITE)
#define PRIVATE	   (MAP_PRIVATE | MAP_ANONYMOUS)

uint64_t host_read_sysreg(const char *name)
{
	require(false, "%s is read", name);
	return 0;
}

void host_write_sysreg(const char *name, uint64_t value)
{
	require(false, "%s is written: %#lx", name, value);
}

/* Of a redistributor of a CPU that the accessing cell has, or of this CPU while it is being set up.
 */
static void map_redist(uint64_t address, uint64_t phys)
{
	require(phys >= REDIST && phys < REDIST + REDISTS, "%#lx is mapped", phys);
	must_map((void *)address, PAGE_SIZE, READ_WRITE, MAP_SHARED | MAP_FIXED, phys - REDIST);
}

void own_page_mapped(uint64_t address)
{
	uint64_t entry = ((uint64_t *)LOCAL_TABLE)[(address - LOCAL_BASE) / PAGE_SIZE];
	uint64_t phys = entry & PTE_ADDRESS;
	unsigned int cpu = (unsigned int)((phys - REDIST) / STRIDE);

	require(cpu < MACHINE_CPUS && cpus[cpu].cell == local->cpu->cell, "a window on %#lx", phys);
	map_redist(address, phys);
}

void own_page_unmapped(uint64_t address)
{
	must_map((void *)address, PAGE_SIZE, PROT_NONE, PRIVATE | MAP_FIXED, 0);
}

void wait_for_interrupt(void)
{
	require(false, "WFI");
}

volatile void *map_device(unsigned int page, uint64_t phys)
{
	(void)phys;
	return (volatile void *)(DEVICE_BASE + page * PAGE_SIZE);
}

void map_local_device(unsigned int page, uint64_t phys)
{
	map_redist(LOCAL_BASE + page * PAGE_SIZE, phys);
}

bool arch_access_registers(uint64_t address, bool write, unsigned int size, uint64_t *value)
{
	require(!write && address >= REDIST && address + size <= REDIST + REDISTS, "%#lx, %u",
		address, size);
	*value = 0;
	memcpy(value, redists + (address - REDIST), size);
	return true;
}

int arch_map(struct cell *cell, const struct cl_memory *region)
{
	(void)cell;
	require(v2 && region->virt == GICC_PHYS, "%#lx is mapped", region->virt);
	return 0;
}

int its_init(const struct cl_gic *gic)
{
	(void)gic;
	return 0;
}

void inspect_add(struct inspection *inspection, const struct cl_inspect_record *record)
{
	(void)inspection;
	(void)record;
}

void cell_denied_slow(struct cell *cell, const char *what, uint64_t address, uint64_t value)
{
	(void)what;
	(void)address;
	(void)value;
	require(cell == local->cpu->cell, "another cell's");
	cell->denied++;
}

void cpu_post(struct cpu *cpu, uint32_t events)
{
	require(events == CPU_EV_ARCH && cpu->cell == local->cpu->cell && cpu != local->cpu,
		"events %#x to CPU %u", events, cpu->id);
}

bool vgic_inject_sgi(struct cpu *cpu, unsigned int sgi)
{
	require(cpu == local->cpu && sgi < SGIS && !is_direct(cpu->cell), "SGI %u to CPU %u", sgi,
		cpu->id);
	if (can_inject)
		injected[cpu->id] |= 1U << sgi;
	return can_inject;
}

void vgic_deliver_sgis(struct cpu *cpu)
{
	require(cpu == local->cpu, "CPU %u", cpu->id);
}

/* Only the CPU itself has its list registers. */
void vgic_update_pins(struct cpu *cpu)
{
	require(cpu == local->cpu, "CPU %u", cpu->id);
}

void vgic_send_sgi(const struct cpu *cpu, unsigned int sgi)
{
	require(is_direct(local->cpu->cell) && cpu->cell == local->cpu->cell && sgi != KICK_FIQ,
		"SGI %u to CPU %u", sgi, cpu->id);
	sent[cpu->id] |= 1U << sgi;
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc;
	(void)argv;
	physical = memfd_create("redistributors", 0);
	require(physical >= 0 && !ftruncate(physical, REDISTS), "memfd_create");
	/* Where there is nothing, an access ends the program. */
	must_map((void *)LOCAL_BASE, 512 * PAGE_SIZE, PROT_NONE, PRIVATE | MAP_FIXED_NOREPLACE, 0);
	must_map((void *)LOCAL_PRIVATE, PAGE_SIZE, READ_WRITE, PRIVATE | MAP_FIXED, 0);
	must_map((void *)LOCAL_TABLE, PAGE_SIZE, READ_WRITE, PRIVATE | MAP_FIXED, 0);
	must_map((void *)DEVICE_BASE, DEVICE_SIZE, PROT_NONE, PRIVATE | MAP_FIXED_NOREPLACE, 0);
	dist = must_map((void *)DEVICE_BASE, sizeof(dist_before), READ_WRITE, PRIVATE | MAP_FIXED,
			0);
	redists = must_map(NULL, REDISTS, READ_WRITE, MAP_SHARED, 0);
	return 0;
}

/* Who has what, by rules that share nothing with gic.c. */

static bool is_cells(unsigned int intid)
{
	return intid >= 32 && intid < 96 && cell_spis >> (intid - 32) & 1;
}

static bool owns(const struct cpu *cpu, unsigned int intid)
{
	if (intid < 16)
		return is_direct(cpu->cell) && intid != 15;
	if (intid < 32)
		return intid != 26 && intid != 28 && intid != MAINTENANCE;
	return intid < LISTED && is_cells(intid) == (cpu->cell == &the_cell);
}

/* The interrupts of the cell's virtual UART and button, which the hardware does not see. */
static bool has_pin(const struct cpu *cpu, unsigned int intid)
{
	return (intid == CL_VUART_INTID || intid == CL_BUTTON_INTID) && vuart && !direct &&
	       cpu->cell == &the_cell;
}

static uint64_t affinity(unsigned int cpu)
{
	return cpu; /* hw_id, all in Aff0 */
}

static void put32(uint8_t *at, uint32_t value)
{
	memcpy(at, &value, 4);
}

static void build(void)
{
	static const struct cl_limits limits = { .arch = CL_ARCH_ARM64,
						 .phys_bits = 40,
						 .max_cpus = MACHINE_CPUS };
	static const struct cl_platform platform[] = { { .hv_phys = CL_AUTO,
							 .hv_size = 0x200000 } };
	static const struct cl_cpu cpu_list[] = { { 2, 0 }, { 3, 0 } };
	static const struct cl_memory memory[] = { { 0x40000000, 0, 0x1000, CL_MEM_RAM } };
	const struct cl_irqchip all[] = { { DIST, { ~0UL, ~0UL }, 32, 0 } };
	const struct cl_irqchip mine[] = { { DIST, { cell_spis, 0 }, 32, 0 } };
	struct cl_gic gic[] = {
		{ .version = v2 ? 2 : 3, .maintenance_irq = MAINTENANCE, .dist_phys = DIST }
	};
	struct cl_finding finding;

	if (v2) {
		gic[0].cpu_phys = GICC_PHYS;
		gic[0].hyp_phys = 0x8030000;
		gic[0].vcpu_phys = 0x8040000;
	} else {
		gic[0].redist_phys = REDIST;
		gic[0].redist_size = 2 * REDISTS;
	}
	blob_begin(&blobs[0], "machine", CL_CELL_ROOT, 0);
	BLOB_ADD(&blobs[0], CL_SEC_PLATFORM, platform);
	BLOB_ADD(&blobs[0], CL_SEC_IRQCHIP, all);
	BLOB_ADD(&blobs[0], CL_SEC_GIC, gic);
	blob_begin(&blobs[1], "cell",
		   (direct ? CL_CELL_DIRECT_IRQ : 0) | (vuart ? CL_CELL_VUART : 0), 0);
	BLOB_ADD(&blobs[1], CL_SEC_CPUS, cpu_list);
	BLOB_ADD(&blobs[1], CL_SEC_MEMORY, memory);
	BLOB_ADD(&blobs[1], CL_SEC_IRQCHIP, mine);
	for (unsigned int i = 0; i < 2; i++) {
		blobs[i].config.arch = CL_ARCH_ARM64;
		require(!cl_check_config(&blobs[i], blobs[i].size, &limits, &finding), "%s",
			finding.rule);
	}
}

static void switch_to(unsigned int number)
{
	static unsigned int mapped = MACHINE_CPUS;
	uint64_t *entry = (uint64_t *)LOCAL_TABLE + LOCAL_PAGE_WINDOWS + WINDOW_MMIO;

	local->cpu = &cpus[number];
	local->exits = cpu_infos[number].exits;
	if (*entry)
		own_page_unmapped(LOCAL_WINDOWS + WINDOW_MMIO * PAGE_SIZE);
	*entry = 0;
	/* Banked registers of GICv2: read-only, the CPU's own bit. */
	if (v2)
		memset(dist + ITARGETSR, 1 << number, 32);
	if (v2 || mapped != number)
		gic_map_cpu(&cpus[number]);
	mapped = v2 ? MACHINE_CPUS : number;
}

static void fill(uint8_t *at, size_t size, uint64_t seed)
{
	uint64_t state = seed | 1;

	for (size_t i = 0; i + 8 <= size; i += 8) {
		state ^= state << 13;
		state ^= state >> 7;
		state ^= state << 17;
		memcpy(at + i, &state, 8);
	}
}

/* Registers that say what there is. */
static void identify(void)
{
	uint64_t typer;

	put32(dist, direct ? BIT(6) | BIT(4) | 1 : BIT(4)); /* DS, ARE */
	put32(dist + 4, LINES / 32 - 1 | 3 << 16);
	put32(dist + 0xffe8, 0x3b);
	if (v2)
		put32(dist + 0xfe8, 0x2b);
	for (unsigned int i = 0; i < MACHINE_CPUS; i++) {
		typer = affinity(i) << 32 | i << 8 | (i == MACHINE_CPUS - 1 ? BIT(4) : 0) | 1;
		memcpy(redists + i * STRIDE + 8, &typer, 8);
		put32(redists + i * STRIDE, 0);
	}
}

static void reset(uint64_t seed)
{
	memset(cpus, 0, sizeof(cpus));
	memset(cell_infos, 0, sizeof(cell_infos));
	root_cell = (struct cell){ .config = &blobs[0].config, .info = &cell_infos[0] };
	the_cell = (struct cell){ .id = 1, .config = &blobs[1].config, .info = &cell_infos[1] };
	cell_infos[0].cpus[0] = 15;
	for (unsigned int i = 0; i < MACHINE_CPUS; i++) {
		cpus[i].id = cpus[i].hw_id = i;
		cpus[i].cell = &root_cell;
		cpus[i].info = &cpu_infos[i];
		cpus[i].arch.self_sgi = BIT(i);
	}
	fill(dist, 0x10000, seed);
	for (unsigned int i = 0; i < FRAMES; i++)
		fill(redists + i * SGI_FRAME, PAGE_SIZE, seed + 2 + i);
	identify();
	local->cpu = &cpus[0];
	require(!gic_init(&blobs[0].config), "gic_init");
	for (unsigned int i = 0; i < MACHINE_CPUS; i++)
		switch_to(i);
	require(!gic_init_cell(&root_cell), "root");
	switch_to(0);
	require(!gic_init_cell(&the_cell), "cell");
	gic_move(&the_cell, true);
	cell_infos[0].cpus[0] = 3;
	cell_infos[1].cpus[0] = 12;
	vpin_reset(&the_cell);
	for (unsigned int i = 2; i < MACHINE_CPUS; i++)
		cpus[i].cell = &the_cell;
	for (unsigned int i = 0; i < MACHINE_CPUS; i++) {
		switch_to(i);
		gic_reset_cpu(&cpus[i]);
	}
	/* To CPUs of the owner, as software has them to be; the cell's are that already. */
	for (unsigned int i = 32; i < LINES; i++) {
		uint64_t first = is_cells(i) ? 2 : 0;

		if (v2)
			dist[ITARGETSR + i] = (uint8_t)(1 << first);
		else
			memcpy(dist + IROUTER + 8 * i, &first, 8);
	}
}

static uint32_t get32(const uint8_t *at)
{
	return *(const uint32_t *)at;
}

/* May this CPU's cell have changed the four bytes at an offset from `old`? first: INTIDs begin. */
static bool may_change(const struct cpu *cpu, unsigned int offset, uint32_t old, uint32_t now,
		       unsigned int end)
{
	uint32_t changed = old ^ now;

	if (offset >= ISENABLER && offset < IPRIORITYR) {
		unsigned int first = (offset & 0x7f) * 8;

		/* What was written: bits of its own only, whatever was there before. */
		for (unsigned int i = 0; i < 32; i++)
			if (now & 1U << i && (first + i >= end || !owns(cpu, first + i)))
				return false;
		return true;
	}
	if (offset >= IPRIORITYR && offset < IPRIORITYR + end) {
		for (unsigned int i = 0; i < 4; i++)
			if (changed >> 8 * i & 0xff &&
			    (!owns(cpu, offset - IPRIORITYR + i) || (now >> 8 * i & 0xff) < 0x10))
				return false;
		return true;
	}
	if (v2 && offset >= ITARGETSR + 32 && offset < ITARGETSR + end) {
		uint32_t cells = cpu->cell == &the_cell ? 12 : 3;

		for (unsigned int i = 0; i < 4; i++)
			if (changed >> 8 * i & 0xff &&
			    (!owns(cpu, offset - ITARGETSR + i) || (now >> 8 * i & 0xff & ~cells)))
				return false;
		return true;
	}
	/* Triggers; not those of SGIs */
	if (offset >= ICFGR + 4 && offset < ICFGR + end / 4) {
		for (unsigned int i = 0; i < 16; i++)
			if (changed >> 2 * i & 3 && !owns(cpu, (offset - ICFGR) * 4 + i))
				return false;
		/* One register for all CPUs, perhaps: root's. */
		return !v2 || offset != ICFGR + 4 || cpu->cell == &root_cell;
	}
	return false;
}

static bool may_route(const struct cpu *cpu, unsigned int offset, const uint8_t *now)
{
	unsigned int intid = (offset - IROUTER) / 8;
	uint64_t to;

	if (v2 || offset < IROUTER || offset >= IROUTER + 8 * LINES || intid < 32)
		return false;
	memcpy(&to, now + (offset & ~7U), 8);
	return owns(cpu, intid) && to < MACHINE_CPUS && cpus[to].cell == cpu->cell;
}

/* The first word from `at` on in which two copies differ, or size. Most of all time is spent here. */
__attribute__((no_sanitize("address", "undefined", "coverage"))) static unsigned int
difference(const uint8_t *a, const uint8_t *b, unsigned int at, unsigned int size)
{
	while (at < size && *(const uint32_t *)(a + at) == *(const uint32_t *)(b + at))
		at += 4;
	return at;
}

static void compare(const struct cpu *cpu, bool write, uint64_t address)
{
	unsigned int at;

	for (at = 0;
	     (at = difference(dist_before, dist, at, sizeof(dist_before))) < sizeof(dist_before);
	     at += 4) {
		uint32_t old = get32(dist_before + at), now = get32(dist + at);

		require(write &&
				(may_change(cpu, at, old, now, LISTED) || may_route(cpu, at, dist)),
			"GICD+%#x: %#x becomes %#x by CPU %u at %#lx", at, old, now, cpu->id,
			address);
	}
	for (unsigned int frame = 0; frame < FRAMES; frame++) {
		const uint8_t *before = redists_before[frame], *after = redists + frame * SGI_FRAME;
		const struct cpu *owner = &cpus[frame / 2];

		for (at = 0; (at = difference(before, after, at, PAGE_SIZE)) < PAGE_SIZE; at += 4)
			require(write && !v2 && owner->cell == cpu->cell && frame % 2 &&
					may_change(owner, at, get32(before + at), get32(after + at),
						   32),
				"frame %u + %#x: %#x becomes %#x by CPU %u at %#lx", frame, at,
				get32(before + at), get32(after + at), cpu->id, address);
	}
	for (unsigned int i = 0; i < VPINS; i++)
		require(cpus[the_cell.arch.pins[i].target].cell == &the_cell &&
				the_cell.arch.pins[i].priority >= LOWEST_PRIORITY_OF_GUESTS,
			"virtual pin %u of CPU %u, %#x", i, the_cell.arch.pins[i].target,
			the_cell.arch.pins[i].priority);
	require(!((the_cell.arch.pins_enabled | the_cell.arch.pins_active) & ~VPIN_BITS),
		"bits of virtual pins: %#x, %#x", the_cell.arch.pins_enabled,
		the_cell.arch.pins_active);
	for (unsigned int i = 0; i < MACHINE_CPUS; i++)
		require(cpus[i].cell == cpu->cell ||
				!memcmp(&cpus[i].arch, &cpus_before[i], sizeof(cpus_before[i])),
			"state of CPU %u by CPU %u", i, cpu->id);
}

/* What was read of registers with a field for each interrupt: nothing of what is not its own. */
static void check_read(const struct cpu *cpu, unsigned int offset, unsigned int size,
		       unsigned int end, uint64_t value)
{
	if (value == ~0UL)
		return; /* no such access */
	if (offset >= IGROUPR && offset < IPRIORITYR) {
		for (unsigned int i = 0; i < 32; i++) {
			unsigned int intid = (offset & 0x7f) * 8 + i;

			require(!(value >> i & 1) || (intid < end && owns(cpu, intid)) ||
					intid < 16 || (end == LISTED && has_pin(cpu, intid)),
				"bit of INTID %u at %#x: %#lx", intid, offset, value);
		}
	} else if (offset >= IPRIORITYR && offset < IPRIORITYR + 1020) {
		for (unsigned int i = 0; i < size; i++) {
			unsigned int intid = offset - IPRIORITYR + i;

			require(!(value >> 8 * i & 0xff) || (intid < end && owns(cpu, intid)) ||
					intid < 16 || (end == LISTED && has_pin(cpu, intid)),
				"priority of INTID %u: %#lx", intid, value);
		}
	} else if (!v2 && end == LISTED && offset >= IROUTER && offset < 0x8000) {
		unsigned int intid = (offset - IROUTER) / 8;

		require(!value || (intid < LINES && owns(cpu, intid)) || has_pin(cpu, intid),
			"route of INTID %u: %#lx", intid, value);
	}
}

static void save(void)
{
	memcpy(dist_before, dist, sizeof(dist_before));
	for (unsigned int i = 0; i < FRAMES; i++)
		memcpy(redists_before[i], redists + i * SGI_FRAME, PAGE_SIZE);
	for (unsigned int i = 0; i < MACHINE_CPUS; i++)
		cpus_before[i] = cpus[i].arch;
	memset(sent, 0, sizeof(sent));
	memset(injected, 0, sizeof(injected));
}

static void one_access(struct cpu *cpu, uint64_t address, bool write, unsigned int size,
		       uint64_t written)
{
	uint64_t value = write ? written : 0;

	if (!gic_is_at(address))
		return;
	save();
	gic_access(address, write, size, &value);
	compare(cpu, write, address);
	if (write)
		return;
	if (address - DIST < 0x10000)
		check_read(cpu, (unsigned int)(address - DIST), size, LISTED, value);
	else if (address - REDIST < REDISTS && (address - REDIST) % STRIDE >= SGI_FRAME)
		check_read(&cpus[(address - REDIST) / STRIDE],
			   (unsigned int)((address - REDIST) % STRIDE - SGI_FRAME), size, 32,
			   value);
}

/* ICC_SGI1R_EL1: to CPUs of the sender's cell that it names, and to no others. */
static void one_sgi(struct cpu *cpu, uint64_t value)
{
	unsigned int sgi = value >> 24 & 0xf;
	bool cluster0 = !(value & 0xff00ff00ff0000) && !(value >> 44 & 0xf);

	save();
	gic_send_sgi(value);
	compare(cpu, false, 0);
	for (unsigned int i = 0; i < MACHINE_CPUS; i++) {
		bool named = value & BIT(40) ? i != cpu->id : cluster0 && value >> i & 1;
		bool wanted = named && cpus[i].cell == cpu->cell &&
			      !(is_direct(cpu->cell) && sgi == KICK_FIQ);
		uint32_t before = cpus_before[i].sgi_pending;
		bool got = sent[i] || injected[i] || cpus[i].arch.sgi_pending != before;

		require(!got || (wanted && (sent[i] | injected[i] | cpus[i].arch.sgi_pending) ==
						   (before | 1U << sgi)),
			"SGI %#lx of CPU %u to CPU %u", value, cpu->id, i);
		require(!wanted || got || before & 1U << sgi, "SGI %#lx of CPU %u is lost", value,
			cpu->id);
	}
}

static uint64_t some_address(uint64_t chance)
{
	uint64_t offset = chance >> 8 & 0x1ffff;

	switch (chance & 7) {
	case 0:
		return DIST + (offset & 0xffff);
	case 1: /* registers of the interrupts that there are */
	case 2:
		return DIST + (offset & 0xf80) + (offset >> 12 & 0xf);
	case 3:
		return DIST + IROUTER + (offset & 0x3ff);
	case 4:
		return REDIST + (chance >> 32 & 3) * STRIDE + SGI_FRAME + (offset & 0xfff);
	case 5:
		return REDIST + (chance >> 32 & 7) * STRIDE + offset;
	case 6:
		return DIST + SGIR + (offset & 0x3c);
	default:
		return REDIST + (chance >> 8 & 0xffffff);
	}
}

/* Often one that names a CPU. */
static uint64_t some_value(uint64_t chance, uint64_t value)
{
	return chance >> 55 & 1 ? value & (BIT(31) | 7) : value;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input in = { data, data + size };
	uint64_t flags = take(&in, 1);

	v2 = flags & 1;
	direct = !v2 && flags & 2;
	vuart = flags & 4;
	cell_spis = take(&in, 8);
	cell_spis |= BIT(2); /* one at least, and none of those below */
	if (vuart)
		cell_spis &= ~(BIT(CL_VUART_INTID - 32) | BIT(CL_BUTTON_INTID - 32));
	build();
	reset(take(&in, 8));
	while (in.at < in.end) {
		uint64_t chance = take(&in, 8), value = some_value(chance, take(&in, 8));
		unsigned int number = chance >> 56 & 3, bytes = 1U << (chance >> 58 & 3);
		/* Mostly as the registers are aligned. */
		uint64_t align = chance & 0x70000000000000 ? bytes - 1 : 0;

		switch_to(number);
		can_inject = chance >> 60 & 1;
		if (!v2 && (chance >> 61 & 3) == 3)
			one_sgi(&cpus[number], value);
		else
			one_access(&cpus[number], some_address(chance) & ~align, chance >> 61 & 1,
				   bytes, value);
	}
	return 0;
}
