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
struct info_region info;
uint8_t cpu_of_apic_id[256];

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
static struct cl_cell_info a_info;

#define REGISTERS 0xd0001000UL
#define WIDE	  0x4500000000UL
#define SHARED	  0xd0003010UL /* less than a page */
#define HIGH	  0xd0004000UL

static void init(uint32_t first_bus)
{
	static const struct cl_pci_device devices[] = { { .devfn = SLOT(2) }, { .bus = 2 } };
	static const struct cl_memory memory[] = {
		{ CL_AUTO, 0, 0x200000, CL_MEM_RAM },
		{ REGISTERS, 0xe0004000, 0x3000, CL_MEM_READ | CL_MEM_WRITE | CL_MEM_IO },
		{ WIDE, 0x1200000000, 0x40000000, CL_MEM_READ | CL_MEM_IO },
		{ SHARED, 0x80000010, 4, CL_MEM_READ | CL_MEM_IO },
		{ HIGH, 0x100000000, 0x1000, CL_MEM_READ | CL_MEM_IO },
		{ 0xd0008000, 0x90000000, 0x1000, CL_MEM_READ | CL_MEM_WRITE },
	};
	static const struct cl_pio ports[] = { { 0xc040, 8 }, { 0xc080, 0x61 }, { 0xc100, 1 } };
	const struct cl_platform platform = { .ecam_phys = MACHINE_ECAM,
					      .ecam_first_bus = first_bus,
					      .ecam_last_bus = ECAM_BUSES - 1 };

	machine_reset();
	memset(machine_ecam, 0, (size_t)ECAM_BUSES << 20);
	blob_begin(&root_blob, "root", CL_CELL_ROOT, 0);
	blob_begin(&a_blob, "a", 0, 0);
	BLOB_ADD(&a_blob, CL_SEC_PCI, devices);
	BLOB_ADD(&a_blob, CL_SEC_MEMORY, memory);
	BLOB_ADD(&a_blob, CL_SEC_PIO, ports);
	a_info.cpus[0] = BIT(3) | BIT(5);
	memset(cpu_of_apic_id, 0xff, sizeof(cpu_of_apic_id));
	for (unsigned int i = 0; i < 8; i++)
		cpu_of_apic_id[0x10 + i] = (uint8_t)i;
	a_cell.info = &a_info;
	a_cell.pci_sizing = 0;
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
	registers(SLOT(2))[0x08] = 0x42;
	assert_int_equal(pci_config_read(&a_cell, SLOT(2), 0x08, 1), 0x42);
	assert_int_equal(pci_config_read(&root_cell, SLOT(2), 0x08, 1), ~0U);
	assert_int_equal(pci_config_read(&a_cell, SLOT(3), 0x08, 1), ~0U);
	pci_config_write(&root_cell, SLOT(2), 4, 2, 7);
	pci_config_write(&a_cell, SLOT(3), 4, 2, 7);
	assert_int_equal(machine_config_writes, 0);
	assert_int_equal(denied, 2);
	pci_config_write(&root_cell, SLOT(3), 0x10, 4, 0x12345678);
	assert_memory_equal(registers(SLOT(3)) + 0x10, "\x78\x56\x34\x12", 4);
	pci_move(&a_cell, false);
	assert_int_equal(pci_config_read(&root_cell, SLOT(2), 0x08, 1), 0x42);
}

static uint32_t own(unsigned int offset)
{
	return pci_config_read(&a_cell, SLOT(2), offset, 4);
}

static void write_own(unsigned int offset, unsigned int size, uint32_t value)
{
	pci_config_write(&a_cell, SLOT(2), offset, size, value);
}

static void set_word(uint8_t *device, unsigned int offset, uint32_t value)
{
	memcpy(device + offset, &value, sizeof(value));
}

/* What a base address register reads, and what after ones were written to it. */
static void assert_bar(unsigned int offset, uint32_t value, uint32_t size)
{
	unsigned int lines = denied;

	assert_int_equal(own(offset), value);
	write_own(offset, 4, ~0U);
	assert_int_equal(own(offset), size);
	assert_int_equal(pci_config_read(&a_cell, SLOT(2), offset + 1, 1), size >> 8 & 0xff);
	assert_int_equal(pci_config_read(&a_cell, SLOT(2), offset + 2, 2), size >> 16);
	write_own(offset, 4, value);
	assert_int_equal(own(offset), value);
	assert_int_equal(denied, lines);
}

/* Base addresses are where the cell's config has them, and can be sized; nothing is written. */
static void base_addresses(void **state)
{
	uint8_t *device = registers(SLOT(2));

	(void)state;
	set_word(device, 0x10, REGISTERS);
	set_word(device, 0x14, 0xc041);
	set_word(device, 0x18, 0x0000000c); /* 64 bits, prefetchable */
	set_word(device, 0x1c, WIDE >> 32);
	set_word(device, 0x20, SHARED | 8);
	set_word(device, 0x24, 0xc081);
	set_word(device, 0x30, 0xd0000001);
	/* 12 KiB are rounded up */
	assert_bar(0x10, 0xe0004000, 0xffffc000);
	assert_bar(0x14, 0xc041, 0xfffffff9);
	assert_bar(0x18, 0x0000000c, 0xc000000c);
	assert_bar(0x1c, 0x12, 0xffffffff);
	assert_bar(0x20, 0x80000018, 0xfffffff8);
	assert_bar(0x24, 0xc081, 0xffffff81);
	assert_bar(0x30, 0, 0);
	/* All of them at once, as newer kernels do, and the bits of the address only. */
	for (unsigned int offset = 0x10; offset < 0x28; offset += 4)
		write_own(offset, 4, 0xfffffff0);
	assert_int_equal(own(0x10), 0xffffc000);
	assert_int_equal(own(0x20), 0xfffffff8);
	/* Another function's: this one is done. */
	pci_config_write(&a_cell, 2 << 8, 0x14, 4, ~0U);
	assert_int_equal(own(0x10), 0xe0004000);
	assert_int_equal(machine_config_writes, 0);
	/* It cannot be moved, nor sized by halves. */
	denied = 0;
	write_own(0x10, 4, ~0U);
	write_own(0x10, 4, 0xe0008000);
	assert_int_equal(denied, 1);
	assert_int_equal(own(0x10), 0xe0004000);
	write_own(0x1c, 4, 0x13);
	assert_int_equal(denied, 2);
	assert_int_equal(own(0x1c), 0x12);
	write_own(0x10, 2, 0xffff);
	assert_int_equal(denied, 3);
	assert_int_equal(own(0x10), 0xe0004000);
	assert_int_equal(machine_config_writes, 0);
	/* Root sees the hardware's. */
	pci_move(&a_cell, false);
	assert_int_equal(pci_config_read(&root_cell, SLOT(2), 0x10, 4), REGISTERS);
	assert_int_equal(pci_config_read(&root_cell, SLOT(2), 0x30, 4), 0xd0000001);
}

/* What the config does not name, or cannot be told, is not there. */
static void no_base_addresses(void **state)
{
	static const uint32_t words[][2] = {
		{ 0xd0000000, 0 }, /* not the region's first byte */
		{ 0xd0002000, 0 },
		{ 0xd0008000, 0 }, /* RAM, as the config has it */
		{ 0, 0 },	   /* a CL_AUTO region begins at 0 in the cell */
		{ 0xc045, 0 },	   /* nor the first port */
		{ 0x01, 0 },
		{ 0x4, 0 },
		{ HIGH, 0 }, /* above 4 GiB in the cell: 32 bits are too few */
		{ (uint32_t)WIDE | 4, 0x44 },
		{ 0xffffffff, 0xffffffff },
	};
	uint8_t *device = registers(SLOT(2));

	(void)state;
	for (unsigned int i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		set_word(device, 0x10, words[i][0]);
		set_word(device, 0x14, words[i][1]);
		assert_bar(0x10, 0, 0);
		assert_bar(0x14, 0, 0);
	}
	/* With 64 bits it is there; the last register has no upper half. */
	set_word(device, 0x10, HIGH | 4);
	set_word(device, 0x14, 0);
	assert_bar(0x10, 0x4, 0xfffff004);
	assert_bar(0x14, 1, 0xffffffff);
	set_word(device, 0x24, REGISTERS | 4);
	assert_bar(0x24, 0, 0);
	/* Other headers have other things there. */
	set_word(device, 0x24, 0x12345678);
	device[0x0e] = 0x81;
	assert_int_equal(own(0x24), 0x12345678);
	write_own(0x24, 4, ~0U);
	assert_int_equal(denied, 1);
	assert_int_equal(machine_config_writes, 0);
}

#define OWN_CPU	    0xfee13000U
#define OTHER_CPU   0xfee14000U
#define MSI_ENABLED 0x0001

/* A function with MSI at place, and what is before it in the list. */
static uint8_t *msi_device(unsigned int place, uint16_t control)
{
	uint8_t *device = registers(SLOT(2));

	memset(device, 0, PAGE_SIZE);
	device[0x06] = 0x10;
	device[0x34] = 0x40;
	device[0x40] = 0x09;
	device[0x41] = (uint8_t)place;
	device[place] = 0x05;
	device[place + 2] = (uint8_t)control;
	device[place + 3] = (uint8_t)(control >> 8);
	denied = 0;
	return device;
}

/* All four layouts: which bytes can be written, and a good message is sent. */
static void msi_layouts(void **state)
{
	static const struct {
		uint16_t control;
		unsigned int place, data, mask, end;
	} layouts[] = {
		{ 0x000e, 0x50, 0x58, 0, 0x5a },    { 0x008e, 0x50, 0x5c, 0, 0x5e },
		{ 0x010e, 0x50, 0x58, 0x5c, 0x60 }, { 0x018e, 0x50, 0x5c, 0x60, 0x64 },
		{ 0x000e, 0xf4, 0xfc, 0, 0xfe },    { 0x018e, 0xec, 0xf8, 0xfc, 0x100 },
	};

	(void)state;
	for (unsigned int i = 0; i < sizeof(layouts) / sizeof(layouts[0]); i++) {
		unsigned int place = layouts[i].place, data = layouts[i].data;
		uint8_t *device = msi_device(place, layouts[i].control);
		uint8_t expected[256];

		/* Everything but the enable bit. */
		memcpy(expected, device, sizeof(expected));
		for (unsigned int at = 0x40; at < 0x100; at++)
			write_own(at, 1, at == place + 2 ? 0xfe : 0xff);
		expected[place + 2] |= 0x70;
		for (unsigned int at = place + 4; at < layouts[i].end; at++)
			if (at < data + 2 || (layouts[i].mask && at >= layouts[i].mask))
				expected[at] = at == place + 4 ? 0xfc : 0xff;
		assert_memory_equal(device, expected, sizeof(expected));
		/* Not with what is there now. */
		write_own(place + 2, 2, MSI_ENABLED);
		assert_int_equal(device[place + 2], expected[place + 2]);
		write_own(place + 4, 4, OWN_CPU);
		if (data == place + 12) {
			write_own(place + 2, 1, MSI_ENABLED);
			assert_int_equal(device[place + 2] & 1, 0);
			write_own(place + 8, 4, 0);
		}
		write_own(data, 2, 0x0041);
		denied = 0;
		write_own(place, 4, 0x0051ffff);
		assert_int_equal(denied, 0);
		assert_int_equal(device[place], 0x05);
		assert_int_equal(device[place + 2] & 0x71, 0x51);
		if (layouts[i].mask) {
			write_own(layouts[i].mask, 4, 0x55);
			assert_int_equal(device[layouts[i].mask], 0x55);
			assert_int_equal(denied, 0);
		}
		/* While it sends, each change is checked. */
		write_own(place + 4, 4, OTHER_CPU);
		write_own(place + 5, 1, 0x40);
		write_own(place + 6, 2, 0xfee2);
		write_own(data, 2, 0x0241);
		write_own(data + 1, 1, 0x04);
		assert_int_equal(denied, 5);
		assert_int_equal(pci_config_read(&a_cell, SLOT(2), place + 4, 4), OWN_CPU);
		assert_int_equal(pci_config_read(&a_cell, SLOT(2), data, 2), 0x41);
		write_own(place + 4, 4, 0xfee15000);
		assert_int_equal(pci_config_read(&a_cell, SLOT(2), place + 4, 4), 0xfee15000);
		write_own(place + 2, 2, 0);
		write_own(place + 4, 4, OTHER_CPU);
		assert_int_equal(pci_config_read(&a_cell, SLOT(2), place + 4, 4), OTHER_CPU);
		assert_int_equal(denied, 5);
	}
}

/* Which messages: by what is there when the function is to send them. */
static void msi_policy(void **state)
{
	static const struct {
		uint64_t address;
		uint16_t data, control;
		bool allowed;
	} cases[] = {
		{ OWN_CPU, 0x0020, 1, true },
		{ OWN_CPU, 0x00ff, 1, true },
		{ OWN_CPU, 0x4141, 1, true },
		{ 0xfee15000, 0x0041, 0x51, true },
		{ OWN_CPU, 0x001f, 1, false },
		{ OWN_CPU, 0x0000, 1, false },
		{ OWN_CPU, 0x0241, 1, false },
		{ OWN_CPU, 0x0341, 1, false },
		{ OWN_CPU, 0x0441, 1, false },
		{ OWN_CPU, 0x0541, 1, false },
		{ OWN_CPU, 0x0641, 1, false },
		{ OWN_CPU, 0x0741, 1, false },
		{ OWN_CPU, 0x0841, 1, false },
		{ OWN_CPU, 0x2041, 1, false },
		{ OWN_CPU, 0x8041, 1, false },
		{ OWN_CPU, 0x0041, 0x61, false },
		{ OWN_CPU, 0x0041, 0x71, false },
		{ OWN_CPU | 4, 0x41, 1, false },
		{ OWN_CPU | 8, 0x41, 1, false },
		{ OWN_CPU | 0x10, 0x41, 1, false },
		{ OTHER_CPU, 0x41, 1, false },
		{ 0xfee00000, 0x41, 1, false },
		{ 0xfeeff000, 0x41, 1, false },
		{ 0xfed13000, 0x41, 1, false },
		{ 0xfef13000, 0x41, 1, false },
		{ 0x00013000, 0x41, 1, false },
		{ 0, 0, 1, false },
		{ OWN_CPU | 1UL << 32, 0x41, 1, false },
		{ OWN_CPU | 1UL << 63, 0x41, 1, false },
	};

	(void)state;
	for (unsigned int i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		uint8_t *device = msi_device(0x60, 0x0080);

		write_own(0x64, 4, (uint32_t)cases[i].address);
		write_own(0x68, 4, (uint32_t)(cases[i].address >> 32));
		write_own(0x6c, 4, cases[i].data);
		assert_int_equal(denied, 0);
		write_own(0x62, 2, cases[i].control);
		assert_int_equal(device[0x62] & 1, cases[i].allowed);
		assert_int_equal(denied, !cases[i].allowed);
		pci_stop(&a_cell);
		assert_int_equal(device[0x62] & 1, 0);
	}
}

/* Lists without an end, without MSI, and a capability that does not fit. */
static void odd_lists(void **state)
{
	uint8_t *device;

	(void)state;
	device = msi_device(0x60, 0x0080);
	device[0x40] = 0x05; /* the first of two counts */
	device[0x41] = 0x40;
	write_own(0x64, 4, OWN_CPU);
	assert_int_equal(denied, 1);
	write_own(0x44, 4, OWN_CPU);
	assert_int_equal(denied, 1);
	device[0x40] = 0x09;
	write_own(0x44, 4, OWN_CPU);
	assert_int_equal(denied, 2);
	device = msi_device(0x60, 0x0080);
	device[0x41] = 0x10; /* into the header */
	write_own(0x64, 4, OWN_CPU);
	assert_int_equal(denied, 1);
	device = msi_device(0x60, 0x0080);
	device[0x06] = 0; /* no list */
	write_own(0x64, 4, OWN_CPU);
	assert_int_equal(denied, 1);
	for (unsigned int place = 0xf0; place < 0x100; place += 4) {
		device = msi_device(place, 0x0180);
		for (unsigned int at = 0x42; at < 0x100; at += 2)
			write_own(at, 2, 0xffff);
		assert_int_equal(denied, 95);
		assert_int_equal(device[place + 2], 0x80);
	}
}

/* What a cell cannot use of capabilities it does not find; the list goes on behind them. */
static void hidden_capabilities(void **state)
{
	uint8_t *device = msi_device(0x60, 0x0080);

	(void)state;
	device[0x61] = 0x70;
	set_word(device, 0x70, 0xc0038011); /* MSI-X, enabled */
	set_word(device, 0x80, 0xffff9001); /* power */
	set_word(device, 0x90, 0x12340014); /* Enhanced Allocation */
	set_word(device, 0xa0, 0x12340011); /* not in the list */
	assert_int_equal(own(0x40), 0x6009);
	assert_int_equal(own(0x60), 0x00807005);
	assert_int_equal(own(0x70), 0xc0038000);
	assert_int_equal(pci_config_read(&a_cell, SLOT(2), 0x70, 1), 0);
	assert_int_equal(pci_config_read(&a_cell, SLOT(2), 0x70, 2), 0x8000);
	assert_int_equal(pci_config_read(&a_cell, SLOT(2), 0x72, 2), 0xc003);
	assert_int_equal(own(0x80), 0xffff9000);
	assert_int_equal(own(0x90), 0x12340000);
	assert_int_equal(own(0xa0), 0x12340011);
	write_own(0x72, 2, 0x8000);
	assert_int_equal(denied, 1);
	pci_move(&a_cell, false);
	assert_int_equal(pci_config_read(&root_cell, SLOT(2), 0x70, 4), 0xc0038011);
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
		cmocka_unit_test_setup_teardown(base_addresses, fresh, give_back),
		cmocka_unit_test_setup_teardown(no_base_addresses, fresh, give_back),
		cmocka_unit_test_setup_teardown(msi_layouts, fresh, give_back),
		cmocka_unit_test_setup_teardown(msi_policy, fresh, give_back),
		cmocka_unit_test_setup_teardown(odd_lists, fresh, give_back),
		cmocka_unit_test_setup_teardown(hidden_capabilities, fresh, give_back),
		cmocka_unit_test_setup_teardown(status_bits_stay, fresh, give_back),
		cmocka_unit_test_setup_teardown(data_without_address, fresh, give_back),
		cmocka_unit_test_setup_teardown(first_bus, fresh, give_back),
		cmocka_unit_test_setup_teardown(devices_stop, fresh, give_back),
		cmocka_unit_test_setup_teardown(address_maps_are_frozen, fresh, give_back),
	};

	return cmocka_run_group_tests_name("pci", tests, NULL, NULL);
}
