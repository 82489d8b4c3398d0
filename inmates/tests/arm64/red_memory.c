// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0
/*
 * Attacks on memory. Command line: what= one of
 *
 *   scan		the probes of a table at 0x100000, one after the other. Most end the cell:
 *			where it was stays in its memory, and the next start goes on behind it
 *   maintenance	caches, address translation and TLBs, for the addresses of that table: they
 *			have no effect, and translation tells guest-physical addresses only
 *   mmio		instructions that drivers use on registers, in all forms: they work
 * and, each of which ends the cell,
 *   table address=A	a page table there
 *   write address=A	a write there
 *   code address=A	code there
 *   stack address=A	an exception on a stack there
 *   insn word=W	an instruction that drivers do not use on registers; its base is X1
 */
#include "attack.h"
#include "probes.h"

/* Arm DDI 0487, D8.3 */
#define DESC_TABLE  0x3UL
#define DESC_PAGE   0x3UL
#define DESC_DEVICE (1UL << 2)
#define DESC_ISH    (3UL << 8)
#define DESC_AF	    (1UL << 10)
#define ADDRESS	    0x0000fffffffff000UL
#define WINDOW	    (4UL << 30) /* behind what the library maps */
#define TCR_IPS	    (7UL << 32)
#define PAR_FAULT   1UL

extern uint64_t mmu_level1[512];
static volatile uint64_t level2[512] __attribute__((aligned(4096)));
static volatile uint64_t level3[512] __attribute__((aligned(4096)));

static unsigned int physical_bits(void)
{
	static const uint8_t widths[] = { 32, 36, 40, 42, 44, 48 };
	uint64_t range = read_sysreg(id_aa64mmfr0_el1) & 0xf;

	return widths[range > 5 ? 5 : range];
}

static void flush(void)
{
	__asm__ volatile("dsb sy; tlbi vmalle1; dsb sy; isb" ::: "memory");
}

/* The page of an address, at WINDOW. Returns where the address is. */
static uint64_t map_page(uint64_t address, uint64_t attributes)
{
	uint64_t range = read_sysreg(id_aa64mmfr0_el1) & 7;

	write_sysreg(tcr_el1, (read_sysreg(tcr_el1) & ~TCR_IPS) | range << 32);
	mmu_level1[4] = (uintptr_t)level2 | DESC_TABLE;
	level2[0] = (uintptr_t)level3 | DESC_TABLE;
	level3[0] = (address & ADDRESS) | attributes | DESC_ISH | DESC_AF | DESC_PAGE;
	flush();
	return WINDOW + (address & 0xfff);
}

static void probe(const struct probe *p)
{
	uint64_t at = map_page(p->address & ~7ULL, 0);
	uint64_t regs[8] = { 0x5eed, at, 0x10000 };
	unsigned int fault;

	/*
	 * An address that the CPU does not have is a fault of stage 1. The library catches that at
	 * the instruction, so not where code is to be fetched from.
	 */
	if (p->kind == FETCH && !(p->address >> physical_bits()))
		fault = TRY("blr %1", "r"(at));
	else if (p->kind == WRITE)
		fault = run_word(0xb9000020, regs); /* str w0, [x1] */
	else if (p->kind == EXCLUSIVE)
		fault = run_word(0xc85f7c20, regs); /* ldxr x0, [x1] */
	else if (p->kind == ZERO)
		fault = run_word(0xd50b7421, regs); /* dc zva, x1 */
	else
		fault = run_word(0xb9400020, regs); /* ldr w0, [x1] */
	if (fault) {
		progress.refused++;
		return;
	}
	progress.succeeded++;
	printf("attack succeeded: kind %llu address 0x%llx value 0x%llx\n",
	       (unsigned long long)p->kind, (unsigned long long)p->address,
	       (unsigned long long)regs[0]);
}

/* X0 has the address. */
static const uint32_t operations[] = {
	0xf9800000, /* prfm pldl1keep, [x0] */
	0xf9800010, /* prfm pstl1keep, [x0] */
	0xd50b7a20, /* dc cvac */
	0xd50b7b20, /* dc cvau */
	0xd50b7520, /* ic ivau */
	0xd5087800, /* at s1e1r */
	0xd5087820, /* at s1e1w */
	0xd5087840, /* at s1e0r */
	0xd5087860, /* at s1e0w */
	0xd5087620, /* dc ivac */
	0xd50b7e20, /* dc civac */
	0xd5087640, /* dc isw */
	0xd5087a40, /* dc csw */
	0xd5087e40, /* dc cisw */
};

/* X0 has the page number. */
static const uint32_t invalidations[] = {
	0xd5088720, /* tlbi vae1 */
	0xd5088320, /* tlbi vae1is */
	0xd5088760, /* tlbi vaae1 */
	0xd5088360, /* tlbi vaae1is */
	0xd5088340, /* tlbi aside1is */
	0xd5088300, /* tlbi vmalle1is */
};

static void maintain(uint64_t address)
{
	uint64_t at = map_page(address, 0), par;
	unsigned int i;

	if (address >> physical_bits())
		return;
	for (i = 0; i < sizeof(operations) / sizeof(operations[0]); i++) {
		struct outcome got = run_with(operations[i], at);

		if (got.fault)
			refused();
		else
			survived();
	}
	run_with(0xd5087800, at);
	isb();
	par = read_sysreg(par_el1);
	expect_refused(par & PAR_FAULT || (par & ADDRESS) == (address & ADDRESS),
		       "translation of address", address, par);
	for (i = 0; i < sizeof(invalidations) / sizeof(invalidations[0]); i++) {
		run_with(invalidations[i], address >> 12);
		survived();
	}
}

static void maintenance(void)
{
	uint64_t own = (uintptr_t)&progress, i;

	for (i = 0; i < PROBE_COUNT; i++)
		maintain(PROBES[i].address & ~7ULL);
	/* Its own memory is somewhere else in the machine: nothing tells where. */
	maintain(own);
	for (i = 0; i < 1000; i++) {
		progress.survived = i;
		__asm__ volatile("dc civac, %0; dc ivac, %0; dsb sy" ::"r"(&progress.survived)
				 : "memory");
		if (*(volatile uint64_t *)&progress.survived == i)
			survived();
		else
			succeeded("a line was lost", i, progress.survived);
	}
}

/* Loads of GICD_TYPER, or of that and GICD_IIDR behind it. */
struct form {
	uint32_t word;
	int16_t base, moved; /* X1 from GICD_TYPER, and how it changes */
	uint8_t loads;	     /* registers, X0 and X2 */
};

static const struct form forms[] = {
	{ 0xb9400020, 0, 0, 1 },  /* ldr w0, [x1] */
	{ 0xb9400820, -8, 0, 1 }, /* ldr w0, [x1, #8] */
	{ 0xb9800020, 0, 0, 1 },  /* ldrsw x0, [x1] */
	{ 0xb8400020, 0, 0, 1 },  /* ldur w0, [x1] */
	{ 0xb85fc020, 4, 0, 1 },  /* ldur w0, [x1, #-4] */
	{ 0xb8404420, 0, 4, 1 },  /* ldr w0, [x1], #4 */
	{ 0xb8404c20, -4, 4, 1 }, /* ldr w0, [x1, #4]! */
	{ 0xb85fc420, 0, -4, 1 }, /* ldr w0, [x1], #-4 */
	{ 0xb8804420, 0, 4, 1 },  /* ldrsw x0, [x1], #4 */
	{ 0xb8636820, 0, 0, 1 },  /* ldr w0, [x1, x3] */
	{ 0x29400820, 0, 0, 2 },  /* ldp w0, w2, [x1] */
	{ 0x29410820, -8, 0, 2 }, /* ldp w0, w2, [x1, #8] */
	{ 0x28c10820, 0, 8, 2 },  /* ldp w0, w2, [x1], #8 */
	{ 0x29c10820, -8, 8, 2 }, /* ldp w0, w2, [x1, #8]! */
	{ 0x28400820, 0, 0, 2 },  /* ldnp w0, w2, [x1] */
	{ 0x69400820, 0, 0, 2 },  /* ldpsw x0, x2, [x1] */
	{ 0x88dffc20, 0, 0, 1 },  /* ldar w0, [x1] */
};

static void mmio(void)
{
	unsigned int i;

	for (i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
		const struct form *form = &forms[i];
		uint64_t first = comm->gic_dist + 4;
		uint64_t expected = mmio_read32(first), second = mmio_read32(first + 4);
		uint64_t base = first + (int64_t)form->base;
		uint64_t regs[8] = { ~0ULL, base, ~0ULL, 0 };

		if (run_word(form->word, regs) || regs[0] != expected ||
		    (form->loads == 2 && regs[2] != second) ||
		    regs[1] != base + (uint64_t)(int64_t)form->moved)
			succeeded("wrong result of instruction", form->word, regs[0]);
		else
			survived();
	}
}

static uint64_t required(const char *key)
{
	uint64_t value = cmdline_number(key, 0);

	printf("attack: 0x%llx\n", (unsigned long long)value);
	return value;
}

static void table_there(void)
{
	uint64_t at = map_page(0x10000, 0), regs[8] = { 0, at, 0 };

	level2[0] = required("address") | DESC_TABLE;
	flush();
	/* A form that has to be looked at: it is not what makes the access. */
	run_word(0xb8404420, regs); /* ldr w0, [x1], #4 */
}

static void write_there(void)
{
	*(volatile uint64_t *)map_page(required("address"), 0) = 0;
}

static void code_there(void)
{
	((void (*)(void))map_page(required("address"), 0))();
}

static void stack_there(void)
{
	uint64_t at = map_page(required("address"), 0);

	__asm__ volatile("mov sp, %0; brk #0" ::"r"(at + 0x800));
}

static void insn(void)
{
	/* Normal memory to stage 1, which would refuse some of them itself. */
	uint64_t at = map_page(comm->gic_dist, 0) + 0x100, regs[8] = { 0, at, 0, 0, at };

	write_sysreg(cpacr_el1, 3UL << 20);
	isb();
	run_word((uint32_t)required("word"), regs);
}

static const struct attack attacks[] = {
	{ "scan", scan },	  { "maintenance", maintenance },
	{ "mmio", mmio },	  { "table", table_there },
	{ "write", write_there }, { "code", code_there },
	{ "stack", stack_there }, { "insn", insn },
};

void inmate_main(void)
{
	run_attack(attacks);
}
