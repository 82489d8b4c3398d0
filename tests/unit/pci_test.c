// SPDX-License-Identifier: GPL-2.0
/* PCI configuration space of cells and of root, on the machine model. */
#include "../host/machine.h"
#include <audit.h>
#include <setjmp.h>
#include <cmocka.h>
#include "config_builder.h"

#define SLOT(device) ((device) << 3)

struct cell root_cell, a_cell;
struct cell *cells[CONFIG_MAX_CELLS];
struct cpu cpus[CONFIG_MAX_CPUS];
unsigned int cpu_count = 1;

static struct cl_cpu_info cpu_info;
static uint64_t last_window; /* physical address, 0: none */
static unsigned int denied;

void machine_window(uint64_t phys, bool writable)
{
	(void)writable;
	last_window = phys;
}

void cell_denied_slow(struct cell *cell, const char *what, uint64_t address, uint64_t value)
{
	(void)cell;
	(void)what;
	(void)address;
	(void)value;
	denied++;
}

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
}

static bool locked;

bool cell_any_locked(void)
{
	return locked;
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

static struct blob root_blob, a_blob;

static void init(uint32_t first_bus)
{
	static const struct cl_pci_device devices[] = { { 0, 0, SLOT(2), 0 },
							{ 0, 2, SLOT(0), 0 } };
	const struct cl_platform platform = { .ecam_phys = MACHINE_ECAM,
					      .ecam_first_bus = first_bus,
					      .ecam_last_bus = ECAM_BUSES - 1 };

	machine_reset();
	memset(machine_ecam, 0, (size_t)ECAM_BUSES << 20);
	blob_begin(&root_blob, "root", CL_CELL_ROOT, 0);
	blob_begin(&a_blob, "a", 0, 0);
	BLOB_ADD(&a_blob, CL_SEC_PCI, devices);
	root_cell.config = &root_blob.config;
	a_cell.config = &a_blob.config;
	local->cpu = &cpus[0];
	local->exits = cpu_info.exits;
	cpus[0].cell = &a_cell;
	last_window = denied = 0;
	locked = false;
	pci_init(&platform);
	pci_move(&a_cell, true);
}

static int fresh(void **state)
{
	(void)state;
	init(0);
	return 0;
}

static int give_back(void **state)
{
	(void)state;
	pci_move(&a_cell, false);
	return 0;
}

static uint8_t *registers(uint32_t bdf)
{
	return machine_ecam + ((uint64_t)bdf << 12);
}

static void owners(void **state)
{
	(void)state;
	registers(SLOT(2))[0x10] = 0x42;
	assert_int_equal(pci_config_read(&a_cell, SLOT(2), 0x10, 1), 0x42);
	assert_int_equal(pci_config_read(&root_cell, SLOT(2), 0x10, 1), ~0U);
	assert_int_equal(pci_config_read(&a_cell, SLOT(3), 0x10, 1), ~0U);
	pci_config_write(&root_cell, SLOT(2), 4, 2, 7);
	pci_config_write(&a_cell, SLOT(3), 4, 2, 7);
	assert_int_equal(machine_config_writes, 0);
	assert_int_equal(denied, 2);
	pci_config_write(&root_cell, SLOT(3), 0x10, 4, 0x12345678);
	assert_memory_equal(registers(SLOT(3)) + 0x10, "\x78\x56\x34\x12", 4);
	pci_move(&a_cell, false);
	assert_int_equal(pci_config_read(&root_cell, SLOT(2), 0x10, 1), 0x42);
}

/* Of a wide write only what the cell may write reaches the device. */
static void status_bits_stay(void **state)
{
	uint8_t *device = registers(SLOT(2));

	(void)state;
	device[6] = 0x10;
	device[7] = 0xf9; /* errors that are to be seen until a 1 is written to them */
	pci_config_write(&a_cell, SLOT(2), 4, 4, 0xffffffff);
	assert_int_equal(device[4], 0x07);
	assert_int_equal(device[5], 0x04);
	assert_int_equal(device[6], 0x10);
	assert_int_equal(device[7], 0xf9);
	pci_config_write(&a_cell, SLOT(2), 6, 2, 0xffff);
	assert_int_equal(device[7], 0xf9);
	/* bits of a byte that are not the cell's keep their value */
	device[4] = 0x40;
	pci_config_write(&a_cell, SLOT(2), 4, 1, 0x02);
	assert_int_equal(device[4], 0x42);
}

/* What a cell addressed last is not what root's access to the data port finds. */
static void data_without_address(void **state)
{
	uint32_t value = 0x12345678;
	uint8_t *device = registers(SLOT(2));

	(void)state;
	device[0] = 0x42;
	assert_int_equal(pci_config_read(&a_cell, SLOT(2), 0, 1), 0x42);
	cpus[0].cell = &root_cell;
	root_cell.arch.pci_address = 0;
	pio_access(PCI_DATA, 4, false, &value);
	pio_access(PCI_DATA - 2, 4, false, &value);
	assert_int_equal(machine_config_writes, 0);
	pio_access(PCI_DATA, 1, true, &value);
	assert_int_equal(value & 0xff, 0xff);
	pio_access(PCI_DATA - 2, 4, true, &value);
	assert_int_equal(value, 0xffffffff);
}

/* Memory in front of the first bus that ECAM has is not configuration space. */
static void first_bus(void **state)
{
	(void)state;
	pci_move(&a_cell, false);
	init(1);
	assert_int_equal(pci_config_read(&a_cell, SLOT(2), 0x100, 4), ~0U);
	assert_int_equal(last_window, 0);
	pci_config_write(&root_cell, SLOT(5), 0x100, 4, 1);
	assert_int_equal(last_window, 0);
	registers(2 << 8)[0x104] = 0x77;
	assert_int_equal(pci_config_read(&a_cell, 2 << 8, 0x104, 1), 0x77);
	assert_int_equal(last_window, MACHINE_ECAM + (2UL << 20));
}

/* A device that changes hands neither accesses memory nor sends messages. */
static void devices_stop(void **state)
{
	uint8_t *device = registers(SLOT(2)), *other = registers(SLOT(3));

	(void)state;
	for (unsigned int pass = 0; pass < 2; pass++) {
		uint8_t *d = pass ? other : device;

		d[0x04] = 0x07;
		d[0x06] = 0x10; /* it has capabilities */
		d[0x07] = 0x20;
		d[0x34] = 0x52;
		d[0x50] = 0x11; /* MSI-X, the lower bits of the pointer do not count */
		d[0x51] = 0x60;
		d[0x52] = 0x07;
		d[0x53] = 0xc0;
		d[0x60] = 0x01; /* power management */
		d[0x61] = 0x70;
		d[0x62] = d[0x63] = 0xff;
		d[0x70] = 0x05; /* MSI, and a list without an end */
		d[0x71] = 0x50;
		d[0x72] = 0x81;
		d[0x73] = 0x01;
	}
	pci_stop(&a_cell);
	assert_int_equal(device[0x04], 0x03);
	assert_int_equal(device[0x07], 0x20);
	assert_memory_equal(device + 0x50, "\x11\x60\x07\x40", 4);
	assert_memory_equal(device + 0x60, "\x01\x70\xff\xff", 4);
	assert_memory_equal(device + 0x70, "\x05\x50\x80\x01", 4);
	/* Of root's devices nothing changes. */
	assert_int_equal(other[0x04], 0x07);
	assert_int_equal(other[0x53], 0xc0);
	/* Without the bit in the status register there is no list; a function that is not there. */
	device[0x06] = 0;
	device[0x53] = 0xc0;
	pci_stop(&a_cell);
	assert_int_equal(device[0x53], 0xc0);
	device[0] = device[1] = 0xff;
	device[0x04] = 0x07;
	pci_stop(&a_cell);
	assert_int_equal(device[0x04], 0x07);
}

/* While something is locked, root does not change which addresses and buses are decoded. */
static void address_maps_are_frozen(void **state)
{
	static const struct {
		uint8_t class, subclass, type;
		unsigned int offset;
		bool writable;
	} cases[] = {
		{ 2, 0, 0x80, 0x04, true },  { 2, 0, 0x80, 0x10, false },
		{ 2, 0, 0x80, 0x24, false }, { 2, 0, 0x80, 0x28, true },
		{ 2, 0, 0x80, 0x30, false }, { 2, 0, 0x80, 0x34, true },
		{ 2, 0, 0x80, 0x40, true },  { 2, 0, 0x80, 0x100, false },
		{ 6, 4, 1, 0x04, true },     { 6, 4, 1, 0x18, false },
		{ 6, 4, 1, 0x1c, false },    { 6, 4, 1, 0x20, false },
		{ 6, 4, 1, 0x34, true },     { 6, 4, 1, 0x38, false },
		{ 6, 4, 1, 0x3c, true },     { 6, 0, 0, 0x60, false },
		{ 6, 1, 0x80, 0xf0, false }, { 6, 7, 2, 0x2c, false },
		{ 9, 0, 5, 0x04, false },
	};
	uint8_t *device = registers(SLOT(5));

	(void)state;
	for (unsigned int i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		memset(device, 0, PAGE_SIZE);
		device[0x0b] = cases[i].class;
		device[0x0a] = cases[i].subclass;
		device[0x0e] = cases[i].type;
		locked = true;
		pci_config_write(&root_cell, SLOT(5), cases[i].offset, 4, 0x01020304);
		assert_int_equal(device[cases[i].offset] == 4, cases[i].writable);
		locked = false;
		pci_config_write(&root_cell, SLOT(5), cases[i].offset, 4, 0x01020304);
		assert_int_equal(device[cases[i].offset], 4);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(owners, fresh, give_back),
		cmocka_unit_test_setup_teardown(status_bits_stay, fresh, give_back),
		cmocka_unit_test_setup_teardown(data_without_address, fresh, give_back),
		cmocka_unit_test_setup_teardown(first_bus, fresh, give_back),
		cmocka_unit_test_setup_teardown(devices_stop, fresh, give_back),
		cmocka_unit_test_setup_teardown(address_maps_are_frozen, fresh, give_back),
	};

	return cmocka_run_group_tests_name("pci", tests, NULL, NULL);
}
