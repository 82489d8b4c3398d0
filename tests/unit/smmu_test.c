// SPDX-License-Identifier: GPL-2.0
/*
 * Two SMMUs, by models of them: what functions reach at each moment, as an SMMU sees it, which
 * looks at its tables only when a command says that they have changed.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include <arm64.h>
#include <image.h>
#include <inspect.h>
#include <log.h>
#include <page.h>
#include <pci.h>
#include "config_builder.h"

#define SMMUS	2
#define STREAMS 0x10000
#define FIRST	0x9050000UL
#define SECOND	0x9070000UL
/* Functions of bus 0 have their own numbers, those of bus 1 and half of bus 2 streams from here on.
 */
#define STREAM 0x4040

/* ARM IHI 0070, chapters 3 to 6 */
#define IDR0	   0x000
#define IDR1	   0x004
#define IDR5	   0x014
#define CR0	   0x020
#define CR0ACK	   0x024
#define STRTAB	   0x080
#define CMDQ_BASE  0x090
#define CMDQ_PROD  0x098
#define CMDQ_CONS  0x09c
#define EVTQ_BASE  0x0a0
#define EVTQ_PROD  0x0a8
#define EVTQ_CONS  0x0ac
#define ADDRESS	   0x000fffffffffffe0UL
#define ENABLED	   1
#define ABORT	   1UL
#define TRANSLATED 0xdUL

struct cell root_cell;
static struct cell a_cell;
struct cell *cells[CONFIG_MAX_CELLS];
struct cpu cpus[CONFIG_MAX_CPUS];
unsigned int cpu_count = 1;
struct info_region info;
uint64_t hv_phys = 0x40000000;
/* The hypervisor's memory, of which page_alloc() takes from the start. */
char hv_base[1 << 20] __attribute__((aligned(1 << 16)));
uint8_t phys_bits = 40;

static struct blob root_blob;
static struct cl_cell_info cell_infos[2];
static const uint32_t functions[] = { 0x28, 0x108 }; /* of the cell */

/* What each SMMU knows: words 0, 2 and 3 of the entries. */
struct entry {
	uint64_t config, control, table;
};

static struct model {
	uint8_t pages[2][PAGE_SIZE] __attribute__((aligned(4096)));
	struct entry view[STREAMS];
	uint32_t commands, flushes; /* taken; TLBI of one VMID */
	uint64_t flushed;	    /* the last of them */
	bool stuck;
} * models;

static char logged[512];
static int refused;
static const char *refused_rule;

static uint32_t get32(const struct model *m, unsigned int page, unsigned int offset)
{
	return *(const volatile uint32_t *)(m->pages[page] + offset);
}

static uint64_t get64(const struct model *m, unsigned int offset)
{
	return *(const volatile uint64_t *)(m->pages[0] + offset);
}

static void put32(struct model *m, unsigned int page, unsigned int offset, uint32_t value)
{
	*(volatile uint32_t *)(m->pages[page] + offset) = value;
}

static const uint64_t *entry_of(const struct model *m, uint32_t stream)
{
	const uint64_t *buses = phys_to_virt(get64(m, STRTAB) & ~(1UL << 62));
	const uint64_t *bus = phys_to_virt(buses[stream >> 8] & PAGE_MASK);

	assert_int_equal(buses[stream >> 8] & 0x1f, 9);
	return bus + (stream & 0xff) * 8;
}

/* CFGI_ALL. An entry goes from one owner to the next by way of "abort" only. */
static void look_again(struct model *m)
{
	for (uint32_t stream = 0; stream < STREAMS; stream++) {
		const uint64_t *ste = entry_of(m, stream);
		struct entry now = { ste[0], ste[2], ste[3] }, *old = &m->view[stream];

		assert_true(now.config == ABORT || now.config == TRANSLATED);
		if (old->config == TRANSLATED && now.config == TRANSLATED)
			assert_memory_equal(old, &now, sizeof(now));
		*old = now;
	}
}

static void take_commands(struct model *m)
{
	unsigned int bits = get64(m, CMDQ_BASE) & 0x1f;
	uint32_t cons = get32(m, 0, CMDQ_CONS), mask = (2U << bits) - 1;
	const uint64_t *queue = phys_to_virt(get64(m, CMDQ_BASE) & ~(1UL << 62) & PAGE_MASK);

	for (; cons != get32(m, 0, CMDQ_PROD); cons = (cons + 1) & mask) {
		const uint64_t *command = queue + 2 * (cons & (mask >> 1));

		m->commands++;
		if ((command[0] & 0xff) == 0x04)
			look_again(m);
		else if ((command[0] & 0xff) == 0x28) {
			m->flushes++;
			m->flushed = command[0] >> 32;
		} else
			assert_true((command[0] & 0xff) == 0x46 || (command[0] & 0xff) == 0x30);
	}
	put32(m, 0, CMDQ_CONS, cons);
}

/* Whoever waits lets the SMMUs work. */
void cpu_relax(void)
{
	for (struct model *m = models; m < models + SMMUS; m++) {
		if (m->stuck)
			continue;
		if (get32(m, 0, CR0) & 8)
			take_commands(m);
		put32(m, 0, CR0ACK, get32(m, 0, CR0));
	}
}

uint64_t arch_timestamp(void)
{
	static uint64_t now;

	return now += 100;
}

uint64_t arch_ticks_per_ms(void)
{
	return 1000;
}

uint64_t host_read_sysreg(const char *name)
{
	fail_msg("%s is read", name);
	return 0;
}

void host_write_sysreg(const char *name, uint64_t value)
{
	fail_msg("%s is written: %#lx", name, value);
}

uint64_t pa_range(void)
{
	return 2;
}

uint64_t stage2_control(void)
{
	return 0x23559;
}

volatile void *map_device(unsigned int page, uint64_t phys)
{
	unsigned int number = (page - DEVICE_PAGE_SMMU) / 2, half = (page - DEVICE_PAGE_SMMU) % 2;

	assert_in_range(number, 0, SMMUS - 1);
	assert_int_equal(phys, (number ? SECOND : FIRST) + half * 0x10000);
	return models[number].pages[half];
}

void *page_alloc(unsigned int count)
{
	return page_alloc_aligned(count);
}

void *page_alloc_aligned(unsigned int count)
{
	static uint64_t used;
	char *pages;

	used = ALIGN_UP(used, count * PAGE_SIZE);
	pages = hv_base + used;
	used += count * PAGE_SIZE;
	assert_true(used <= sizeof(hv_base));
	return pages;
}

int cell_refuse(int error, const char *object, const char *field, uint64_t found, uint64_t expected,
		const char *rule)
{
	(void)object;
	(void)field;
	(void)found;
	(void)expected;
	refused = error;
	refused_rule = rule;
	return -error;
}

void log_write(unsigned int severity, uint32_t cell, const char *fmt, ...)
{
	size_t used = strlen(logged);
	va_list args;

	(void)severity;
	(void)cell;
	va_start(args, fmt);
	vsnprintf(logged + used, sizeof(logged) - used, fmt, args);
	va_end(args);
}

bool pci_function(const struct cell *cell, uint32_t index, uint32_t *bdf)
{
	if (cell != &a_cell || index >= ARRAY_SIZE(functions))
		return false;
	*bdf = functions[index];
	return true;
}

bool pci_owns(const struct cell *cell, uint32_t bdf)
{
	return cell == &a_cell && (bdf == functions[0] || bdf == functions[1]);
}

static struct cl_inspect_record records[0x1000];
static unsigned int record_count;

void inspect_add(struct inspection *inspection, const struct cl_inspect_record *record)
{
	(void)inspection;
	assert_true(record_count < ARRAY_SIZE(records));
	records[record_count++] = *record;
}

/* Whose memory a stream reaches, as the SMMU sees it. */
static const struct cell *reaches(unsigned int smmu, uint32_t stream)
{
	const struct entry *entry = &models[smmu].view[stream];

	if (entry->config == ABORT)
		return NULL;
	for (unsigned int i = 0; i < 2; i++) {
		const struct cell *cell = i ? &a_cell : &root_cell;

		if (entry->table == virt_to_phys(cell->arch.stage2.root) &&
		    (entry->control & 0xffff) == cell->arch.vttbr >> 48)
			return cell;
	}
	fail_msg("stream %#x of %u reaches what nobody has", stream, smmu);
	return NULL;
}

static void assert_streams(const struct cell *of_cell)
{
	for (unsigned int smmu = 0; smmu < SMMUS; smmu++)
		for (uint32_t stream = 0; stream < STREAMS; stream++) {
			bool cells = smmu ? stream == STREAM + 8 : stream == 0x28;

			assert_ptr_equal(reaches(smmu, stream), cells ? of_cell : &root_cell);
		}
}

static void build_root(void)
{
	static const struct cl_iommu iommus[] = {
		{ .phys = FIRST, .kind = CL_IOMMU_SMMUV3, .functions = 0x100 },
		{ .phys = SECOND,
		  .kind = CL_IOMMU_SMMUV3,
		  .first = 0x100,
		  .functions = 0x180,
		  .stream = STREAM },
	};

	blob_begin(&root_blob, "machine", CL_CELL_ROOT, 0);
	BLOB_ADD(&root_blob, CL_SEC_IOMMU, iommus);
}

static int setup(void **state)
{
	(void)state;
	models = aligned_alloc(PAGE_SIZE, (sizeof(*models) * SMMUS + PAGE_SIZE - 1) & PAGE_MASK);
	memset(models, 0, sizeof(*models) * SMMUS);
	for (struct model *m = models; m < models + SMMUS; m++) {
		put32(m, 0, IDR0, 1 | 1 << 3 | 1 << 4 | 1 << 27);
		put32(m, 0, IDR1, 16 | 5 << 16 | 6 << 21);
		put32(m, 0, IDR5, 2 | 1 << 4);
	}
	build_root();
	root_cell = (struct cell){ .config = &root_blob.config, .info = &cell_infos[0] };
	a_cell = (struct cell){ .id = 1, .info = &cell_infos[1] };
	strcpy(cell_infos[0].name, "machine");
	strcpy(cell_infos[1].name, "cell");
	root_cell.arch.vttbr = 1UL << 48;
	a_cell.arch.vttbr = 2UL << 48;
	root_cell.arch.stage2.root = page_alloc(1);
	a_cell.arch.stage2.root = page_alloc(1);
	cells[0] = &root_cell;
	cells[1] = &a_cell;
	logged[0] = '\0';
	return 0;
}

/* The code's own state begins anew with each process: one test goes through all. */
static void life(void **state)
{
	(void)state;
	/* One that Linux uses is left as it is. */
	put32(&models[1], 0, CR0, ENABLED);
	assert_int_equal(smmu_init(), -EBUSY);
	assert_non_null(strstr(refused_rule, "initcall_blacklist"));
	assert_false(smmu_is_at(FIRST));
	put32(&models[1], 0, CR0, 0);

	assert_int_equal(smmu_init(), 0);
	assert_int_equal(models[0].commands + models[1].commands, 0);
	assert_int_equal(smmu_enter(), 0);
	assert_int_equal(smmu_enter(), 0); /* the second CPU */
	for (unsigned int i = 0; i < SMMUS; i++)
		assert_true(get32(&models[i], 0, CR0ACK) & ENABLED);
	assert_true(smmu_is_at(FIRST) && smmu_is_at(SECOND + 0x1ffff));
	assert_false(smmu_is_at(SECOND + 0x20000) || smmu_is_at(FIRST - 1));
	assert_streams(&root_cell);

	for (unsigned int round = 0; round < 40; round++) {
		assert_int_equal(smmu_init_cell(&a_cell), 0);
		smmu_stop(&a_cell);
		assert_streams(NULL);
		for (unsigned int i = 0; i < SMMUS; i++)
			assert_int_equal(models[i].flushed, 2);
		assert_int_equal(smmu_start(&a_cell), 0);
		assert_streams(&a_cell);
		smmu_stop(&a_cell);
		assert_streams(NULL);
		smmu_exit_cell(&a_cell);
		assert_streams(&root_cell);
		smmu_flush_root();
		for (unsigned int i = 0; i < SMMUS; i++)
			assert_int_equal(models[i].flushed, 1);
	}
}

/* Functions by their own numbers, whatever their streams are. */
static void inspection(void **state)
{
	unsigned int mine = 0;

	(void)state;
	assert_int_equal(smmu_start(&a_cell), 0);
	smmu_inspect(NULL);
	assert_int_equal(record_count, 0x280);
	for (unsigned int i = 0; i < record_count; i++) {
		bool cells = pci_owns(&a_cell, (uint32_t)records[i].start);

		assert_int_equal(records[i].start, i);
		assert_int_equal(records[i].cell, cells);
		mine += cells;
	}
	assert_int_equal(mine, 2);
	/* A stream without a function that is not root's is seen. */
	((uint64_t *)entry_of(&models[1], STREAM - 1))[3] ^= PAGE_SIZE;
	record_count = 0;
	smmu_inspect(NULL);
	assert_int_equal(record_count, 0x281);
	assert_int_equal(records[0x100].start, STREAM - 1);
	assert_int_equal(records[0x100].cell, CL_NO_CELL);
	((uint64_t *)entry_of(&models[1], STREAM - 1))[3] ^= PAGE_SIZE;
}

static void put_event(struct model *m, uint32_t stream, uint64_t type, uint64_t address)
{
	uint64_t base = get64(m, EVTQ_BASE), *queue = phys_to_virt(base & ~(1UL << 62) & PAGE_MASK);
	uint32_t prod = get32(m, 1, EVTQ_PROD), mask = (2U << (base & 0x1f)) - 1;
	uint64_t *event = queue + 4 * (prod & (mask >> 1));

	event[0] = type | (uint64_t)stream << 32;
	event[1] = 0;
	event[2] = address;
	put32(m, 1, EVTQ_PROD, (prod + 1) & mask);
}

static void events(void **state)
{
	(void)state;
	for (unsigned int round = 0; round < 100; round++) {
		logged[0] = '\0';
		root_cell.denied = a_cell.denied = 0;
		put_event(&models[1], STREAM + 8, 0x10, 0x1234000);
		put_event(&models[1], 0x8000, 0x13, 0x5678000);
		put_event(&models[0], 0x28, 0x10, 0x9abc000);
		smmu_poll();
		assert_non_null(strstr(logged, "device 01:01.0 (cell 'cell'): refused write to "
					       "address 0x1234000"));
		assert_non_null(strstr(logged, "SMMU at 0x9070000: stream 0x8000: refused write to "
					       "address 0x5678000"));
		assert_non_null(strstr(logged, "device 00:05.0 (cell 'cell'): refused write to "
					       "address 0x9abc000"));
		for (unsigned int i = 0; i < SMMUS; i++)
			assert_int_equal(get32(&models[i], 1, EVTQ_CONS),
					 get32(&models[i], 1, EVTQ_PROD));
	}
}

/* If one of them does not answer any more, no cell starts; the other is switched off at the end. */
static void stuck(void **state)
{
	uint32_t produced;

	(void)state;
	logged[0] = '\0';
	smmu_stop(&a_cell);
	models[1].stuck = true;
	assert_int_equal(smmu_start(&a_cell), -EIO);
	assert_non_null(strstr(logged, "the SMMU at 0x9070000 does not answer"));
	/* The other one goes on, and is waited for; this one gets nothing any more. */
	assert_null(reaches(0, 0x28));
	produced = get32(&models[1], 0, CMDQ_PROD);
	smmu_exit_cell(&a_cell);
	assert_ptr_equal(reaches(0, 0x28), &root_cell);
	assert_int_equal(get32(&models[1], 0, CMDQ_PROD), produced);
	smmu_exit();
	assert_int_equal(get32(&models[0], 0, CR0ACK), 0);
	assert_non_null(strstr(logged, "cannot be switched off"));
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(life),
		cmocka_unit_test(inspection),
		cmocka_unit_test(events),
		cmocka_unit_test(stuck),
	};

	return cmocka_run_group_tests_name("SMMU", tests, setup, NULL);
}
