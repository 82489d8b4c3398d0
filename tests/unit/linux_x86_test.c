// SPDX-License-Identifier: GPL-2.0
/* hvctl cell linux on x86: what is taken for a kernel, where things go, and the ACPI tables. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "fail_message.h"
#include "config_builder.h"
#include "linux_x86.h"
#include "linux_x86_boot.h"

#define MIB    (1ULL << 20)
#define KERNEL 0x100000 /* bytes of the file */

/* In the place of what is assembled. */
const char linux_entry[24] = "entry", linux_reset[3] = { 1, 2, 3 }, linux_dsdt[8] = "DSDT";
const uint32_t linux_entry_size = 24, linux_entry_base = 8, linux_entry_kernel = 16;
const uint32_t linux_reset_size = 3, linux_dsdt_size = 8;

static struct cl_memory ram[4];
static unsigned int ram_count;
static struct blob blob;
static unsigned char *kernel;

unsigned int linux_ram(const struct cl_config *config, struct cl_memory *found, unsigned int max)
{
	assert_ptr_equal(config, &blob.config);
	assert_true(max >= ram_count);
	memcpy(found, ram, ram_count * sizeof(*ram));
	return ram_count;
}

void linux_add(struct linux_guest *g, const char *what, const void *data, size_t size,
	       uint64_t address)
{
	assert_true(g->count < LINUX_PIECES);
	g->pieces[g->count++] = (struct piece){ what, data, size, address };
}

static struct setup_header *header(void)
{
	return (struct setup_header *)(kernel + 0x1f1);
}

static struct linux_guest guest(void)
{
	return (struct linux_guest){ .config = &blob.config,
				     .tsc_khz = 1000,
				     .hw_ids = { 3, 300 },
				     .cpu_count = 2,
				     .kernel_path = "vmlinuz",
				     .kernel = kernel,
				     .kernel_size = KERNEL,
				     .cmdline = "console=ttyS0" };
}

/* A good kernel, config and memory, for the test to spoil. */
static int setup(void **state)
{
	static const struct cl_memory memory[] = {
		{ 0, 0x8000000, 0x1000, CL_MEM_READ | CL_MEM_WRITE | CL_MEM_COMM },
	};

	(void)state;
	blob_begin(&blob, "linux", CL_CELL_VUART, 0x10000);
	BLOB_ADD(&blob, CL_SEC_MEMORY, memory);
	ram[0] = (struct cl_memory){ CL_AUTO, 0, 128 * MIB, CL_MEM_RAM | CL_MEM_LOADABLE };
	ram_count = 1;
	kernel = calloc(1, KERNEL);
	*header() = (struct setup_header){ .setup_sects = 1,
					   .syssize = (KERNEL - 1024) / 16,
					   .boot_flag = 0xaa55,
					   .jump = 0x6aeb,
					   .header = 0x53726448,
					   .version = 0x20f,
					   .initrd_addr_max = 0x7fffffff,
					   .kernel_alignment = 0x200000,
					   .relocatable_kernel = 1,
					   .xloadflags = XLF_KERNEL_64,
					   .cmdline_size = 2047,
					   .pref_address = 0x1000000,
					   .init_size = 0x2000000 };
	message[0] = 0;
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	free(kernel);
	return 0;
}

static void refused(const char *text)
{
	struct linux_guest g = guest();

	assert_int_not_equal(linux_layout(&g), EXIT_OK);
	assert_int_equal(g.count, 0);
	if (!strstr(message, text))
		print_error("'%s' is not in '%s'\n", text, message);
	assert_non_null(strstr(message, text));
}

#define SPOIL(lvalue, value, text)               \
	do {                                     \
		__typeof__(lvalue) was = lvalue; \
		lvalue = value;                  \
		refused(text);                   \
		lvalue = was;                    \
	} while (0)

static void kernels(void **state)
{
	struct linux_guest g = guest();

	(void)state;
	SPOIL(header()->boot_flag, 0, "no kernel for x86");
	SPOIL(header()->header, 0, "no kernel for x86");
	SPOIL(header()->version, 0x20b, "boot protocol 2.11, expected at least 2.12");
	SPOIL(header()->xloadflags, 0, "a 32-bit kernel");
	SPOIL(header()->relocatable_kernel, 0, "not relocatable");
	SPOIL(header()->kernel_alignment, 0x300000, "kernel_alignment");
	SPOIL(header()->kernel_alignment, 0, "kernel_alignment");
	SPOIL(header()->syssize, KERNEL / 16, "it is cut off");
	SPOIL(header()->syssize, 0xffffffff, "it is cut off");
	SPOIL(header()->syssize, 0, "it is cut off");
	SPOIL(header()->setup_sects, 255, "it is cut off");
	SPOIL(header()->init_size, 0xffffffff, "init_size");
	for (size_t size = 0; size < 0x300; size++) {
		/* in a buffer of just this size */
		unsigned char *part = malloc(size + 1);
		struct bzimage image;

		memcpy(part, kernel, size);
		assert_int_not_equal(bzimage_read("part", part, size, &image), EXIT_OK);
		free(part);
	}
	assert_int_equal(linux_layout(&g), EXIT_OK);
}

static void configs(void **state)
{
	(void)state;
	SPOIL(blob.config.flags, 0, "CL_CELL_VUART");
	SPOIL(blob.config.entry, 0x10800, "entry");
	SPOIL(blob.config.entry, 0, "entry");
	SPOIL(blob.config.entry, 0x93000, "entry");
	SPOIL(blob.config.entry, 0x7ff8000, "entry");
	SPOIL(ram[0].virt, 0x1000, "too little RAM at address 0");
	SPOIL(ram[0].size, 32 * MIB, "needs 32 MiB of RAM in one piece");
	SPOIL(header()->cmdline_size, 12,
	      "the command line has 13 bytes, the kernel takes at most 12");
	SPOIL(ram_count, 0, "entry");
}

static const struct piece *find(const struct linux_guest *g, const char *what)
{
	for (unsigned int i = 0; i < g->count; i++)
		if (!strcmp(g->pieces[i].what, what))
			return &g->pieces[i];
	print_error("no %s\n", what);
	abort();
}

static void layout(void **state)
{
	struct linux_guest g = guest();
	const struct piece *boot, *code;
	const struct boot_params *p;
	uint64_t end = 0;

	(void)state;
	g.initrd = kernel;
	g.initrd_size = 5000;
	g.initrd_path = "initrd";
	assert_int_equal(linux_layout(&g), EXIT_OK);
	boot = find(&g, "boot data");
	code = find(&g, "vmlinuz");
	assert_int_equal(boot->address, 0x10000);
	assert_int_equal(code->address, 0x1000000);
	assert_int_equal(code->size, KERNEL - 1024);
	assert_int_equal(find(&g, "initrd")->address, 128 * MIB - 0x2000);
	p = (const struct boot_params *)((const char *)boot->data + BOOT_PARAMS);
	assert_int_equal(p->hdr.cmd_line_ptr, 0x10000 + BOOT_CMDLINE);
	assert_string_equal((const char *)boot->data + BOOT_CMDLINE, "console=ttyS0");
	assert_int_equal(p->acpi_rsdp_addr, 0x10000 + BOOT_ACPI);
	assert_int_equal(p->hdr.ramdisk_size, 5000);
	/* The map has no holes and no overlaps up to the comm region's end. */
	for (unsigned int i = 0; i < p->e820_entries; i++) {
		assert_int_equal(p->e820_table[i].addr, end);
		end += p->e820_table[i].size;
	}
	assert_int_equal(end, 0x8001000);
	/* What is loaded does not overlap. */
	for (unsigned int i = 0; i < g.count; i++)
		for (unsigned int j = 0; j < i; j++)
			assert_true(g.pieces[i].address + g.pieces[i].size <= g.pieces[j].address ||
				    g.pieces[j].address + g.pieces[j].size <= g.pieces[i].address);
	/* The first choice is taken: it goes as low as it can. */
	ram[0].size = 40 * MIB;
	g = guest();
	assert_int_equal(linux_layout(&g), EXIT_OK);
	assert_int_equal(find(&g, "vmlinuz")->address, 2 * MIB);
}

static bool sums_to_zero(const unsigned char *data, size_t size)
{
	unsigned char sum = 0;

	while (size--)
		sum = (unsigned char)(sum + *data++);
	return !sum;
}

static void acpi(void **state)
{
	static unsigned char tables[ACPI_SIZE] __attribute__((aligned(16)));
	static uint32_t many[2000];
	const uint32_t ids[] = { 3, 300 };
	const struct acpi_watchdog none = { 0 }, watchdog = { 3000, 0x8000130 };
	static const char *const names[] = { "FACP", "APIC", "WDAT" };
	uint64_t xsdt, address, where;
	uint32_t length;

	(void)state;
	assert_true(acpi_build(tables, 0x50000, ids, 2, &watchdog));
	assert_memory_equal(tables, "RSD PTR ", 8);
	assert_true(sums_to_zero(tables, 20) && sums_to_zero(tables, 36));
	memcpy(&xsdt, tables + 24, sizeof(xsdt));
	xsdt -= 0x50000;
	for (unsigned int i = 3; i-- > 0;) {
		memcpy(&address, tables + xsdt + 36 + 8 * i, sizeof(address));
		address -= 0x50000;
		memcpy(&length, tables + address + 4, sizeof(length));
		assert_memory_equal(tables + address, names[i], 4);
		assert_true(sums_to_zero(tables + address, length));
		if (i == 1) {
			/* One entry of 8 bytes, one of 16, and the IOAPIC's */
			assert_int_equal(length, 44 + 8 + 16 + 12);
			assert_int_equal(tables[address + 44 + 3], 3);
			assert_int_equal(tables[address + 44 + 8], 9);
		} else if (i == 2) {
			/* Six entries of 24 bytes, in each of which bytes 8 to 15 are the address */
			assert_int_equal(length, 68 + 6 * 24);
			for (unsigned int j = 0; j < 6; j++) {
				memcpy(&where, tables + address + 68 + 24 * j + 8, sizeof(where));
				assert_int_equal(where, watchdog.address);
			}
		}
	}
	memcpy(&length, tables + xsdt + 4, sizeof(length));
	assert_int_equal(length, 36 + 3 * 8);
	assert_true(acpi_build(tables, 0x50000, ids, 2, &none));
	memcpy(&length, tables + xsdt + 4, sizeof(length));
	assert_int_equal(length, 36 + 2 * 8);
	assert_false(acpi_build(tables, 0, many, 2000, &none));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(kernels, setup, teardown),
		cmocka_unit_test_setup_teardown(configs, setup, teardown),
		cmocka_unit_test_setup_teardown(layout, setup, teardown),
		cmocka_unit_test(acpi),
	};

	return cmocka_run_group_tests_name("linux_x86", tests, NULL, NULL);
}
