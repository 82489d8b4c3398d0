// SPDX-License-Identifier: GPL-2.0
/*
 * Hypercalls, events and accesses of guests on the machine model: all of the core, and the x86 code
 * but for what needs a virtual CPU. CPUs answer at once. After each operation the ownership of each
 * page, CPU and register and the use of each page of the hypervisor's memory are compared with what
 * follows from the configs of the cells that exist.
 *
 * Input: machine (one byte: pool size, APIC mode, first ECAM bus), then operations.
 */
#include "fuzz.h"
#include <setjmp.h>
#include <image.h>
#include <audit.h>
#include <inspect.h>
#include <log.h>
#include <page.h>
#include <vendor.h>
#include "../host/machine.h"
#include "../unit/config_builder.h"
#include <cloister/hypercall.h>

/*
 * What counts is where inputs lead in the hypervisor, not in the checks here; and they are much
 * faster without instrumentation.
 */
#pragma clang attribute push(__attribute__((no_sanitize("coverage", "address", "undefined"))), \
			     apply_to = function)

/* copy_string() without the memory functions that AddressSanitizer watches */
#define memcpy hv_memcpy
#define memset hv_memset
#define memcmp hv_memcmp
#include "../../hypervisor/string.c"
#undef memcpy
#undef memset
#undef memcmp

#define CPUS	     4
#define HV_PHYS	     0x800000UL
#define HV_SIZE	     0x200000UL
#define POOL_PHYS    0xc00000UL
#define POOL_SIZE    0x400000UL
#define IMAGE_PAGES  64
#define BLOB_ADDRESS 0x100000UL

/* The hypervisor's memory begins with the info region; then there are pages. */
char hv_base[HV_SIZE] __aligned_page;
asm(".globl info\n.set info, hv_base");
_Static_assert(sizeof(struct info_region) <= IMAGE_PAGES * PAGE_SIZE, "IMAGE_PAGES");

bool x2apic_mode;
uint8_t cpu_of_apic_id[256];
struct cl_system image_system = { .hv_phys = HV_PHYS, .hv_size = HV_SIZE };

static struct blob root_blob, blob;
static jmp_buf idle, left;
static bool locked_for_all;	/* CL_HC_LOCK has succeeded */
static unsigned int root_pages; /* in use with the root cell alone; tables may be split later */

/* Instructions, and what depends on a virtual CPU */

uint64_t rdtsc(void)
{
	static uint64_t now;

	return now += 1000;
}

uint64_t rdmsr(uint32_t msr)
{
	(void)msr;
	return 0;
}

void wrmsr(uint32_t msr, uint64_t value)
{
	(void)msr;
	(void)value;
}

bool x86_wrmsr_safe(uint32_t msr, uint64_t value)
{
	(void)msr;
	return value & 1;
}

/* The walk over the tables is for real machines; here it is about where the records go. */
void arch_inspect_hypervisor(struct inspection *inspection)
{
	(void)inspection;
}

int arch_inspect_cell(struct inspection *inspection, const struct cell *cell)
{
	for (unsigned int i = 0; i < 40; i++)
		inspect_add(inspection, &(struct cl_inspect_record){ .kind = CL_INSPECT_PIN,
								     .cell = cell->id,
								     .index = i });
	return 0;
}

uint64_t read_cr4(void)
{
	return 0;
}

void cpuid(uint32_t leaf, uint32_t sub, uint32_t *a, uint32_t *b, uint32_t *c, uint32_t *d)
{
	(void)sub;
	*a = leaf == 0x80000008 ? 40 : 0;
	*b = *c = *d = 0;
}

void cpu_relax(void)
{
}

unsigned int arch_cpu_id(void)
{
	return local->cpu->id;
}

uint64_t arch_timestamp(void)
{
	return rdtsc();
}

uint64_t arch_ticks_per_ms(void)
{
	return 1;
}

void arch_console_write(const char *text)
{
	require(!strstr(text, "not true:") && !strstr(text, "does not answer"), "%s", text);
}

void *arch_window(uint64_t phys)
{
	return (void *)window(WINDOW_COPY, phys, PTE_RW);
}

void arch_window_close(void)
{
	window_close(WINDOW_COPY);
}

void arch_cpu_reset(struct cpu *cpu)
{
	require(cpu == local->cpu && cpu->parked, "reset of CPU %u", cpu->id);
}

void arch_cpu_start(struct cpu *cpu, const struct arch_start *start)
{
	require(cpu == local->cpu && !cpu->parked && start->kind == START_FLAT, "start");
}

void arch_flush_guest_tlb(struct cpu *cpu)
{
	(void)cpu;
	guest_forget_pages();
}

void arch_cpu_event(struct cpu *cpu)
{
	(void)cpu;
}

void vendor_inject_exception(unsigned int vector, bool has_code, uint32_t code)
{
	(void)vector;
	(void)has_code;
	(void)code;
}

int vendor_check(struct cl_finding *finding)
{
	(void)finding;
	return 0;
}

void apic_init(void)
{
}

/* To CPUs of cells alone, whoever types. */
void apic_send_fixed(const struct cpu *cpu, unsigned int vector)
{
	require(cpu->cell != &root_cell && vector >= 16 && vector < 256, "vector %u to CPU %u",
		vector, cpu->id);
}

void apic_mmio_write(unsigned int offset, uint32_t value)
{
	(void)value;
	require(offset < PAGE_SIZE, "offset %#x", offset);
}

uint32_t apic_mmio_read(unsigned int offset)
{
	require(offset < PAGE_SIZE, "offset %#x", offset);
	return 0;
}

bool apic_msr_write(uint32_t msr, uint64_t value)
{
	(void)msr;
	(void)value;
	return true;
}

/* A CPU does what was asked of it, then runs its guest or waits. */
static void run_events(struct cpu *cpu)
{
	struct cpu *caller = local->cpu;
	jmp_buf outer;

	memcpy(&outer, &idle, sizeof(idle));
	local->cpu = cpu;
	local->exits = cpu->info->exits;
	if (!setjmp(idle))
		cpu_handle_events();
	memcpy(&idle, &outer, sizeof(idle));
	local->cpu = caller;
	local->exits = caller->info->exits;
}

void arch_cpu_kick(struct cpu *cpu)
{
	cpu->kick_pending = 0;
	if (cpu != local->cpu)
		run_events(cpu);
}

void arch_cpu_idle(void)
{
	longjmp(idle, 1);
}

void arch_leave_guest(void)
{
	longjmp(left, 1);
}

/*
 * The machine as the configs of the cells that exist say: each page of RAM, and each byte of the
 * devices' registers.
 */
#define RAM_PAGES    (MACHINE_MEMORY / PAGE_SIZE)
#define DEVICE_BYTES (DEVICE_PAGES * PAGE_SIZE)

struct fact {
	uint32_t listed; /* bit n: cell n's config has it */
	uint8_t owner;	 /* the cell that has it for itself, or root */
	bool lent;	 /* root has it until the start and while the cell is loaded */
};

static struct fact ram[RAM_PAGES], devices[DEVICE_BYTES];

static bool from_root(const struct cl_memory *m)
{
	return !(m->flags & (CL_MEM_SHARED | CL_MEM_COMM));
}

static void note(struct fact *fact, const struct cell *cell, const struct cl_memory *m)
{
	fact->listed |= 1U << cell->id;
	if (cell == &root_cell || !from_root(m))
		return;
	fact->owner = (uint8_t)cell->id;
	fact->lent = m->flags & CL_MEM_LOADABLE && cell->loadable &&
		     cell->info->state != CL_STATE_DESTROYING;
}

static void learn(void)
{
	memset(ram, 0, sizeof(ram));
	memset(devices, 0, sizeof(devices));
	for (unsigned int i = 0; i < CONFIG_MAX_CELLS; i++) {
		struct cl_memory m;

		for (uint32_t j = 0; cells[i] && config_region(cells[i]->config, j, &m); j++) {
			if (m.flags & CL_MEM_COMM)
				continue;
			if (m.phys >= MACHINE_DEVICES)
				for (uint64_t byte = 0; byte < m.size; byte++)
					note(&devices[m.phys - MACHINE_DEVICES + byte], cells[i],
					     &m);
			else
				/* of registers below a page: root loses all of the page */
				for (uint64_t page = 0; page * PAGE_SIZE < m.size; page++)
					note(&ram[m.phys / PAGE_SIZE + page], cells[i], &m);
		}
	}
}

/* Nobody, where there is neither RAM nor a device. */
static const struct fact *fact_of(uint64_t phys)
{
	static const struct fact none;

	if (phys < MACHINE_MEMORY)
		return &ram[phys / PAGE_SIZE];
	return phys - MACHINE_DEVICES < DEVICE_BYTES ? &devices[phys - MACHINE_DEVICES] : &none;
}

static bool may_reach(const struct cell *cell, uint64_t phys)
{
	const struct fact *fact = fact_of(phys);

	if (phys - HV_PHYS < HV_SIZE)
		return false;
	if (cell == &root_cell && fact->owner)
		return fact->lent;
	return fact->listed & 1U << cell->id;
}

/* What the hypervisor itself looks at: only memory that somebody handed in, or that is scrubbed. */
void machine_window(uint64_t phys, bool writable)
{
	const struct fact *fact = fact_of(phys);
	bool scrubbed = fact->owner && cells[fact->owner] &&
			cells[fact->owner]->info->state == CL_STATE_DESTROYING;

	(void)writable;
	/* The info region is root's to read: it can say that a config is there. */
	if (phys - HV_PHYS < sizeof(info) && local->cpu->cell == &root_cell)
		return;
	require(phys - HV_PHYS >= HV_SIZE, "window on the hypervisor %#lx", phys);
	if (phys < MACHINE_MEMORY)
		require(scrubbed || may_reach(&root_cell, phys) ||
				may_reach(local->cpu->cell, phys),
			"window on %#lx", phys);
	else
		require(phys - MACHINE_DEVICES < DEVICE_BYTES || phys == MACHINE_IOAPIC ||
				/* root can read it, and say that a config is there */
				(phys == XAPIC_PAGE && local->cpu->cell == &root_cell) ||
				(phys >= ecam_start && phys < ecam_end),
			"window on %#lx", phys);
}

/* Which pages of the hypervisor's memory are in use, found by following what points to them. */
static uint8_t used[HV_SIZE / PAGE_SIZE];
static unsigned int used_count;

static void mark(const void *virt, unsigned int count)
{
	uint64_t page = ((uint64_t)virt - (uint64_t)hv_base) / PAGE_SIZE;

	for (; virt && count; count--, page++) {
		require(page >= IMAGE_PAGES && page < ARRAY_SIZE(used), "page %lu", page);
		require(!used[page], "page %lu is used twice", page);
		used[page] = 1;
		used_count++;
	}
}

static bool root_maps[RAM_PAGES];

static void check_leaf(const struct cell *cell, uint64_t virt, uint64_t phys, uint64_t size,
		       uint64_t bits)
{
	for (uint64_t at = 0; at < size; at += PAGE_SIZE) {
		uint64_t page = phys + at;

		if (page == XAPIC_PAGE) {
			require(!x2apic_mode && !(bits & PTE_RW), "APIC page");
			continue;
		}
		if (page - HV_PHYS < HV_SIZE) {
			const char *what = hv_base + (page - HV_PHYS);
			bool info_page = what < hv_base + sizeof(struct info_region);

			require(cell == &root_cell ? info_page && !(bits & PTE_RW)
						   : what == (char *)cell->comm,
				"cell %u maps %#lx of the hypervisor", cell->id, page);
			continue;
		}
		/* All bytes of registers: no page that is somebody else's in part. */
		for (uint64_t byte = 0; byte < PAGE_SIZE;
		     byte += page < MACHINE_MEMORY ? PAGE_SIZE : 8)
			require(may_reach(cell, page + byte), "cell %u at %#lx reaches %#lx",
				cell->id, virt + at, page + byte);
		if (cell == &root_cell) {
			require(virt == phys, "root's %#lx is %#lx", virt, phys);
			/* as its config says, also after it was another cell's */
			require(page < MACHINE_MEMORY || (bits & PTE_NX && bits & PTE_PCD),
				"root's registers at %#lx: %#lx", page, bits);
			if (page < MACHINE_MEMORY)
				root_maps[page / PAGE_SIZE] = true;
		}
	}
}

static void check_table(const struct cell *cell, const uint64_t *table, unsigned int level,
			uint64_t virt)
{
	uint64_t step = 1UL << (12 + 9 * (level - 1));

	mark(table, 1);
	for (unsigned int i = 0; i < 512; i++, virt += step) {
		uint64_t entry = table[i], phys = entry & PTE_ADDRESS;

		if (!(entry & PTE_P))
			continue;
		if (level == 1 || entry & PTE_PS)
			check_leaf(cell, virt, phys, step, entry);
		else
			check_table(cell, phys_to_virt(phys), level - 1, virt);
	}
}

static void check_cpus(void)
{
	for (unsigned int i = 0; i < CPUS; i++) {
		unsigned int owners = 0;

		for (unsigned int j = 0; j < CONFIG_MAX_CELLS; j++) {
			if (!cells[j] || !(info.cells[j].cpus[0] & BIT(i)))
				continue;
			owners++;
			require(cpus[i].cell == cells[j] && cpus[i].info->cell == j, "CPU %u", i);
		}
		require(owners == 1, "CPU %u has %u owners", i, owners);
		require(!cpus[i].events || &cpus[i] == local->cpu, "CPU %u has events", i);
		if (!cpus[i].parked && cpus[i].cell != &root_cell)
			require(cpus[i].cell->info->state == CL_STATE_RUNNING,
				"CPU %u runs in a cell that does not", i);
	}
}

/* A port without intercept belongs to one cell. */
static void check_io_ports(void)
{
	uint64_t seen[65536 / 64] = { 0 };

	for (unsigned int j = 0; j < CONFIG_MAX_CELLS; j++) {
		const uint64_t *bitmap = cells[j] ? (uint64_t *)cells[j]->arch.io_bitmap : NULL;

		for (unsigned int word = 0; bitmap && word < ARRAY_SIZE(seen); word++) {
			require(!(seen[word] & ~bitmap[word]), "ports %#x: two owners", word * 64);
			seen[word] |= ~bitmap[word];
		}
	}
	require(!(seen[PCI_ADDRESS / 64] & 0xffUL << PCI_ADDRESS % 64), "PCI ports");
}

static void check_pins(void)
{
	uint64_t seen = 0;

	for (unsigned int j = 0; j < CONFIG_MAX_CELLS; j++) {
		if (!cells[j] || !cells[j]->arch.chip_count)
			continue;
		require(!(seen & cells[j]->arch.chips[0].pins[0]), "a pin has two owners");
		seen |= cells[j]->arch.chips[0].pins[0];
	}
	require(seen == 0xffffff, "pins %#lx", seen);
}

static void check_all(void)
{
	memset(used, 0, sizeof(used));
	memset(root_maps, 0, sizeof(root_maps));
	used_count = 0;
	learn();
	for (unsigned int i = 0; i < CONFIG_MAX_CELLS; i++) {
		const struct cell *cell = cells[i];

		require(!cell == (info.cells[i].state == CL_STATE_UNUSED), "slot %u", i);
		if (!cell)
			continue;
		require(cell->id == i && cell->info == &info.cells[i], "cell %u", i);
		if (i) {
			mark(cell, 1);
			mark(cell->config, cell->config_pages);
			mark(cell->comm, 1);
		}
		mark(cell->arch.io_bitmap, 3);
		mark(cell->arch.msr_bitmap, 2);
		check_table(cell, cell->arch.npt.root, 4, 0);
	}
	require(used_count * PAGE_SIZE == page_bytes_used(), "%u pages are reachable, %lu in use",
		used_count, page_bytes_used() / PAGE_SIZE);
	/* Nothing of root's is lost: what it may reach as whole pages is mapped. */
	for (uint64_t page = 0; page < RAM_PAGES; page++)
		require(root_maps[page] == may_reach(&root_cell, page * PAGE_SIZE),
			"root's page %#lx: mapped %d, owner %u", page * PAGE_SIZE, root_maps[page],
			ram[page].owner);
	check_cpus();
	check_io_ports();
	check_pins();
}

static void boot(uint8_t options)
{
	static const struct cl_memory memory[] = {
		{ 0, 0, POOL_PHYS, CL_MEM_RAM },
		{ POOL_PHYS, POOL_PHYS, POOL_SIZE, CL_MEM_RAM },
		/* three pages, and registers in the fourth one */
		{ MACHINE_DEVICES, MACHINE_DEVICES, 3 * PAGE_SIZE,
		  CL_MEM_READ | CL_MEM_WRITE | CL_MEM_IO },
		{ MACHINE_DEVICES + 0x3010, MACHINE_DEVICES + 0x3010, 0x20,
		  CL_MEM_READ | CL_MEM_WRITE | CL_MEM_IO },
	};
	static const struct cl_pio pio[] = { { 0, 0x1100 } };
	static const struct cl_irqchip chips[] = { { MACHINE_IOAPIC, { 0xffffff, 0 }, 0, 0 } };
	struct cl_platform platform[] = { {
		.hv_phys = HV_PHYS,
		.hv_size = HV_SIZE,
		.pool_phys = POOL_PHYS,
		.pool_size = POOL_SIZE,
		.ecam_phys = MACHINE_ECAM,
		.ecam_first_bus = options >> 1 & 1,
		.ecam_last_bus = ECAM_BUSES - 1,
	} };
	struct cl_finding finding;
	struct cl_limits limits;
	uint64_t pool = options & 0xf0 ? (options >> 4) * 16UL : 448;

	machine_reset();
	x2apic_mode = options & 1;
	memset(&info, 0, sizeof(info));
	memset(cpus, 0, sizeof(cpus));
	memset(cpu_of_apic_id, 0xff, sizeof(cpu_of_apic_id));
	hv_phys = HV_PHYS;
	cpu_count = CPUS;
	for (unsigned int i = 0; i < CPUS; i++) {
		cpus[i].id = i;
		cpus[i].hw_id = i * 2;
		cpus[i].info = &info.cpus[i];
		cpu_of_apic_id[i * 2] = (uint8_t)i;
	}
	local->cpu = &cpus[0];
	local->exits = info.cpus[0].exits;
	guest_forget_pages();
	blob_begin(&root_blob, "root", CL_CELL_ROOT, 0);
	BLOB_ADD(&root_blob, CL_SEC_PLATFORM, platform);
	BLOB_ADD(&root_blob, CL_SEC_MEMORY, memory);
	BLOB_ADD(&root_blob, CL_SEC_PIO, pio);
	BLOB_ADD(&root_blob, CL_SEC_IRQCHIP, chips);
	page_init(IMAGE_PAGES * PAGE_SIZE, (IMAGE_PAGES + pool) * PAGE_SIZE);
	info.head.hv_phys = HV_PHYS;
	info.head.hv_size = HV_SIZE;
	arch_limits(&limits);
	require(!cl_check_config(&root_blob, root_blob.size, &limits, &finding), "%s",
		finding.rule);
	pci_init(platform);
	audit_init(platform, false);
	locked_for_all = false;
}

static bool running(const struct cpu *cpu)
{
	return !cpu->parked;
}

static void on_cpu(struct cpu *cpu)
{
	local->cpu = cpu;
	local->exits = cpu->info->exits;
}

/* All that a refused call must leave as it was. */
static struct {
	struct cell *cells[CONFIG_MAX_CELLS];
	struct cl_cell_info infos[CONFIG_MAX_CELLS];
	struct cell contents[CONFIG_MAX_CELLS];
	struct cpu cpus[CPUS];
	struct cl_finding finding;
	uint64_t bytes;
} saved;

static void save(void)
{
	memcpy(saved.cells, cells, sizeof(cells));
	memcpy(saved.infos, info.cells, sizeof(info.cells));
	memcpy(saved.cpus, cpus, sizeof(saved.cpus));
	saved.finding = info.head.finding;
	saved.bytes = page_bytes_used();
	for (unsigned int i = 0; i < CONFIG_MAX_CELLS; i++)
		if (cells[i])
			saved.contents[i] = *cells[i];
}

static void check_unchanged(void)
{
	require(!memcmp(saved.cells, cells, sizeof(cells)), "cells");
	require(!memcmp(saved.infos, info.cells, sizeof(info.cells)), "info of cells");
	require(!memcmp(saved.cpus, cpus, sizeof(saved.cpus)), "CPUs");
	require(!memcmp(&saved.finding, &info.head.finding, sizeof(saved.finding)), "finding");
	require(saved.bytes == page_bytes_used(), "memory");
	for (unsigned int i = 0; i < CONFIG_MAX_CELLS; i++)
		require(!cells[i] || !memcmp(&saved.contents[i], cells[i], sizeof(struct cell)),
			"cell %u", i);
}

/* RAM of a cell that is gone is zero, but for what root may have written meanwhile: nothing. */
static void check_scrubbed(const struct cl_config *config)
{
	struct cl_memory m;

	for (uint32_t j = 0; config_region(config, j, &m); j++) {
		if (!from_root(&m) || m.flags & CL_MEM_IO || !(m.flags & CL_MEM_WRITE))
			continue;
		for (uint64_t at = 0; at < m.size; at += PAGE_SIZE)
			require(!machine_ram[m.phys + at] && !machine_ram[m.phys + at + 4095],
				"%#lx was not zeroed", m.phys + at);
	}
}

/* What the cell leaves in its memory. */
static void dirty(const struct cl_config *config)
{
	struct cl_memory m;

	for (uint32_t j = 0; config_region(config, j, &m); j++)
		for (uint64_t at = 0; from_root(&m) && !(m.flags & CL_MEM_IO) && at < m.size;
		     at += PAGE_SIZE)
			machine_ram[m.phys + at] = machine_ram[m.phys + at + 4095] = 0x77;
}

/* May root manage this cell, or anything? */
static bool is_locked_call(uint64_t number, uint64_t id)
{
	switch (number) {
	case CL_HC_DISABLE:
	case CL_HC_CELL_CREATE:
	case CL_HC_LOCK:
		return locked_for_all;
	case CL_HC_CELL_SET_LOADABLE:
	case CL_HC_CELL_START:
	case CL_HC_CELL_DESTROY:
	case CL_HC_CELL_SCRUB:
	case CL_HC_CONSOLE_WRITE:
	case CL_HC_CELL_MESSAGE:
		return locked_for_all ||
		       (id && id < CONFIG_MAX_CELLS && cells[id] && info.cells[id].locked);
	default:
		return false;
	}
}

static int64_t call(uint64_t number, uint64_t arg0, uint64_t arg1, uint64_t arg2)
{
	bool from_cell = local->cpu->cell != &root_cell;
	bool locked = !from_cell && is_locked_call(number, arg0);
	struct blob gone = { .size = 0 };
	int64_t result;

	if (number == CL_HC_CELL_SCRUB && arg0 && arg0 < CONFIG_MAX_CELLS && cells[arg0])
		memcpy(gone.bytes, cells[arg0]->config, cells[arg0]->config->total_size);
	if (from_cell)
		save();
	result = hypercall(number, arg0, arg1, arg2);
	if (locked)
		require(result == -EPERM || (number == CL_HC_CONSOLE_WRITE && result == -EINVAL),
			"call %lu of root although it is locked: %ld", number, result);
	if (number == CL_HC_LOCK && !result)
		locked_for_all = true;
	if (from_cell && number == CL_HC_RELEASE) {
		require(result == 0 ? saved.infos[local->cpu->cell->id].locked : result == -EINVAL,
			"release %ld", result);
	} else if (from_cell) {
		require(number == CL_HC_GET_INFO ||
				result == (number < CL_HC_COUNT ? -EPERM : -ENOSYS),
			"call %lu of a cell: %ld", number, result);
		check_unchanged();
	}
	if (number == CL_HC_CELL_CREATE && result > 0)
		dirty(cells[result]->config);
	if (number == CL_HC_CELL_SCRUB && !result && !from_cell)
		check_scrubbed(&gone.config);
	require(result >= -ERANGE * 4, "result %ld", result);
	/* The lock is free again. */
	require(from_cell || cell_state(0) == -ENOENT, "management lock");
	return result;
}

#define PICK(in, ...)         \
	(((const uint64_t[]){ \
		__VA_ARGS__ })[take(in, 1) % (sizeof((const uint64_t[]){ __VA_ARGS__ }) / 8)])

/* A config that is good more often than not. */
static void make_config(struct input *in)
{
	static const char *const names[] = { "a", "b", "c", "d" };
	struct cl_memory memory[4];
	struct cl_cpu list[CPUS];
	unsigned int shape = (unsigned int)take(in, 1), count = 0;
	uint64_t cpu_bits = take(in, 1);

	blob_begin(&blob, names[shape & 3],
		   (shape & 4 ? CL_CELL_VUART : 0) |
			   ((cpu_bits & 0xe0) == 0xe0 ? CL_CELL_LOCKED : 0),
		   0);
	for (unsigned int i = 0; i < CPUS; i++)
		if (cpu_bits & 1 << i)
			list[count++] = (struct cl_cpu){ i, 0 };
	blob_add(&blob, CL_SEC_CPUS, sizeof(list[0]), count, list);
	count = 1 + (shape >> 3 & 3);
	memory[0] = (struct cl_memory){ POOL_PHYS + take(in, 1) * PAGE_SIZE, 0,
					(1 + take(in, 1) % 48) * PAGE_SIZE,
					CL_MEM_RAM | (shape & 0x20 ? CL_MEM_LOADABLE : 0) };
	for (unsigned int i = 1; i < count; i++) {
		struct cl_memory *m = &memory[i];

		m->phys = PICK(in, POOL_PHYS + 0x100000, POOL_PHYS + 0x200000, 0x400000,
			       MACHINE_DEVICES, MACHINE_DEVICES + PAGE_SIZE,
			       MACHINE_DEVICES + 0x2010, MACHINE_DEVICES + 0x2020,
			       MACHINE_DEVICES + 0x3010, MACHINE_DEVICES + 0x3020, 0, 0, HV_PHYS,
			       0x10);
		m->size = PICK(in, 0x1000, 0x1000, 0x2000, 0x10, 0x10, 0x20, 0x200000);
		m->flags = PICK(in, CL_MEM_RAM, CL_MEM_RAM | CL_MEM_LOADABLE,
				CL_MEM_READ | CL_MEM_WRITE | CL_MEM_IO,
				CL_MEM_READ | CL_MEM_WRITE | CL_MEM_IO, CL_MEM_READ,
				CL_MEM_READ | CL_MEM_WRITE | CL_MEM_SHARED,
				CL_MEM_READ | CL_MEM_WRITE | CL_MEM_COMM, CL_MEM_READ | CL_MEM_IO);
		m->virt = (m->phys & 0xfff) + 0x1000000UL * i;
	}
	blob_add(&blob, CL_SEC_MEMORY, sizeof(memory[0]), count, memory);
	if (shape & 0x40) {
		const struct cl_pio pio[] = { { (uint32_t)PICK(in, 0x2f8, 0x2fc, 0x1000, 0xcf8),
						(uint32_t)take(in, 1) % 16 } };
		const struct cl_irqchip chip[] = { { MACHINE_IOAPIC, { take(in, 3), 0 }, 0, 0 } };

		BLOB_ADD(&blob, CL_SEC_PIO, pio);
		BLOB_ADD(&blob, CL_SEC_IRQCHIP, chip);
	}
	if (shape & 0x80) {
		struct cl_pci_device devices[] = { { .bus = (uint8_t)(take(in, 1) & 1) } };

		devices[0].devfn = (uint8_t)(take(in, 1) & 3);
		BLOB_ADD(&blob, CL_SEC_PCI, devices);
	}
}

static void create(struct input *in)
{
	uint64_t address = BLOB_ADDRESS, size;
	unsigned int odd;

	make_config(in);
	size = blob.size;
	odd = (unsigned int)take(in, 1);
	if (odd < 16)
		blob.bytes[take(in, 2) % blob.size] ^= (char)take(in, 1);
	if (odd >= 0x80) {
		const struct cl_watchdog dog[] = { { CL_WATCHDOG_MIN, 0 } };

		BLOB_ADD(&blob, CL_SEC_WATCHDOG, dog);
		size = blob.size;
	}
	if (odd & 0x10)
		address += PAGE_SIZE - 8;
	memcpy(machine_ram + address, blob.bytes, blob.size);
	if (odd == 0x21)
		size = take(in, 3);
	if (odd == 0x22)
		address = PICK(in, HV_PHYS, HV_PHYS - 8, MACHINE_MEMORY - 16, ~0UL, POOL_PHYS,
			       MACHINE_DEVICES, 0xfee00000);
	if (odd == 0x23)
		address = take(in, 8);
	call(CL_HC_CELL_CREATE, address, size, 0);
}

/* A MOV to or from memory of one cell's CPU, as the CPU would hand it over. */
static void memory_access(struct input *in)
{
	static uint8_t before[DEVICE_BYTES];
	struct cell *cell = local->cpu->cell;
	unsigned int kind = (unsigned int)take(in, 1);
	unsigned int size = 1U << (kind >> 1) % 4;
	bool write = kind & 1;
	struct guest_regs regs = { .rax = 0, .rcx = ~take(in, 8) };
	uint64_t address = PICK(in, MACHINE_DEVICES, MACHINE_DEVICES + 0x2000,
				MACHINE_DEVICES + 0x3000, MACHINE_IOAPIC, XAPIC_PAGE, MACHINE_ECAM,
				MACHINE_ECAM + (1 << 20), 0x1000000, 0x2000000, 0x3000000, HV_PHYS,
				POOL_PHYS);
	unsigned int position = 0;

	address += PICK(in, 0, 0x8, 0x10, 0x18, 0x20, 0x28, 0x300, 0xffc) + take(in, 1) % 8;
	/* What is mapped makes no exit. */
	if (arch_translate(cell, address, write ? CL_MEM_WRITE : CL_MEM_READ) != ~0UL)
		return;
	vmcb->efer = EFER_LMA;
	vmcb->cs.attributes = BIT(9);
	vmcb->fetched_bytes = 15;
	memset(vmcb->guest_bytes, 0x90, sizeof(vmcb->guest_bytes));
	if (size == 2)
		vmcb->guest_bytes[position++] = 0x66;
	if (size == 8)
		vmcb->guest_bytes[position++] = 0x48;
	vmcb->guest_bytes[position++] = (uint8_t)((write ? 0x88 : 0x8a) + (size > 1));
	vmcb->guest_bytes[position++] = 0x0b; /* [rbx], rcx */
	if (kind & 0x80)
		vmcb->guest_bytes[take(in, 1) % 15] = (uint8_t)take(in, 1);
	memcpy(before, machine_devices, sizeof(before));
	mmio_access(&regs, address, write);
	for (unsigned int i = 0; i < sizeof(before); i++)
		if (before[i] != machine_devices[i])
			require(write && may_reach(cell, MACHINE_DEVICES + i),
				"cell %u changed register %#x", cell->id, i);
}

/* Exits of guests that the hypervisor answers; a cell may end by it. */
static void guest_access(struct input *in, unsigned int what)
{
	uint32_t value = (uint32_t)take(in, 4);
	uint64_t value64;

	switch (what >> 4 & 3) {
	case 0:
	case 1:
		memory_access(in);
		break;
	case 2:
		pio_access((uint16_t)PICK(in, 0xcf8, 0xcf8, 0xcfc, 0xcfd, 0x3f8, 0x3fb, 0x3ff,
					  0x70),
			   1U << take(in, 1) % 3, value & 1, &value);
		break;
	default:
		if (value & 1)
			msr_write((uint32_t)PICK(in, 0x10, 0x1b, 0xc0000080, 0x830, 0x8ff, 0x12345),
				  take(in, 8));
		else
			msr_read((uint32_t)PICK(in, 0x10, 0x1b, 0xc0000080, 0xc0010114, 0x12345),
				 &value64);
	}
}

/* The cell writes its word, or root looks at one: only a cell that is armed and has not kicked
 * ends. */
static void watchdog(struct input *in, const struct cpu *cpu, uint64_t id)
{
	const struct cell *cell = id && id < CONFIG_MAX_CELLS ? cells[id] : NULL;
	uint32_t state = cell ? cell->info->state : 0;
	uint32_t word = cell && cell->comm ? cell->comm->watchdog : 0;

	if (cpu->cell->comm)
		cpu->cell->comm->watchdog = (uint32_t)PICK(in, 1, 3, 0, 2, ~0U, ~1U);
	if (cpu->cell != &root_cell)
		return;
	call(CL_HC_CELL_WATCHDOG, id, 0, 0);
	if (cell && cell->info->state != state)
		require(cell->info->state == CL_STATE_FAILED && state == CL_STATE_RUNNING &&
				(word & 3) == CL_WATCHDOG_ARMED,
			"watchdog %#x: state %u", word, cell->info->state);
	require(!cell || state != CL_STATE_RUNNING || !cell->watchdog_ms ||
			cell->comm->watchdog == (word & ~(uint32_t)CL_WATCHDOG_KICKED),
		"watchdog %#x", word);
}

static void operation(struct input *in)
{
	unsigned int what = (unsigned int)take(in, 1);
	struct cpu *cpu = &cpus[take(in, 1) % CPUS];
	uint64_t id = take(in, 1);
	bool changed = true;

	id = id & 0x80 ? id & 0x7f : id % 5;
	if (!running(cpu))
		return;
	on_cpu(cpu);
	switch (what % 16) {
	case 0:
	case 1:
		create(in);
		break;
	case 2:
		call(CL_HC_CELL_SET_LOADABLE, id, 0, 0);
		break;
	case 3:
	case 4:
		call(CL_HC_CELL_START, id, 0, 0);
		break;
	case 5:
		call(CL_HC_CELL_DESTROY, id, 0, 0);
		break;
	case 6:
		call(CL_HC_CELL_SCRUB, id, 0, 0);
		break;
	case 7:
		while (call(CL_HC_CELL_SCRUB, id, 0, 0) > 0)
			;
		break;
	case 8:
		if (cpu->cell->comm)
			cpu->cell->comm->cell_state = (uint32_t)PICK(in, 3, 3, 2, 0, 5, ~0U);
		changed = false;
		break;
	case 9:
		call(CL_HC_CELL_STATE, id, 0, 0);
		break;
	case 10:
		call(CL_HC_CONSOLE_WRITE, id, take(in, 1) % 12, take(in, 8));
		break;
	case 11:
		call(PICK(in, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, ~0UL, 1UL << 32),
		     take(in, 8), take(in, 8), take(in, 8));
		break;
	case 12:
		if (id & 1)
			call(CL_HC_CELL_MESSAGE, id, take(in, 8), 0);
		else if (id & 2)
			call(CL_HC_RELEASE, 0, 0, 0);
		else if (id & 4)
			watchdog(in, cpu, id);
		else
			call(CL_HC_INSPECT,
			     PICK(in, BLOB_ADDRESS, 0, 8, HV_PHYS, HV_PHYS - PAGE_SIZE,
				  HV_PHYS + (1 << 20), POOL_PHYS, MACHINE_MEMORY - PAGE_SIZE,
				  -PAGE_SIZE, XAPIC_PAGE, BIT(48)),
			     PICK(in, 0, PAGE_SIZE, 2 * PAGE_SIZE, 100, 1 << 20, -PAGE_SIZE), 0);
		break;
	case 13:
		/* Root that fails is lost for good: nothing more could be tried. */
		if (cpu->cell != &root_cell && !setjmp(idle))
			cell_fail("on request %lu", take(in, 8));
		break;
	default:
		if (!setjmp(idle))
			guest_access(in, what);
	}
	/* Whoever ran may have been asked for something by itself. */
	run_events(local->cpu);
	if (changed)
		check_all();
}

static void end_all(void)
{
	unsigned int root_cpu;

	if (locked_for_all) {
		check_all();
		return;
	}

	for (root_cpu = 0; root_cpu < CPUS; root_cpu++)
		if (running(&cpus[root_cpu]) && cpus[root_cpu].cell == &root_cell)
			break;
	require(root_cpu < CPUS, "root has no CPU");
	on_cpu(&cpus[root_cpu]);
	for (unsigned int i = 1; i < CONFIG_MAX_CELLS; i++) {
		if (!cells[i])
			continue;
		cells[i]->locked = false;
		info.cells[i].locked = 0;
		require(!call(CL_HC_CELL_DESTROY, i, 0, 0), "destroy");
		while (cells[i])
			require(call(CL_HC_CELL_SCRUB, i, 0, 0) >= 0, "scrub");
	}
	check_all();
	for (unsigned int i = 0; i < CPUS; i++)
		require(cpus[i].cell == &root_cell, "CPU %u", i);
	/* Root's tables may have been split, and stay so: two for RAM, one for devices. */
	require(page_bytes_used() / PAGE_SIZE <= root_pages + RAM_PAGES / 512 + 3, "%lu pages",
		page_bytes_used() / PAGE_SIZE);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct input in;

	in = (struct input){ data, data + size };
	boot((uint8_t)take(&in, 1));
	if (cell_init_root(&root_blob.config))
		return 0; /* too little memory */
	root_pages = (unsigned int)(page_bytes_used() / PAGE_SIZE);
	check_all();
	if (setjmp(left)) {
		/* Disabled: only possible without cells. */
		for (unsigned int i = 1; i < CONFIG_MAX_CELLS; i++)
			require(!cells[i], "disabled with cell %u", i);
		require(call(CL_HC_CELL_CREATE, BLOB_ADDRESS, 100, 0) == -EBUSY, "create");
		return 0;
	}
	while (in.at < in.end)
		operation(&in);
	end_all();
	return 0;
}

#pragma clang attribute pop
