// SPDX-License-Identifier: GPL-2.0
/*
 * arm64: SMC and HVC #0 by root and a cell, each with two CPUs: PSCI against a naive model of which
 * CPU is on; and what reaches the firmware, with which registers, is what the configs list.
 *
 * Input: a byte of flags (bit 0: --audit), what root and the cell list (a byte for how many, 3 for
 * each), then calls of 8 bytes.
 */
#include "fuzz.h"
#include <arm64.h>
#include <audit.h>
#include <firmware.h>
#include "../host/arm64/machine.h"
#include "../unit/config_builder.h"

#define MAX_LISTED 4

static struct cell the_cell;

static struct cl_cpu_info cpu_infos[MACHINE_CPUS];
static struct cl_cell_info cell_infos[2];
static struct blob blobs[2];
static struct cl_firmware listed[2][MAX_LISTED];
static unsigned int listed_count[2];
static bool auditing;

/* The model: what a CPU does. */
static enum { ON, OFF, STARTING } state[MACHINE_CPUS];

/* What the call under test has done. */
static struct {
	unsigned int smcs, waits, audits, ends;
	uint64_t args[FIRMWARE_REGS], results[FIRMWARE_RESULTS];
} seen;

uint64_t host_read_sysreg(const char *name)
{
	require(!strcmp(name, "elr_el2"), "%s is read", name);
	return 0x1004;
}

void host_write_sysreg(const char *name, uint64_t value)
{
	require(false, "%s is written: %#lx", name, value);
}

void own_page_mapped(uint64_t address)
{
	require(false, "page at %#lx", address);
}

void own_page_unmapped(uint64_t address)
{
	require(false, "page at %#lx", address);
}

void wait_for_interrupt(void)
{
	seen.waits++;
}

uint64_t arch_guest_pc(void)
{
	return read_sysreg(elr_el2);
}

void cell_denied_slow(struct cell *cell, const char *what, uint64_t address, uint64_t value)
{
	(void)what;
	(void)address;
	(void)value;
	require(cell == local->cpu->cell, "another cell's");
	cell->denied++;
}

void cell_shut_down(void)
{
	require(local->cpu->cell != &root_cell, "root");
	seen.ends++;
}

void cell_reset(void)
{
	cell_shut_down();
}

void cpu_post(struct cpu *cpu, uint32_t events)
{
	require(events == CPU_EV_START && cpu->cell == local->cpu->cell, "event %#x to CPU %u",
		events, cpu->id);
	require(state[cpu->id] == OFF, "CPU %u is started", cpu->id);
	cpu->events |= events;
}

/* CPU_OFF: the loop below lets the CPU go on when it has been started. */
void cpu_handle_events(void)
{
	struct cpu *cpu = local->cpu;

	require(cpu->events == CPU_EV_WAIT, "CPU %u has events %#x", cpu->id, cpu->events);
	cpu->events = 0;
	cpu->waiting = true;
	state[cpu->id] = OFF;
}

enum audit_answer audit_access(enum cl_audit_kind kind, uint64_t address, unsigned int access,
			       uint64_t rip)
{
	require(kind == CL_AUDIT_FIRMWARE && access == CL_AUDIT_EXECUTE && rip == 0x1000,
		"kind %u, %#lx", (unsigned int)kind, rip);
	require(local->cpu->cell == &root_cell && cl_firmware_possible((uint32_t)address), "%#lx",
		address);
	seen.audits++;
	return auditing ? AUDIT_ALLOW : AUDIT_REFUSE;
}

void arm64_smc(uint64_t *regs)
{
	seen.smcs++;
	memcpy(seen.args, regs, sizeof(seen.args));
	/* Results, and what a firmware may leave in the other registers. */
	for (unsigned int i = 0; i < FIRMWARE_RESULTS; i++)
		regs[i] = seen.results[i] = 0xf00d000000000000 | i;
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc;
	(void)argv;
	machine_map_local();
	return 0;
}

/* Services that a config can list, and their neighbours. */
static const uint32_t bases[] = { 0x82000000, 0xc2000000, 0x83000000, 0xc3000000,
				  0x84000050, 0xc4000050, 0x84000000, 0xc4000000,
				  0x8400005c, 0x02000000, 0x80008000, 0x80003ff8,
				  0x80007ff8, 0x80000000, 0xb2000000, 0xc4000020 };

static void take_list(struct input *in, unsigned int number)
{
	listed_count[number] = (unsigned int)take(in, 1) % (MAX_LISTED + 1);
	for (unsigned int i = 0; i < listed_count[number]; i++) {
		struct cl_firmware *entry = &listed[number][i];

		entry->function =
			bases[take(in, 1) % ARRAY_SIZE(bases)] + (uint32_t)take(in, 1) % 16;
		entry->count = (uint32_t)take(in, 1) % 8;
	}
}

/* A config with that list; false: it is refused. */
static bool build(unsigned int number, const char *name)
{
	static const struct cl_limits limits = { .arch = CL_ARCH_ARM64,
						 .phys_bits = 40,
						 .max_cpus = MACHINE_CPUS };
	static const struct cl_platform platform[] = { { .hv_phys = CL_AUTO,
							 .hv_size = 0x200000 } };
	static const struct cl_gic gic[] = { { .version = 3,
					       .maintenance_irq = 25,
					       .dist_phys = 0x8000000,
					       .redist_phys = 0x80a0000,
					       .redist_size = 0xf60000 } };
	static const struct cl_cpu cpu_list[] = { { 2, 0 }, { 3, 0 } };
	static const struct cl_memory memory[] = { { 0x40000000, 0, 0x1000, CL_MEM_RAM } };
	struct blob *b = &blobs[number];
	struct cl_finding finding;

	blob_begin(b, name, number ? 0 : CL_CELL_ROOT, 0);
	b->config.arch = CL_ARCH_ARM64;
	if (number) {
		BLOB_ADD(b, CL_SEC_CPUS, cpu_list);
		BLOB_ADD(b, CL_SEC_MEMORY, memory);
	} else {
		BLOB_ADD(b, CL_SEC_PLATFORM, platform);
		BLOB_ADD(b, CL_SEC_GIC, gic);
	}
	blob_add(b, CL_SEC_FIRMWARE, sizeof(listed[0][0]), listed_count[number], listed[number]);
	return !cl_check_config(b, b->size, &limits, &finding);
}

static bool lists(unsigned int number, uint32_t function)
{
	for (unsigned int i = 0; i < listed_count[number]; i++)
		for (uint32_t n = 0; n < listed[number][i].count; n++)
			if (listed[number][i].function + n == function)
				return true;
	return false;
}

/* SiP, OEM, TRNG; fast; with nothing in the bits that must be zero. */
static bool can_be_listed(uint32_t function)
{
	uint32_t plain = function & ~0x40000000U;

	return (plain >= 0x82000000 && plain <= 0x8200ffff) ||
	       (plain >= 0x83000000 && plain <= 0x8300ffff) ||
	       (plain >= 0x84000050 && plain <= 0x8400005f);
}

static bool is_workaround(uint32_t function)
{
	return function == 0x80008000 || function == 0x80007fff || function == 0x80003fff;
}

static bool goes_to_firmware(unsigned int number, bool smc, uint32_t function, uint64_t arg)
{
	uint32_t plain = function & ~0x40000000U;

	if (is_workaround(function) || (function == 0x80000001 && is_workaround((uint32_t)arg)))
		return true;
	if (!number && (plain == 0x84000008 || plain == 0x84000009))
		return true;
	if (!smc || !can_be_listed(function))
		return false;
	return lists(number, function) || (!number && auditing);
}

/* The CPU that an MPIDR names for this caller, -1: none. */
static int named(unsigned int caller, uint64_t mpidr)
{
	if (mpidr > 3 || mpidr / 2 != caller / 2)
		return -1;
	return (int)mpidr;
}

static int64_t expect_cpu_on(unsigned int caller, uint64_t mpidr, uint64_t address)
{
	int cpu = named(caller, mpidr);

	if (cpu < 0)
		return -2;
	if (address & 3 || address >> 40)
		return -9;
	if (state[cpu] == ON)
		return -4;
	return state[cpu] == STARTING ? -5 : 0;
}

static int64_t expect_features(uint32_t function)
{
	uint32_t plain = function & ~0x40000000U;

	if (function == 0x80000000 || (plain >= 0x84000000 && plain <= 0x84000004) ||
	    plain == 0x84000006 || (plain >= 0x84000008 && plain <= 0x8400000a))
		return 0;
	return plain == 0x80000000 ? 0 : -1;
}

/* What X0 is for a call that the hypervisor answers. */
static int64_t expect(unsigned int caller, uint32_t function, const uint64_t *x)
{
	uint64_t mask = function & 0x40000000 ? ~0UL : 0xffffffff;
	int cpu;

	switch (function & ~0x40000000U) {
	case 0x84000000:
		return 0x10001;
	case 0x84000001:
		return 0;
	case 0x84000003:
		return expect_cpu_on(caller, x[1] & mask, x[2] & mask);
	case 0x84000004:
		cpu = named(caller, x[1] & mask);
		return cpu < 0 || x[2] & mask ? -2 : (int64_t)state[cpu];
	case 0x84000006:
		return 2;
	case 0x8400000a:
		return expect_features((uint32_t)x[1]);
	default:
		return function == 0x80000000 ? 0x10001 : -1;
	}
}

static void check_firmware_call(uint32_t function, const uint64_t *before, const uint64_t *after)
{
	require(seen.smcs == 1 && !seen.ends, "%08x: %u calls", function, seen.smcs);
	require(seen.args[0] == function, "%08x: X0 %#lx", function, seen.args[0]);
	for (unsigned int i = 1; i < FIRMWARE_REGS; i++) {
		uint64_t mask = i < 8 && !(function & 0x40000000) ? 0xffffffff : ~0UL;

		require(seen.args[i] == (before[i] & mask), "%08x: X%u %#lx", function, i,
			seen.args[i]);
	}
	require(!memcmp(after, seen.results, sizeof(seen.results)), "%08x: results", function);
}

static void check_call(unsigned int caller, bool smc, const uint64_t *before, const uint64_t *after)
{
	uint32_t function = (uint32_t)before[0], plain = function & ~0x40000000U;
	unsigned int number = caller / 2;

	require(!memcmp(after + FIRMWARE_RESULTS, before + FIRMWARE_RESULTS,
			(31 - FIRMWARE_RESULTS) * sizeof(*before)),
		"%08x: a register above X3 has changed", function);
	if (goes_to_firmware(number, smc, function, before[1])) {
		check_firmware_call(function, before, after);
		return;
	}
	require(!seen.smcs, "%08x of CPU %u has reached the firmware", function, caller);
	require(!memcmp(after + 1, before + 1, 3 * sizeof(*before)), "%08x: X1 to X3", function);
	require(seen.waits == (plain == 0x84000001), "%08x: %u waits", function, seen.waits);
	require(seen.ends == (number && (plain == 0x84000008 || plain == 0x84000009)), "%08x: end",
		function);
}

static void one_call(unsigned int caller, bool smc, uint64_t *x)
{
	uint32_t function = (uint32_t)x[0], plain = function & ~0x40000000U;
	struct guest_regs regs = { { 0 } };
	struct cpu *cpu = &cpus[caller];
	int64_t expected;

	memset(&seen, 0, sizeof(seen));
	memcpy(regs.x, x, 31 * sizeof(*x));
	local->cpu = cpu;
	local->exits = cpu->info->exits;
	expected = expect(caller, function, x);
	smccc_call(&regs, smc);
	check_call(caller, smc, x, regs.x);
	if (seen.smcs || seen.ends || plain == 0x84000002)
		return;
	require((int64_t)regs.x[0] == expected, "%08x of CPU %u: %ld, not %ld", function, caller,
		(long)regs.x[0], (long)expected);
	if (plain == 0x84000003 && !expected) {
		unsigned int started = (unsigned int)x[1] & 3;
		uint64_t mask = function & 0x40000000 ? ~0UL : 0xffffffff;

		require(cpus[started].start.address == (x[2] & mask) &&
				cpus[started].start.argument == (x[3] & mask),
			"CPU %u starts elsewhere", started);
		state[started] = STARTING;
	}
}

/* A CPU that has been started runs, as arch_cpu_start() leaves it. */
static void let_start(unsigned int number)
{
	struct cpu *cpu = &cpus[number];

	if (state[number] != STARTING)
		return;
	require(cpu->events == CPU_EV_START && cpu->waiting, "CPU %u", number);
	cpu->events = 0;
	cpu->waiting = false;
	cpu->arch.starting = false;
	state[number] = ON;
}

static uint32_t some_function(uint64_t chance)
{
	uint32_t low = (uint32_t)(chance >> 8);

	switch (chance & 3) {
	case 0: /* PSCI */
		return 0x84000000 | (low & 0x40000000) | (low & 0xf);
	case 1:
		return bases[low % ARRAY_SIZE(bases)] + (low >> 8 & 0xf);
	case 2: /* by owner */
		return (low & 0xff00000f) | (low & 0x10 ? low & 0xff0000 : 0);
	default:
		return low;
	}
}

static uint64_t some_argument(uint64_t chance)
{
	switch (chance & 3) {
	case 0:
		return chance >> 2 & 7;
	case 1:
		return (chance >> 2 & 0xff) << (chance >> 10 & 0x38);
	case 2:
		return some_function(chance >> 2);
	default:
		return (chance & 0xfc) | (chance & 0x100 ? 0xffffffff00000000 : 0);
	}
}

static void reset(void)
{
	memset(cpus, 0, sizeof(cpus));
	memset(cpu_infos, 0, sizeof(cpu_infos));
	memset(cell_infos, 0, sizeof(cell_infos));
	root_cell = (struct cell){ .config = &blobs[0].config, .info = &cell_infos[0] };
	the_cell = (struct cell){ .id = 1, .config = &blobs[1].config, .info = &cell_infos[1] };
	cell_infos[0].cpus[0] = 3;
	cell_infos[1].cpus[0] = 12;
	for (unsigned int i = 0; i < MACHINE_CPUS; i++) {
		cpus[i].id = cpus[i].hw_id = i;
		cpus[i].cell = i < 2 ? &root_cell : &the_cell;
		cpus[i].info = &cpu_infos[i];
		state[i] = ON;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input in = { data, data + size };

	auditing = take(&in, 1) & 1;
	take_list(&in, 0);
	take_list(&in, 1);
	for (unsigned int number = 0; number < 2; number++) {
		bool good = true;

		for (unsigned int i = 0; i < listed_count[number]; i++) {
			const struct cl_firmware *f = &listed[number][i];

			good &= f->count && can_be_listed(f->function) &&
				can_be_listed(f->function + f->count - 1);
			for (unsigned int k = 0; k < i; k++)
				for (uint32_t n = 0; n < f->count; n++)
					good &= f->function + n - listed[number][k].function >=
						listed[number][k].count;
		}
		require(build(number, number ? "cell" : "machine") == good, "list of %u", number);
		if (!good)
			return 0;
	}
	reset();
	while (in.at < in.end) {
		uint64_t chance = take(&in, 1), seed = take(&in, 7), x[31];
		unsigned int caller = chance & 3;

		if (chance & 0x80)
			let_start(caller);
		if (state[caller] != ON)
			continue;
		for (unsigned int i = 0; i < 31; i++)
			x[i] = (seed << (i & 7)) * 0x9e3779b97f4a7c15;
		x[0] = some_function(seed) | (chance & 0x40 ? 0xabcdef0000000000 : 0);
		for (unsigned int i = 1; i < 4; i++)
			x[i] = some_argument(seed >> (12 * i));
		one_call(caller, chance & 0x10, x);
	}
	return 0;
}
