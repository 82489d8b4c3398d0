// SPDX-License-Identifier: GPL-2.0
/* Every rule of the config validator, and its robustness against any blob. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>
#include <cloister/check.h>
#include <cloister/finding_format.h>
#include "config_builder.h"

#define GIB 0x40000000ULL
#define RAM (CL_MEM_RAM | CL_MEM_LOADABLE)
#define RW  (CL_MEM_READ | CL_MEM_WRITE)

static const struct cl_limits limits = {
	.arch = CL_ARCH_X86_64,
	.phys_bits = 40,
	.max_cpus = 64,
	.hv_phys = 0x30000000,
	.hv_size = 0x200000,
};

/* The good configs that each test changes in one place; pointers into the blob. */
struct fixture {
	struct blob cell, root;
	struct cl_cpu *cpu;
	struct cl_memory *mem;
	struct cl_pio *pio;
	struct cl_irqchip *chip;
	struct cl_pci_device *pci;
	struct cl_platform *platform;
	struct cl_memory *root_mem;
	struct cl_pio *root_pio;
	struct cl_irqchip *root_chip;
	struct cl_pci_device *root_pci;
};

static void build_cell(struct fixture *f, struct blob *b, const char *name)
{
	static const struct cl_cpu cpus[] = { { 2, 0 }, { 3, 0 } };
	static const struct cl_memory memory[] = {
		{ CL_AUTO, 0, 0x200000, RAM },
		{ 0x3a000000, 0x40000000, 0x10000, RAM },
		{ 0x3b000000, 0x50000000, 0x2000, RW | CL_MEM_SHARED },
		{ 0xd0000000, 0xd0000000, 0x4000, RW | CL_MEM_IO },
		{ 0xd0004010, 0xd0004010, 0x10, RW | CL_MEM_IO },
		{ 0, 0x7fff0000, 0x1000, RW | CL_MEM_COMM },
	};
	static const struct cl_pio pio[] = { { 0x2f8, 8 }, { 0x1000, 0x20 } };
	static const struct cl_irqchip chips[] = { { 0xfec00000, { 0x8, 0 }, 0, 0 },
						   { 0xfec01000, { 0x1, 0x1 }, 0, 0 } };
	static const struct cl_pci_device pci[] = { { .devfn = 0x10 },
						    { .bus = 1, .devfn = 0x10 } };

	blob_begin(b, name, CL_CELL_VUART, 0x10000);
	f->cpu = BLOB_ADD(b, CL_SEC_CPUS, cpus);
	f->mem = BLOB_ADD(b, CL_SEC_MEMORY, memory);
	f->pio = BLOB_ADD(b, CL_SEC_PIO, pio);
	f->chip = BLOB_ADD(b, CL_SEC_IRQCHIP, chips);
	f->pci = BLOB_ADD(b, CL_SEC_PCI, pci);
}

static void build_root(struct fixture *f, struct blob *b)
{
	static const struct cl_platform platform[] = { {
		.hv_phys = CL_AUTO,
		.hv_size = 0x200000,
		.pool_phys = CL_AUTO,
		.pool_size = 0x3e00000,
		.ecam_phys = 0xb0000000,
		.ecam_last_bus = 255,
		.console_type = CL_CONSOLE_16550_PIO,
		.console_address = 0x3f8,
	} };
	static const struct cl_memory memory[] = {
		{ 0, 0, GIB, CL_MEM_RAM },
		{ GIB, GIB, GIB, CL_MEM_RAM | CL_MEM_SHARED },
		{ 0xc0000000, 0xc0000000, 0x3ec00000, RW | CL_MEM_IO },
	};
	static const struct cl_pio pio[] = { { 0, 0x300 }, { 0x300, 0xfd00 } };
	static const struct cl_irqchip chips[] = { { 0xfec00000, { 0xffffff, 0 }, 0, 0 },
						   { 0xfec01000, { 0xffffff, 0xff }, 0, 0 } };
	static const struct cl_pci_device pci[] = { { .devfn = 0x10 },
						    { .bus = 1, .devfn = 0x10 } };

	blob_begin(b, "machine", CL_CELL_ROOT, 0);
	f->platform = BLOB_ADD(b, CL_SEC_PLATFORM, platform);
	f->root_mem = BLOB_ADD(b, CL_SEC_MEMORY, memory);
	f->root_pio = BLOB_ADD(b, CL_SEC_PIO, pio);
	f->root_chip = BLOB_ADD(b, CL_SEC_IRQCHIP, chips);
	f->root_pci = BLOB_ADD(b, CL_SEC_PCI, pci);
}

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	build_cell(f, &f->cell, "rtvm");
	build_root(f, &f->root);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	free(*state);
	return 0;
}

static struct cl_finding finding;

static void assert_finding(int err, int error, const char *object, uint32_t index,
			   const char *field, uint64_t found, uint64_t expected)
{
	char sentence[256];

	if (err != error || strcmp(finding.object, object) || strcmp(finding.field, field)) {
		cl_finding_format(sentence, sizeof(sentence), &finding);
		print_error("%d: %s\n", err, err ? sentence : "nothing was found");
	}
	assert_int_equal(err, error);
	assert_int_equal(finding.error, error);
	assert_string_equal(finding.object, object);
	assert_int_equal(finding.index, index);
	assert_string_equal(finding.field, field);
	assert_int_equal(finding.found, found);
	assert_int_equal(finding.expected, expected);
	/* a sentence for people: a whole rule, and what hvctl and the driver have room for */
	assert_in_range(strlen(finding.rule), 1, sizeof(finding.rule) - 2);
	assert_in_range(cl_finding_format(sentence, sizeof(sentence), &finding), 1, 255);
	assert_null(strchr(sentence, '@'));
}

/* Checks a copy of exactly the right size, so that AddressSanitizer sees any read behind it. */
static int check_copy(const void *bytes, uint64_t size, const struct cl_limits *l)
{
	void *copy = malloc(size ? size : 1);
	int err;

	memcpy(copy, bytes, size);
	memset(&finding, 0xa5, sizeof(finding));
	err = cl_check_config(copy, size, l, &finding);
	assert_int_equal(err, finding.error);
	free(copy);
	return err;
}

static int check_blob(const struct blob *b)
{
	return check_copy(b->bytes, b->size, &limits);
}

#define REFUSED(blob, error, object, index, field, found, expected) \
	assert_finding(check_blob(blob), error, object, index, field, found, expected)
#define BAD(blob, object, index, field, found, expected) \
	REFUSED(blob, -EINVAL, object, index, field, found, expected)

#define TEST(name) static void name(void **state)
#define FIXTURE	   struct fixture *f = *state

/* Change one thing, look at the finding, put it back. */
#define WITH(lvalue, value, ...)                           \
	do {                                               \
		__typeof__(lvalue) saved_value = (lvalue); \
		(lvalue) = (__typeof__(lvalue))(value);    \
		__VA_ARGS__;                               \
		(lvalue) = saved_value;                    \
	} while (0)

TEST(good)
{
	FIXTURE;

	assert_int_equal(check_blob(&f->cell), 0);
	assert_int_equal(check_blob(&f->root), 0);
	assert_string_equal(finding.cell, "machine");
	assert_int_equal(cl_check_against_root(&f->cell.config, &f->root.config, &finding), 0);
}

TEST(header)
{
	FIXTURE;
	struct blob *b = &f->cell;
	struct cl_config *c = &b->config;
	char *unaligned = malloc(b->size + 4);

	memcpy(unaligned + 4, b->bytes, b->size);
	assert_finding(cl_check_config(unaligned + 4, b->size, &limits, &finding), -EINVAL,
		       "config", 0, "address", (uintptr_t)(unaligned + 4), 8);
	free(unaligned);

	WITH(b->size, CL_CONFIG_MAX + 8,
	     BAD(b, "config", 0, "total_size", CL_CONFIG_MAX + 8, CL_CONFIG_MAX));
	WITH(b->size, 71, BAD(b, "config", 0, "total_size", 71, 72));
	WITH(b->size, 0, BAD(b, "config", 0, "total_size", 0, 72));
	WITH(c->magic[7], 'X', REFUSED(b, -ENOEXEC, "config", 0, "magic", 'X', 'R'));
	WITH(c->abi_version, 7, REFUSED(b, -ENOEXEC, "config", 0, "abi_version", 7, 1));
	WITH(c->arch, CL_ARCH_ARM64, REFUSED(b, -ENOEXEC, "config", 0, "arch", 2, 1));
	WITH(c->total_size, c->total_size + 8,
	     BAD(b, "config", 0, "total_size", b->size + 8, b->size));
	WITH(b->size, b->size - 8, BAD(b, "config", 0, "total_size", b->size + 8, b->size));
	WITH(c->header_size, 64, BAD(b, "config", 0, "header_size", 64, 72));
	WITH(c->header_size, 0xfffffff8,
	     BAD(b, "config", 0, "header_size", 0xfffffff8, sizeof(*c)));
	WITH(c->header_size, 76, BAD(b, "config", 0, "header_size", 76, 8));
	/* eight more bytes of header: the first section's type is not zero */
	WITH(c->header_size, 80, BAD(b, "config", 0, "header_size", CL_SEC_CPUS, 0));
	WITH(c->name[0], '\0', BAD(b, "config", 0, "name", 0, 31));
	WITH(c->name[1], ' ', BAD(b, "config", 0, "name", ' ', 31));
	WITH(c->name[1], '\x80', BAD(b, "config", 0, "name", 0x80, 31));
	assert_string_equal(finding.cell, "");
	WITH(c->flags, 0x10002, BAD(b, "config", 0, "flags", 0x10002, CL_CELL_FLAGS));
	WITH(c->flags, CL_CELL_STRICT, BAD(b, "config", 0, "flags", CL_CELL_STRICT, 0));
	WITH(c->flags, CL_CELL_VUART | CL_CELL_LOCKED, assert_int_equal(check_blob(b), 0));
	WITH(c->restart, 4, BAD(b, "config", 0, "restart", 4, 3));
	WITH(c->restart, CL_RESTART_FLAGS, assert_int_equal(check_blob(b), 0));
	WITH(c->restart_limit, 1, BAD(b, "config", 0, "restart", 0, 1));
	WITH(c->restart_seconds, 1, BAD(b, "config", 0, "restart", 0, 1));
	memset(c->name, 'a', sizeof(c->name));
	BAD(b, "config", 0, "name", CL_NAME_LEN, 31);

	WITH(f->root.config.flags, CL_CELL_ROOT | CL_CELL_VUART,
	     BAD(&f->root, "config", 0, "flags", 3, CL_CELL_ROOT));
	WITH(f->root.config.flags, CL_CELL_ROOT | CL_CELL_LOCKED,
	     BAD(&f->root, "config", 0, "flags", 5, CL_CELL_ROOT));
	WITH(f->root.config.restart, 1, BAD(&f->root, "config", 0, "restart", 1, 0));
	WITH(f->root.config.flags, CL_CELL_ROOT | CL_CELL_STRICT,
	     assert_int_equal(check_blob(&f->root), 0));
}

TEST(sections)
{
	FIXTURE;
	struct blob *b = &f->cell;
	struct cl_section *cpus = (void *)((char *)f->cpu - sizeof(*cpus));
	struct cl_section *pci = (void *)((char *)f->pci - sizeof(*pci));

	WITH(cpus->type, 0, BAD(b, "section", 0, "type", 0, CL_SEC_WATCHDOG));
	WITH(cpus->type, 11, BAD(b, "section", 0, "type", 11, CL_SEC_WATCHDOG));
	WITH(cpus->type, 0x80000002, BAD(b, "section", 0, "type", 0x80000002, CL_SEC_WATCHDOG));
	WITH(pci->type, CL_SEC_CPUS, BAD(b, "section", 4, "type", CL_SEC_CPUS, 1));
	WITH(cpus->entry_size, 0, BAD(b, "section", 0, "entry_size", 0, 8));
	WITH(cpus->entry_size, 12, BAD(b, "section", 0, "entry_size", 12, 8));
	WITH(cpus->reserved, 1, BAD(b, "section", 0, "reserved", 1, 0));
	WITH(pci->count, 3, BAD(b, "section", 4, "count", 3, 2));
	WITH(pci->count, 0xffffffff, BAD(b, "section", 4, "count", 0xffffffff, 2));
	WITH(pci->entry_size, 0xfffffff8, BAD(b, "section", 4, "count", 2, 0));
	/* the last entry becomes half a section header */
	WITH(pci->count, 1, BAD(b, "section", 5, "total_size", 8, 16));
}

TEST(watchdog)
{
	static const struct cl_watchdog good[] = { { 2000, 0 } },
					two[] = { { 2000, 0 }, { 2000, 0 } };
	struct cl_watchdog *w;
	FIXTURE;
	struct blob *b = &f->cell;

	w = BLOB_ADD(b, CL_SEC_WATCHDOG, good);
	assert_int_equal(check_blob(b), 0);
	WITH(w->timeout_ms, CL_WATCHDOG_MIN, assert_int_equal(check_blob(b), 0));
	WITH(w->timeout_ms, CL_WATCHDOG_MAX, assert_int_equal(check_blob(b), 0));
	WITH(w->timeout_ms, 0, BAD(b, "watchdog", 0, "timeout_ms", 0, CL_WATCHDOG_MIN));
	WITH(w->timeout_ms, CL_WATCHDOG_MAX + 1,
	     BAD(b, "watchdog", 0, "timeout_ms", CL_WATCHDOG_MAX + 1, CL_WATCHDOG_MAX));
	WITH(w->reserved, 1, BAD(b, "watchdog", 0, "reserved", 1, 0));
	f->mem[5].flags = RW;
	f->mem[5].phys = 0xa0000000;
	BAD(b, "watchdog", 0, "timeout_ms", 2000, CL_MEM_COMM);
	build_cell(f, b, "two");
	BLOB_ADD(b, CL_SEC_WATCHDOG, two);
	BAD(b, "watchdog", 0, "count", 2, 1);
	BLOB_ADD(&f->root, CL_SEC_WATCHDOG, good);
	BAD(&f->root, "watchdog", 0, "count", 1, 0);
}

TEST(entry_layouts)
{
	static const uint64_t longer[] = { 2, 0, 3, 0 };
	static const uint64_t shorter[] = { 0x1000, 0x2000 };
	const struct cl_section *section;
	struct cl_memory m = { 1, 1, 1, 1 };
	FIXTURE;
	struct blob b;
	uint64_t *added;

	blob_begin(&b, "newer", 0, 0x10000);
	added = blob_add(&b, CL_SEC_CPUS, 16, 2, longer);
	blob_add(&b, CL_SEC_MEMORY, sizeof(f->mem[0]), 1, f->mem);
	assert_int_equal(check_blob(&b), 0);
	added[3] = 0x100;
	BAD(&b, "CPU", 1, "unknown member", 1, 0);

	/* shorter entries read as zero: a region without size and flags */
	blob_begin(&b, "older", 0, 0x10000);
	blob_add(&b, CL_SEC_CPUS, 8, 1, longer);
	blob_add(&b, CL_SEC_MEMORY, 16, 1, shorter);
	BAD(&b, "memory region", 0, "flags", 0, CL_MEM_READ);
	section = cl_find_section(&b.config, CL_SEC_MEMORY);
	cl_get_entry(section, 0, &m, sizeof(m));
	assert_int_equal(m.phys, 0x1000);
	assert_int_equal(m.virt, 0x2000);
	assert_int_equal(m.size | m.flags, 0);
	assert_null(cl_find_section(&b.config, CL_SEC_PCI));
}

TEST(platform)
{
	FIXTURE;
	struct blob *b = &f->root;
	struct cl_platform *p = f->platform;
	struct cl_platform two[2] = { *p, *p };
	struct blob other;

	blob_begin(&other, "none", CL_CELL_ROOT, 0);
	BAD(&other, "platform", 0, "count", 0, 1);
	blob_begin(&other, "two", CL_CELL_ROOT, 0);
	BLOB_ADD(&other, CL_SEC_PLATFORM, two);
	BAD(&other, "platform", 0, "count", 2, 1);
	blob_begin(&other, "cell", 0, 0);
	blob_add(&other, CL_SEC_PLATFORM, sizeof(*p), 1, p);
	BAD(&other, "platform", 0, "count", 1, 0);

	WITH(p->hv_size, 0, BAD(b, "platform", 0, "hv_size", 0, 0x200000));
	WITH(p->hv_size, 0x201000, BAD(b, "platform", 0, "hv_size", 0x201000, 0x200000));
	WITH(p->hv_size, GIB + 0x200000, BAD(b, "platform", 0, "hv_size", GIB + 0x200000, GIB));
	WITH(p->hv_size, 1ULL << 41, BAD(b, "platform", 0, "hv_size", 1ULL << 41, GIB));
	WITH(p->hv_phys, 0x100000, BAD(b, "platform", 0, "hv_phys", 0x100000, 0x200000));
	WITH(p->hv_phys, 1ULL << 40, BAD(b, "platform", 0, "hv_phys", 1ULL << 40, 1ULL << 40));
	WITH(p->pool_size, 0x1000, BAD(b, "platform", 0, "pool_size", 0x1000, 0x200000));
	WITH(p->pool_phys, 0x1000, BAD(b, "platform", 0, "pool_phys", 0x1000, 0x200000));
	WITH(p->pool_phys, 0xffffffffffe00000,
	     BAD(b, "platform", 0, "pool_phys", 0xffffffffffe00000, 1ULL << 40));
	WITH(p->pool_size, 0, assert_int_equal(check_blob(b), 0));
	p->hv_phys = 0x30000000;
	WITH(p->pool_phys, 0x30200000, assert_int_equal(check_blob(b), 0));
	WITH(p->pool_phys, 0x30000000, BAD(b, "platform", 0, "pool_phys", 0x30000000, 0x30200000));
	p->hv_phys = CL_AUTO;
	WITH(p->ecam_last_bus, 256, BAD(b, "platform", 0, "ecam_last_bus", 256, 255));
	WITH(p->ecam_last_bus, 0xffffffff, BAD(b, "platform", 0, "ecam_last_bus", 0xffffffff, 255));
	p->ecam_last_bus = 3;
	WITH(p->ecam_first_bus, 4, BAD(b, "platform", 0, "ecam_first_bus", 4, 3));
	WITH(p->ecam_phys, 0, BAD(b, "platform", 0, "ecam_last_bus", 3, 0));
	WITH(p->ecam_phys, 0xb0001000, BAD(b, "platform", 0, "ecam_phys", 0xb0001000, 0x100000));
	WITH(p->ecam_phys, (1ULL << 40) - 0x200000,
	     BAD(b, "platform", 0, "ecam_phys", (1ULL << 40) - 0x200000, 1ULL << 40));
	WITH(p->reserved, 1, BAD(b, "platform", 0, "reserved", 1, 0));
	WITH(p->console_type, 2, BAD(b, "platform", 0, "console_type", 2, 1));
	WITH(p->console_type, 0, BAD(b, "platform", 0, "console_address", 0x3f8, 0));
	WITH(p->console_address, 0, BAD(b, "platform", 0, "console_address", 0, 0xfff8));
	WITH(p->console_address, 0xfff9, BAD(b, "platform", 0, "console_address", 0xfff9, 0xfff8));
}

TEST(cpus)
{
	FIXTURE;
	struct blob *b = &f->cell;
	struct cl_limits few = limits;
	struct blob other;

	blob_begin(&other, "none", 0, 0);
	BAD(&other, "CPU", 0, "count", 0, 1);
	blob_add(&other, CL_SEC_CPUS, 8, 0, f->cpu);
	BAD(&other, "CPU", 0, "count", 0, 1);
	blob_add(&f->root, CL_SEC_CPUS, 8, 1, f->cpu);
	BAD(&f->root, "CPU", 0, "count", 1, 0);

	WITH(f->cpu[1].id, 64, BAD(b, "CPU", 1, "id", 64, 64));
	WITH(f->cpu[1].id, 0xffffffff, BAD(b, "CPU", 1, "id", 0xffffffff, 64));
	WITH(f->cpu[1].id, 2, BAD(b, "CPU", 1, "id", 2, 0));
	WITH(f->cpu[0].reserved, 5, BAD(b, "CPU", 0, "reserved", 5, 0));
	few.max_cpus = 1;
	assert_finding(check_copy(b->bytes, b->size, &few), -EINVAL, "CPU", 0, "count", 2, 1);
}

TEST(memory_flags)
{
	FIXTURE;
	struct blob *b = &f->cell;
	uint64_t comm = RW | CL_MEM_COMM;

	WITH(f->mem[1].flags, 0x80 | RAM,
	     BAD(b, "memory region", 1, "flags", 0x80 | RAM, CL_MEM_FLAGS));
	WITH(f->mem[1].flags, 1ULL << 40 | RAM,
	     BAD(b, "memory region", 1, "flags", 1ULL << 40 | RAM, CL_MEM_FLAGS));
	WITH(f->mem[1].flags, CL_MEM_WRITE, BAD(b, "memory region", 1, "flags", 2, 3));
	WITH(f->mem[1].flags, CL_MEM_EXECUTE, BAD(b, "memory region", 1, "flags", 4, 5));
	WITH(f->mem[5].flags, comm | CL_MEM_IO,
	     BAD(b, "memory region", 5, "flags", comm | CL_MEM_IO, comm));
	WITH(f->mem[5].flags, comm | CL_MEM_EXECUTE,
	     BAD(b, "memory region", 5, "flags", comm | CL_MEM_EXECUTE, comm));
	WITH(f->mem[5].flags, CL_MEM_COMM | CL_MEM_READ,
	     BAD(b, "memory region", 5, "flags", CL_MEM_COMM | CL_MEM_READ, comm));
	WITH(f->mem[3].flags, RW | CL_MEM_IO | CL_MEM_LOADABLE,
	     BAD(b, "memory region", 3, "flags", RW | CL_MEM_IO | CL_MEM_LOADABLE,
		 RW | CL_MEM_LOADABLE));
	WITH(f->mem[2].flags, RW | CL_MEM_SHARED | CL_MEM_LOADABLE,
	     BAD(b, "memory region", 2, "flags", RW | CL_MEM_SHARED | CL_MEM_LOADABLE,
		 RW | CL_MEM_LOADABLE));
	WITH(f->root_mem[1].flags, RAM,
	     BAD(&f->root, "memory region", 1, "flags", RAM, CL_MEM_RAM));
	WITH(f->root_mem[1].flags, comm, BAD(&f->root, "memory region", 1, "flags", comm, RW));
}

TEST(memory_place)
{
	FIXTURE;
	struct blob *b = &f->cell;
	const uint64_t end = 1ULL << 40;

	WITH(f->mem[1].phys, 0x3a000800, BAD(b, "memory region", 1, "phys", 0x3a000800, 0x1000));
	WITH(f->mem[1].virt, 0x40000001, BAD(b, "memory region", 1, "virt", 0x40000001, 0x1000));
	WITH(f->mem[1].size, 0x10008, BAD(b, "memory region", 1, "size", 0x10008, 0x1000));
	WITH(f->mem[1].size, 0, BAD(b, "memory region", 1, "size", 0, 1));
	WITH(f->mem[1].size, 0xfffffffffffff000,
	     BAD(b, "memory region", 1, "virt", 0x40000000, end));
	WITH(f->mem[1].phys, 0xffffffffffffe000,
	     BAD(b, "memory region", 1, "phys", 0xffffffffffffe000, end));
	WITH(f->mem[1].phys, end - 0xf000, BAD(b, "memory region", 1, "phys", end - 0xf000, end));
	WITH(f->mem[1].phys, end - 0x10000, assert_int_equal(check_blob(b), 0));
	WITH(f->mem[1].virt, end - 0xf000, BAD(b, "memory region", 1, "virt", end - 0xf000, end));
	WITH(f->mem[1].virt, CL_AUTO & ~0xfffULL,
	     BAD(b, "memory region", 1, "virt", CL_AUTO & ~0xfffULL, end));
	WITH(f->mem[2].phys, CL_AUTO, BAD(b, "memory region", 2, "phys", CL_AUTO, 0));
	WITH(f->mem[3].phys, CL_AUTO, BAD(b, "memory region", 3, "phys", CL_AUTO, 0));
	WITH(f->root_mem[1].phys, CL_AUTO, BAD(&f->root, "memory region", 1, "phys", CL_AUTO, 0));
	WITH(f->root_mem[1].virt, 0x80000000,
	     BAD(&f->root, "memory region", 1, "virt", 0x80000000, GIB));

	WITH(f->mem[5].phys, 0x1000, BAD(b, "memory region", 5, "phys", 0x1000, 0));
	WITH(f->mem[5].size, 0x2000, BAD(b, "memory region", 5, "size", 0x2000, 0x1000));
	WITH(f->mem[5].virt, 0x7fff0010, BAD(b, "memory region", 5, "virt", 0x7fff0010, 0x1000));

	/* less than a page of device registers */
	WITH(f->mem[4].size, 0xff8, BAD(b, "memory region", 4, "size", 0xff8, 0xff0));
	WITH(f->mem[3].size, 0x3008, BAD(b, "memory region", 3, "size", 0x3008, 0x1000));
	WITH(f->mem[4].virt, 0xd0004020, BAD(b, "memory region", 4, "virt", 0xd0004020, 0x10));
	WITH(f->mem[4].flags, CL_MEM_RAM | CL_MEM_IO,
	     BAD(b, "memory region", 4, "flags", CL_MEM_RAM | CL_MEM_IO, RW | CL_MEM_IO));
	WITH(f->mem[4].phys, end + 0x10, BAD(b, "memory region", 4, "phys", end + 0x10, end));
	WITH(f->mem[4].virt, end + 0x10, BAD(b, "memory region", 4, "virt", end + 0x10, end));
}

TEST(memory_holes)
{
	FIXTURE;
	struct blob *b = &f->cell;

	WITH(f->mem[3].virt, 0xfedfd000,
	     BAD(b, "memory region", 3, "virt", 0xfedfd000, 0xfee00000));
	WITH(f->mem[3].phys, 0xfedfd000,
	     BAD(b, "memory region", 3, "phys", 0xfedfd000, 0xfee00000));
	WITH(f->mem[4].virt, 0xfee00010,
	     BAD(b, "memory region", 4, "virt", 0xfee00010, 0xfee00000));
	WITH(f->mem[3].virt, 0xfebfd000,
	     BAD(b, "memory region", 3, "virt", 0xfebfd000, 0xfec00000));
	WITH(f->mem[1].phys, 0x2fff1000,
	     BAD(b, "memory region", 1, "phys", 0x2fff1000, 0x30000000));
	WITH(f->mem[1].phys, 0x301ff000,
	     BAD(b, "memory region", 1, "phys", 0x301ff000, 0x30000000));
	WITH(f->mem[1].phys, 0x2fff0000, assert_int_equal(check_blob(b), 0));
	WITH(f->mem[1].phys, 0x30200000, assert_int_equal(check_blob(b), 0));
	WITH(f->root_mem[2].size, 0x3ec01000,
	     BAD(&f->root, "memory region", 2, "virt", 0xc0000000, 0xfec00000));
	WITH(f->root_mem[1].size, 0xb0001000 - GIB,
	     BAD(&f->root, "memory region", 1, "virt", GIB, 0xb0000000));
}

/* Root reaches registers below a page whatever its mappings say: it must not find memory there. */
TEST(root_registers)
{
	FIXTURE;
	struct blob *b = &f->root;

	f->root_mem[2].size = 0x10;
	assert_int_equal(check_blob(b), 0);
	WITH(f->root_mem[2].virt, 0xc0001000,
	     BAD(b, "memory region", 2, "virt", 0xc0001000, 0xc0000000));
	f->root_mem[0].size = 0x10000000; /* RAM at these addresses would overlap already */
	f->root_mem[2].phys = f->root_mem[2].virt = 0x30001000;
	BAD(b, "memory region", 2, "phys", 0x30001000, 0x30000000);
	f->root_mem[2].phys = f->root_mem[2].virt = 0x20001000;
	assert_int_equal(check_blob(b), 0);
	WITH(f->platform->pool_phys, 0x20000000,
	     BAD(b, "memory region", 2, "phys", 0x20001000, 0x20000000));
}

TEST(memory_overlap)
{
	FIXTURE;
	struct blob *b = &f->cell;

	WITH(f->mem[2].virt, 0x4000f000, BAD(b, "memory region", 2, "virt", 0x4000f000, 1));
	WITH(f->mem[2].virt, 0x40010000, assert_int_equal(check_blob(b), 0));
	WITH(f->mem[4].virt, 0xd0003010, BAD(b, "memory region", 4, "virt", 0xd0003010, 3));
	WITH(f->mem[5].virt, 0x1ff000, BAD(b, "memory region", 5, "virt", 0x1ff000, 0));
	WITH(f->mem[2].phys, 0x3a00f000, BAD(b, "memory region", 2, "phys", 0x3a00f000, 1));
	/* both shared: two views of the same memory */
	f->mem[3] = f->mem[2];
	f->mem[3].virt = 0x60000000;
	assert_int_equal(check_blob(b), 0);
	f->mem[3] = f->mem[5];
	f->mem[3].virt = 0x60000000;
	BAD(b, "memory region", 5, "flags", f->mem[5].flags, 3);
}

TEST(entry)
{
	FIXTURE;
	struct blob *b = &f->cell;
	struct cl_config *c = &b->config;

	WITH(c->entry, 1ULL << 32, BAD(b, "config", 0, "entry", 1ULL << 32, 1ULL << 32));
	WITH(c->entry, 0x200000, BAD(b, "config", 0, "entry", 0x200000, CL_MEM_EXECUTE));
	WITH(c->entry, 0x50000000, BAD(b, "config", 0, "entry", 0x50000000, CL_MEM_EXECUTE));
	WITH(c->entry, 0x7fff0000, BAD(b, "config", 0, "entry", 0x7fff0000, CL_MEM_EXECUTE));
	WITH(c->entry, 0x4000ffff, assert_int_equal(check_blob(b), 0));
	WITH(f->mem[3].flags, CL_MEM_RAM | CL_MEM_IO,
	     WITH(c->entry, 0xd0000000, BAD(b, "config", 0, "entry", 0xd0000000, CL_MEM_EXECUTE)));
}

TEST(pio)
{
	FIXTURE;
	struct blob *b = &f->cell;
	struct cl_limits arm = limits;

	WITH(f->pio[1].length, 0, BAD(b, "I/O ports", 1, "length", 0, 1));
	WITH(f->pio[1].base, 0x10000, BAD(b, "I/O ports", 1, "base", 0x10000, 0x10000));
	WITH(f->pio[1].length, 0xffffffff, BAD(b, "I/O ports", 1, "base", 0x1000, 0x10000));
	WITH(f->pio[1].base, 0xffe1, BAD(b, "I/O ports", 1, "base", 0xffe1, 0x10000));
	WITH(f->pio[1].base, 0xffe0, assert_int_equal(check_blob(b), 0));
	WITH(f->pio[1].base, 0xcff, BAD(b, "I/O ports", 1, "base", 0xcff, 0xcf8));
	WITH(f->pio[0].base, 0x3f1, BAD(b, "I/O ports", 0, "base", 0x3f1, 0x3f8));
	WITH(f->pio[0].base, 0x3ff, BAD(b, "I/O ports", 0, "base", 0x3ff, 0x3f8));
	WITH(b->config.flags, 0, WITH(f->pio[0].base, 0x3ff, assert_int_equal(check_blob(b), 0)));
	WITH(f->pio[1].base, 0x2ff, BAD(b, "I/O ports", 1, "base", 0x2ff, 0));

	arm.arch = CL_ARCH_ARM64;
	b->config.arch = CL_ARCH_ARM64;
	f->chip[0].first = f->chip[1].first = 32;
	assert_finding(check_copy(b->bytes, b->size, &arm), -EINVAL, "I/O ports", 0, "count", 2, 0);
	f->root.config.arch = CL_ARCH_ARM64;
	assert_finding(check_copy(f->root.bytes, f->root.size, &arm), -EINVAL, "platform", 0,
		       "console_type", 1, 0);
}

TEST(irqchips)
{
	FIXTURE;
	struct blob *b = &f->cell;

	WITH(f->chip[1].first, 32, BAD(b, "interrupt controller", 1, "first", 32, 0));
	/* The virtual UART's */
	WITH(f->chip[0].pins[0], 0x18, BAD(b, "interrupt controller", 0, "pins", 0x18, 0x30));
	WITH(f->chip[0].pins[0], 0x20, BAD(b, "interrupt controller", 0, "pins", 0x20, 0x30));
	WITH(f->mem[3].virt, 0xfebfd000,
	     BAD(b, "memory region", 3, "virt", 0xfebfd000, 0xfec00000));
	WITH(f->chip[1].reserved, 1, BAD(b, "interrupt controller", 1, "reserved", 1, 0));
	WITH(f->chip[1].address, 0xfec01800,
	     BAD(b, "interrupt controller", 1, "address", 0xfec01800, 0x1000));
	WITH(f->chip[1].address, 1ULL << 40,
	     BAD(b, "interrupt controller", 1, "address", 1ULL << 40, 1ULL << 40));
	WITH(f->chip[1].address, 0, BAD(b, "interrupt controller", 1, "address", 0, 0xfee00000));
	WITH(f->chip[1].address, 0xfee00000,
	     BAD(b, "interrupt controller", 1, "address", 0xfee00000, 0xfee00000));
	WITH(f->chip[0].pins[0], 0, BAD(b, "interrupt controller", 0, "pins", 0, 1));
	WITH(f->chip[1].address, 0xfec00000,
	     BAD(b, "interrupt controller", 1, "address", 0xfec00000, 0));
}

TEST(pci)
{
	FIXTURE;
	struct blob *b = &f->cell;

	WITH(f->pci[1].domain, 1, BAD(b, "PCI device", 1, "domain", 1, 0));
	WITH(f->pci[1].reserved[2], 1, BAD(b, "PCI device", 1, "reserved", 1, 0));
	/* Its interrupt goes to a pin of the first chip that the config has: that is 3. */
	WITH(f->pci[1].intx, 3, assert_int_equal(check_blob(b), 0));
	WITH(f->pci[1].intx, 2, BAD(b, "PCI device", 1, "intx", 2, 0xfec00000));
	WITH(f->pci[1].intx, 64, BAD(b, "PCI device", 1, "intx", 64, 0xfec00000));
	WITH(f->pci[1].intx, 131, BAD(b, "PCI device", 1, "intx", 131, 0xfec00000));
	WITH(f->pci[1].intx, 255, BAD(b, "PCI device", 1, "intx", 255, 0xfec00000));
	WITH(f->root_pci[1].intx, 3, BAD(&f->root, "PCI device", 1, "intx", 3, 0));
	WITH(f->pci[1].bus, 0, BAD(b, "PCI device", 1, "devfn", 0x10, 0));
}

TEST(pair)
{
	FIXTURE;
	struct blob other;
	struct fixture o;
	struct cl_config *a = &f->cell.config;

	build_cell(&o, &other, "other");
	o.cpu[0].id = 4;
	o.cpu[1].id = 5;
	o.mem[1].phys = 0x3c000000;
	o.mem[3].phys = 0xd1000000;
	o.mem[4].phys = 0xd0004020;
	o.pio[0].base = 0x300;
	o.pio[1].base = 0x1020;
	o.chip[0].pins[0] = 0x10;
	o.chip[1].pins[0] = 0x2;
	o.chip[1].pins[1] = 0x2;
	o.pci[0].devfn = 0x18;
	o.pci[1].devfn = 0x18;
	/* the shared region is in both, and both say so */
	assert_int_equal(cl_check_pair(a, &other.config, &finding), 0);

#define CONFLICT(object, index, field, found, expected)                                          \
	do {                                                                                     \
		assert_finding(cl_check_pair(a, &other.config, &finding), -EBUSY, object, index, \
			       field, found, expected);                                          \
		assert_string_equal(finding.cell, "rtvm");                                       \
		assert_string_equal(finding.other, "other");                                     \
	} while (0)

	WITH(o.cpu[1].id, 3, CONFLICT("CPU", 1, "id", 3, 1));
	WITH(o.mem[1].phys, 0x39ff1000, CONFLICT("memory region", 1, "phys", 0x3a000000, 1));
	WITH(o.mem[2].flags, RW, CONFLICT("memory region", 2, "phys", 0x3b000000, 2));
	WITH(f->mem[2].flags, RW, CONFLICT("memory region", 2, "phys", 0x3b000000, 2));
	WITH(o.mem[4].phys, 0xd000401f, CONFLICT("memory region", 4, "phys", 0xd0004010, 4));
	WITH(o.pio[0].base, 0x2f1, CONFLICT("I/O ports", 0, "base", 0x2f8, 0));
	WITH(o.chip[0].pins[0], 0x18, CONFLICT("interrupt controller", 0, "pins", 0x8, 0));
	WITH(o.chip[1].pins[1], 0x3, CONFLICT("interrupt controller", 1, "pins", 0x1, 0));
	WITH(o.pci[1].devfn, 0x10, CONFLICT("PCI device", 1, "devfn", 0x110, 1));
	strcpy(other.config.name, "rtvm");
	assert_finding(cl_check_pair(a, &other.config, &finding), -EBUSY, "config", 0, "name", 4,
		       0);
#undef CONFLICT
}

TEST(against_root)
{
	FIXTURE;
	struct cl_config *cell = &f->cell.config, *root = &f->root.config;

#define FOREIGN(object, index, field, found, expected)                                             \
	assert_finding(cl_check_against_root(cell, root, &finding), -EINVAL, object, index, field, \
		       found, expected)

	/* a region across the border of two of root's is fine */
	WITH(f->mem[1].phys, GIB - 0x1000,
	     assert_int_equal(cl_check_against_root(cell, root, &finding), 0));
	WITH(f->mem[1].phys, 2 * GIB - 0x1000,
	     FOREIGN("memory region", 1, "phys", 2 * GIB - 0x1000, 2 * GIB));
	WITH(f->mem[3].phys, 0xb0000000,
	     FOREIGN("memory region", 3, "phys", 0xb0000000, 0xb0000000));
	/* root may only read it */
	WITH(f->root_mem[2].flags, CL_MEM_READ | CL_MEM_IO,
	     FOREIGN("memory region", 3, "phys", 0xd0000000, 0xd0000000));
	/* registers are not RAM, whatever root may do there */
	f->root_mem[2].flags = CL_MEM_RAM | CL_MEM_IO;
	WITH(f->mem[1].phys, 0xd8000000,
	     FOREIGN("memory region", 1, "phys", 0xd8000000, 0xd8000000));
	f->root_mem[2].flags = RW | CL_MEM_IO;
	WITH(f->mem[0].size, 0x4000000, FOREIGN("memory region", 0, "size", 0x4000000, 0x3e00000));
	f->mem[1].phys = CL_AUTO;
	WITH(f->mem[0].size, 0x3df1000, FOREIGN("memory region", 1, "size", 0x10000, 0x3e00000));
	WITH(f->mem[0].size, 0x3df0000,
	     assert_int_equal(cl_check_against_root(cell, root, &finding), 0));
	f->mem[1].phys = 0x3a000000;
	/* the pool at a known place, outside root's regions */
	f->platform->pool_phys = 0x140000000;
	WITH(f->mem[1].phys, 0x143df0000,
	     assert_int_equal(cl_check_against_root(cell, root, &finding), 0));
	WITH(f->mem[1].phys, 0x143df1000,
	     FOREIGN("memory region", 1, "phys", 0x143df1000, 0x143e00000));
	WITH(f->platform->hv_phys, 0x39e00000,
	     assert_int_equal(cl_check_against_root(cell, root, &finding), 0));
	WITH(f->platform->hv_phys, 0x3a000000,
	     FOREIGN("memory region", 1, "phys", 0x3a000000, 0x3a000000));

	WITH(f->root_pio[1].length, 0xd10, FOREIGN("I/O ports", 1, "base", 0x1000, 0x1010));
	WITH(f->pio[0].base, 0x2fc,
	     assert_int_equal(cl_check_against_root(cell, root, &finding), 0));
	WITH(f->root_chip[0].pins[0], 0x7, FOREIGN("interrupt controller", 0, "pins", 0x8, 0x7));
	WITH(f->chip[1].pins[1], 0x100, FOREIGN("interrupt controller", 1, "pins", 0x100, 0xff));
	WITH(f->chip[1].address, 0xfec02000,
	     FOREIGN("interrupt controller", 1, "address", 0xfec02000, 0));
	WITH(f->pci[1].bus, 2, FOREIGN("PCI device", 1, "devfn", 0x210, 0));

	strcpy(root->name, "rtvm");
	assert_finding(cl_check_against_root(cell, root, &finding), -EBUSY, "config", 0, "name", 4,
		       0);
#undef FOREIGN
}

TEST(sentences)
{
	FIXTURE;
	char sentence[256];

	f->mem[1].phys = 0x3a000800;
	check_blob(&f->cell);
	cl_finding_format(sentence, sizeof(sentence), &finding);
	assert_string_equal(sentence, "cell 'rtvm': memory region 1: phys is 0x3a000800, expected "
				      "a multiple of 0x1000");
	f->mem[1].phys = CL_AUTO;
	f->mem[1].flags = RW | CL_MEM_SHARED;
	check_blob(&f->cell);
	cl_finding_format(sentence, sizeof(sentence), &finding);
	assert_string_equal(sentence, "cell 'rtvm': memory region 1: phys is CL_AUTO, expected an "
				      "address: CL_AUTO is for RAM that only this cell has, and "
				      "not for the root cell");
	cl_check_pair(&f->cell.config, &f->cell.config, &finding);
	cl_finding_format(sentence, sizeof(sentence), &finding);
	assert_string_equal(sentence, "cell 'rtvm': config: name is 4, expected a name that no "
				      "other cell has: rename one of the two; it is in conflict "
				      "with cell 'rtvm'");
	/* texts without an end, as in memory that somebody else writes to */
	memset(&finding, 'x', sizeof(finding));
	assert_in_range(cl_finding_format(sentence, sizeof(sentence), &finding), 256, 1000);
}

/* Whatever it is: an answer, no read outside the blob, no undefined behaviour. */
static void accept_or_refuse(const char *bytes, uint64_t size, struct cl_config *other)
{
	char *copy = malloc(size ? size : 1);
	char sentence[256];

	memcpy(copy, bytes, size);
	if (cl_check_config(copy, size, &limits, &finding)) {
		assert_true(finding.error < 0);
		assert_in_range(cl_finding_format(sentence, sizeof(sentence), &finding), 1, 255);
	} else if (!(((struct cl_config *)copy)->flags & CL_CELL_ROOT)) {
		/* valid on its own: the other checks must cope with it too */
		if (other->flags & CL_CELL_ROOT)
			cl_check_against_root((struct cl_config *)copy, other, &finding);
		else
			cl_check_pair((struct cl_config *)copy, other, &finding);
	}
	free(copy);
}

TEST(robust_truncation)
{
	FIXTURE;
	struct blob *b = &f->cell;
	uint64_t size;

	for (size = 0; size < f->cell.size; size++) {
		accept_or_refuse(b->bytes, size, &f->root.config);
		b->config.total_size = size;
		accept_or_refuse(b->bytes, size, &f->root.config);
		b->config.total_size = b->size;
	}
}

TEST(robust_bit_flips)
{
	FIXTURE;
	struct blob *good[] = { &f->cell, &f->root };
	struct blob other;
	struct fixture o;
	uint64_t bit;
	int i;

	build_cell(&o, &other, "other");
	for (i = 0; i < 2; i++) {
		for (bit = 0; bit < good[i]->size * 8; bit++) {
			good[i]->bytes[bit / 8] ^= 1 << bit % 8;
			accept_or_refuse(good[i]->bytes, good[i]->size, &f->root.config);
			accept_or_refuse(good[i]->bytes, good[i]->size, &other.config);
			good[i]->bytes[bit / 8] ^= 1 << bit % 8;
		}
	}
}

TEST(robust_random)
{
	static const uint64_t values[] = { 0,	       1,	   8,	       0xfff,
					   0x1000,     1ULL << 31, 1ULL << 32, 1ULL << 39,
					   1ULL << 40, 1ULL << 63, CL_AUTO,    CL_AUTO - 0xfff,
					   0xffffffff, 0xfffffff8 };
	FIXTURE;
	struct blob *good[] = { &f->cell, &f->root };
	int round, change;

	srand(1);
	for (round = 0; round < 50000; round++) {
		struct blob *b = good[round % 2];
		char saved[4096];

		memcpy(saved, b->bytes, b->size);
		for (change = rand() % 4; change >= 0; change--) {
			uint64_t value = values[rand() % (sizeof(values) / sizeof(values[0]))];
			unsigned int width = rand() % 2 ? 4 : 8;

			/* mostly behind the header, so that more than the magic is refused */
			memcpy(b->bytes + 72 + rand() % ((b->size - 72) / width) * width, &value,
			       width);
		}
		accept_or_refuse(b->bytes, b->size, &f->root.config);
		memcpy(b->bytes, saved, b->size);
	}
}

/* A root and a cell of an arm64 machine. */
struct arm64 {
	struct blob root, cell;
	struct cl_gic *gic;
	struct cl_platform *platform;
	struct cl_memory *memory;
	struct cl_irqchip *root_chip, *chip;
	struct cl_memory *cell_memory;
};

static void build_arm64(struct arm64 *a)
{
	static const struct cl_platform platform[] = { {
		.hv_phys = CL_AUTO,
		.hv_size = 0x200000,
		.pool_phys = CL_AUTO,
		.pool_size = 0x3e00000,
		.console_type = CL_CONSOLE_PL011,
		.console_address = 0x9000000,
	} };
	static const struct cl_memory memory[] = { { GIB, GIB, GIB, CL_MEM_RAM } };
	static const struct cl_irqchip chips[] = { { 0x8000000, { ~0ULL, ~0ULL }, 32, 0 },
						   { 0x8000000, { ~0ULL, 0 }, 160, 0 } };
	static const struct cl_gic gic[] = { { .version = 3,
					       .maintenance_irq = 25,
					       .dist_phys = 0x8000000,
					       .redist_phys = 0x80a0000,
					       .redist_size = 0xf60000 } };
	static const struct cl_cpu cpus[] = { { 2, 0 } };
	static const struct cl_memory cell_memory[] = { { CL_AUTO, 0, 0x200000, RAM } };
	static const struct cl_irqchip cell_chips[] = { { 0x8000000, { 2, 0 }, 160, 0 } };

	blob_begin(&a->root, "machine", CL_CELL_ROOT, 0);
	a->platform = BLOB_ADD(&a->root, CL_SEC_PLATFORM, platform);
	a->memory = BLOB_ADD(&a->root, CL_SEC_MEMORY, memory);
	a->root_chip = BLOB_ADD(&a->root, CL_SEC_IRQCHIP, chips);
	a->gic = BLOB_ADD(&a->root, CL_SEC_GIC, gic);
	a->root.config.arch = CL_ARCH_ARM64;
	blob_begin(&a->cell, "rtvm", CL_CELL_VUART | CL_CELL_DIRECT_IRQ, 0x10000);
	BLOB_ADD(&a->cell, CL_SEC_CPUS, cpus);
	a->cell_memory = BLOB_ADD(&a->cell, CL_SEC_MEMORY, cell_memory);
	a->chip = BLOB_ADD(&a->cell, CL_SEC_IRQCHIP, cell_chips);
	a->cell.config.arch = CL_ARCH_ARM64;
}

static int check_arm64(const struct blob *b)
{
	static const struct cl_limits arm = { .arch = CL_ARCH_ARM64,
					      .phys_bits = 40,
					      .max_cpus = 64 };

	return check_copy(b->bytes, b->size, &arm);
}

#define BAD_ARM64(blob, object, index, field, found, expected) \
	assert_finding(check_arm64(blob), -EINVAL, object, index, field, found, expected)

/* The interrupts of virtual UART and button cannot be hardware's of the same cell. */
TEST(virtual_interrupts)
{
	struct arm64 *a = calloc(1, sizeof(*a));
	struct blob *b = &a->cell;

	(void)state;
	build_arm64(a);
	a->chip->first = 32;
	a->chip->pins[0] = ~3ULL;
	assert_int_equal(check_arm64(b), 0);
	a->chip->pins[0] = 1ULL << (CL_BUTTON_INTID - 32);
	BAD_ARM64(b, "interrupt controller", 0, "pins", 1, 3);
	a->chip->pins[0] = 1ULL << (CL_VUART_INTID - 32);
	BAD_ARM64(b, "interrupt controller", 0, "pins", 2, 3);
	WITH(b->config.flags, 0, assert_int_equal(check_arm64(b), 0));
	a->chip->pins[0] = 0;
	a->chip->pins[1] = 1ULL << (CL_VUART_INTID - 32);
	assert_int_equal(check_arm64(b), 0);
	free(a);
}

TEST(gic)
{
	struct arm64 *a = calloc(1, sizeof(*a));
	struct cl_gic *gic;
	struct blob *b;

	(void)state;
	build_arm64(a);
	gic = a->gic;
	b = &a->root;
	assert_int_equal(check_arm64(b), 0);
	assert_int_equal(check_arm64(&a->cell), 0);
	WITH(gic->version, 4, BAD_ARM64(b, "GIC", 0, "version", 4, 3));
	WITH(gic->maintenance_irq, 15, BAD_ARM64(b, "GIC", 0, "maintenance_irq", 15, 16));
	WITH(gic->maintenance_irq, 32, BAD_ARM64(b, "GIC", 0, "maintenance_irq", 32, 16));
	WITH(gic->dist_phys, 0x8001000, BAD_ARM64(b, "GIC", 0, "dist_phys", 0x8001000, 0x10000));
	WITH(gic->redist_size, 0x10000, BAD_ARM64(b, "GIC", 0, "redist_size", 0x10000, 0x20000));
	WITH(gic->redist_phys, 0x8000000,
	     BAD_ARM64(b, "GIC", 0, "redist_phys", 0x8000000, 0x8010000));
	WITH(gic->cpu_phys, 0x8010000, BAD_ARM64(b, "GIC", 0, "cpu_phys", 0x8010000, 0));
	WITH(gic->its_phys[0], 0x8081000, BAD_ARM64(b, "GIC", 0, "its_phys", 0x8081000, 0x10000));
	WITH(gic->its_phys[0], 0x8000000, BAD_ARM64(b, "GIC", 0, "its_phys", 0x8000000, 0));
	WITH(gic->its_phys[0], 0x80a0000, BAD_ARM64(b, "GIC", 0, "its_phys", 0x80a0000, 0));
	WITH(gic->its_phys[0], 1ULL << 40 | 0x8080000,
	     BAD_ARM64(b, "GIC", 0, "its_phys", 1ULL << 40 | 0x8080000, 1ULL << 40));
	WITH(gic->its_phys[0], GIB, BAD_ARM64(b, "memory region", 0, "virt", GIB, GIB));
	WITH(gic->its_phys[1], 0x8080000, BAD_ARM64(b, "GIC", 0, "its_phys", 0x8080000, 0));
	gic->its_phys[0] = 0x8080000;
	WITH(gic->its_phys[1], 0x8080000, BAD_ARM64(b, "GIC", 0, "its_phys", 0x8080000, 0));
	WITH(gic->its_phys[1], 0x8090000, assert_int_equal(check_arm64(b), 0));
	gic->its_phys[0] = 0;
	WITH(a->root_chip[0].address, 0x8010000,
	     BAD_ARM64(b, "GIC", 0, "dist_phys", 0x8000000, 0x8010000));
	/* version 2 */
	*gic = (struct cl_gic){ .version = 2,
				.maintenance_irq = 25,
				.dist_phys = 0x8000000,
				.cpu_phys = 0x8010000,
				.hyp_phys = 0x8030000,
				.vcpu_phys = 0x8040000 };
	assert_int_equal(check_arm64(b), 0);
	WITH(gic->vcpu_phys, 0, BAD_ARM64(b, "GIC", 0, "cpu_phys", 0x8010000, 0x1000));
	WITH(gic->hyp_phys, 0x8030800, BAD_ARM64(b, "GIC", 0, "hyp_phys", 0x8030800, 0x1000));
	WITH(gic->redist_size, 0x20000, BAD_ARM64(b, "GIC", 0, "redist_phys", 0, 0));
	WITH(gic->its_phys[0], 0x8080000, BAD_ARM64(b, "GIC", 0, "its_phys", 0x8080000, 0));
	/* none of it is memory of root's */
	WITH(a->memory->phys, 0x8040000,
	     WITH(a->memory->virt, 0x8040000,
		  BAD_ARM64(b, "memory region", 0, "virt", 0x8040000, 0x8040000)));
	WITH(a->memory->phys, 0x7000000,
	     WITH(a->memory->virt, 0x7000000,
		  BAD_ARM64(b, "memory region", 0, "virt", 0x7000000, 0x8000000)));
	/* pins and the console */
	WITH(a->root_chip[1].first, 33, BAD_ARM64(b, "interrupt controller", 1, "first", 33, 32));
	WITH(a->root_chip[1].first, 32,
	     BAD_ARM64(b, "interrupt controller", 1, "address", 0x8000000, 0));
	WITH(a->root_chip[1].first, 1056,
	     BAD_ARM64(b, "interrupt controller", 1, "first", 1056, 32));
	WITH(a->platform->console_address, 0x9000001,
	     BAD_ARM64(b, "platform", 0, "console_address", 0x9000001, 1ULL << 40));
	WITH(a->platform->console_type, CL_CONSOLE_16550_PIO,
	     BAD_ARM64(b, "platform", 0, "console_type", 1, 0));
	WITH(b->config.flags, CL_CELL_ROOT | CL_CELL_DIRECT_IRQ,
	     BAD_ARM64(b, "config", 0, "flags", 0x11, 0xf));
	/* the cell */
	b = &a->cell;
	WITH(a->cell_memory->virt, 0x8f00000,
	     BAD_ARM64(b, "memory region", 0, "virt", 0x8f00000, 0x9000000));
	assert_int_equal(cl_check_against_root(&b->config, &a->root.config, &finding), 0);
	WITH(a->chip->pins[1], 1,
	     assert_finding(cl_check_against_root(&b->config, &a->root.config, &finding), -EINVAL,
			    "interrupt controller", 0, "pins", 1, 0));
	WITH(a->chip->first, 288,
	     assert_finding(cl_check_against_root(&b->config, &a->root.config, &finding), -EINVAL,
			    "interrupt controller", 0, "address", 0x8000000, 0));
	free(a);
}

TEST(iommu)
{
	static const struct cl_iommu all[] = { { .phys = 0x9050000, .kind = CL_IOMMU_SMMUV3 } };
	static const struct cl_iommu two[] = {
		{ .phys = 0x9050000, .kind = CL_IOMMU_SMMUV3, .functions = 0x100 },
		{ .phys = 0x9070000,
		  .kind = CL_IOMMU_SMMUV3,
		  .first = 0x200,
		  .functions = 0x100,
		  .stream = 0x4000 },
	};
	static const struct cl_iommu many[CL_IOMMU_MAX + 1];
	static const struct cl_pci_device devices[] = { { .devfn = 0x28 },
							{ .bus = 2, .devfn = 0xff } };
	struct arm64 *a = calloc(1, sizeof(*a));
	struct cl_pci_device *device;
	struct cl_iommu *iommu;
	struct blob *b;

	(void)state;
	build_arm64(a);
	b = &a->root;
	iommu = BLOB_ADD(b, CL_SEC_IOMMU, all);
	assert_int_equal(check_arm64(b), 0);
	WITH(iommu->kind, 0, BAD_ARM64(b, "IOMMU", 0, "kind", 0, 1));
	WITH(iommu->kind, 2, BAD_ARM64(b, "IOMMU", 0, "kind", 2, 1));
	WITH(iommu->reserved, 1, BAD_ARM64(b, "IOMMU", 0, "reserved", 1, 0));
	WITH(iommu->reserved2, 1, BAD_ARM64(b, "IOMMU", 0, "reserved", 1, 0));
	WITH(iommu->phys, 0, BAD_ARM64(b, "IOMMU", 0, "phys", 0, 0x20000));
	WITH(iommu->phys, 0x9051000, BAD_ARM64(b, "IOMMU", 0, "phys", 0x9051000, 0x10000));
	WITH(iommu->phys, 1ULL << 40, BAD_ARM64(b, "IOMMU", 0, "phys", 1ULL << 40, 1ULL << 40));
	WITH(iommu->first, 1, BAD_ARM64(b, "IOMMU", 0, "functions", 0, 1));
	WITH(iommu->stream, 1, BAD_ARM64(b, "IOMMU", 0, "functions", 0, 1));
	/* its registers are nobody's memory */
	WITH(a->memory->phys, 0x9060000,
	     WITH(a->memory->virt, 0x9060000,
		  BAD_ARM64(b, "memory region", 0, "virt", 0x9060000, 0x9050000)));
	BLOB_ADD(&a->cell, CL_SEC_IOMMU, all);
	BAD_ARM64(&a->cell, "IOMMU", 0, "count", 1, 0);

	build_arm64(a);
	iommu = BLOB_ADD(b, CL_SEC_IOMMU, two);
	device = BLOB_ADD(&a->cell, CL_SEC_PCI, devices);
	assert_int_equal(check_arm64(b), 0);
	WITH(device[1].intx, 3, BAD_ARM64(&a->cell, "PCI device", 1, "intx", 3, 0));
	WITH(iommu[1].phys, 0x9060000, BAD_ARM64(b, "IOMMU", 1, "phys", 0x9060000, 0));
	WITH(iommu[1].first, 0xff, BAD_ARM64(b, "IOMMU", 1, "first", 0xff, 0));
	WITH(iommu[0].functions, 0, BAD_ARM64(b, "IOMMU", 1, "first", 0x200, 0));
	WITH(iommu[1].first, 0xff01, BAD_ARM64(b, "IOMMU", 1, "first", 0xff01, 0x10000));
	WITH(iommu[1].first, 0xffffffff, BAD_ARM64(b, "IOMMU", 1, "first", 0xffffffff, 0x10000));
	WITH(iommu[1].functions, 0xffffffff, BAD_ARM64(b, "IOMMU", 1, "first", 0x200, 0x10000));
	WITH(iommu[1].stream, 0xff01, BAD_ARM64(b, "IOMMU", 1, "stream", 0xff01, 0x10000));
	WITH(iommu[1].stream, 0xffffffff, BAD_ARM64(b, "IOMMU", 1, "stream", 0xffffffff, 0x10000));
	WITH(a->memory->phys, 0x9080000,
	     WITH(a->memory->virt, 0x9080000,
		  BAD_ARM64(b, "memory region", 0, "virt", 0x9080000, 0x9070000)));
	/* A cell's devices are behind one of them. */
	assert_int_equal(cl_check_against_root(&a->cell.config, &b->config, &finding), 0);
	WITH(device[1].bus, 1,
	     assert_finding(cl_check_against_root(&a->cell.config, &b->config, &finding), -EINVAL,
			    "PCI device", 1, "devfn", 0x1ff, 0));

	build_arm64(a);
	BLOB_ADD(b, CL_SEC_IOMMU, many);
	BAD_ARM64(b, "IOMMU", 0, "count", CL_IOMMU_MAX + 1, CL_IOMMU_MAX);
	free(a);
}

TEST(firmware)
{
	static const struct cl_firmware roots[] = { { 0x82000000, 8 },
						    { 0xc2000008, 0xfff8 },
						    { 0x82000008, 1 },
						    { 0x84000050, 4 },
						    { 0xc3000010, 1 } };
	static const struct cl_firmware calls[] = { { 0x82000006, 3 }, { 0x84000053, 1 } };
	/* yielding, of other owners, with bits that must be 0, PSCI, SDEI, FF-A */
	static const uint32_t never[] = { 0x02000000, 0x80000000, 0x81000000, 0x85000000,
					  0xb2000000, 0x82010000, 0xc2800000, 0x84000000,
					  0x84000003, 0xc4000020, 0x8400004f, 0x84000060,
					  0xc400008f, 0 };
	static const struct cl_firmware many[CL_FIRMWARE_MAX + 1];
	struct arm64 *a = calloc(1, sizeof(*a));
	struct cl_firmware *root, *cell;
	struct fixture *f = *state;
	unsigned int i;
	struct blob *b;

	build_arm64(a);
	b = &a->root;
	root = BLOB_ADD(b, CL_SEC_FIRMWARE, roots);
	cell = BLOB_ADD(&a->cell, CL_SEC_FIRMWARE, calls);
	assert_int_equal(check_arm64(b), 0);
	assert_int_equal(check_arm64(&a->cell), 0);
	for (i = 0; i < sizeof(never) / sizeof(never[0]); i++)
		WITH(root[4].function, never[i],
		     BAD_ARM64(b, "firmware call", 4, "function", never[i], 0x82000000));
	WITH(root[0].count, 0, BAD_ARM64(b, "firmware call", 0, "count", 0, 1));
	/* past the service: into bits that must be 0, out of TRNG, round the end */
	WITH(root[1].count, 0xfff9, BAD_ARM64(b, "firmware call", 1, "count", 0xfff9, 1));
	WITH(root[3].count, 16, assert_int_equal(check_arm64(b), 0));
	WITH(root[3].count, 17, BAD_ARM64(b, "firmware call", 3, "count", 17, 1));
	WITH(root[4].count, 0xffffffff, BAD_ARM64(b, "firmware call", 4, "count", 0xffffffff, 1));
	WITH(root[2].function, 0x82000007,
	     BAD_ARM64(b, "firmware call", 2, "function", 0x82000007, 0));

	/* What a cell may call, root's config has: here by two of its entries. */
	assert_int_equal(cl_check_against_root(&a->cell.config, &b->config, &finding), 0);
	WITH(cell->count, 4,
	     assert_finding(cl_check_against_root(&a->cell.config, &b->config, &finding), -EINVAL,
			    "firmware call", 0, "function", 0x82000006, 0x82000009));
	WITH(cell->function, 0xc2000006,
	     assert_finding(cl_check_against_root(&a->cell.config, &b->config, &finding), -EINVAL,
			    "firmware call", 0, "function", 0xc2000006, 0xc2000006));

	build_arm64(a);
	BLOB_ADD(b, CL_SEC_FIRMWARE, many);
	BAD_ARM64(b, "firmware call", 0, "count", CL_FIRMWARE_MAX + 1, CL_FIRMWARE_MAX);
	BLOB_ADD(&f->cell, CL_SEC_FIRMWARE, calls);
	BAD(&f->cell, "firmware call", 0, "count", 2, 0);
	free(a);
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		T(good),
		T(header),
		T(sections),
		T(watchdog),
		T(entry_layouts),
		T(platform),
		T(cpus),
		T(memory_flags),
		T(memory_place),
		T(memory_holes),
		T(root_registers),
		T(memory_overlap),
		T(entry),
		T(pio),
		T(irqchips),
		T(virtual_interrupts),
		T(gic),
		T(iommu),
		T(firmware),
		T(pci),
		T(pair),
		T(against_root),
		T(sentences),
		T(robust_truncation),
		T(robust_bit_flips),
		T(robust_random),
	};

	return cmocka_run_group_tests_name("config validator", tests, NULL, NULL);
}
