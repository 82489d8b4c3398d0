// SPDX-License-Identifier: GPL-2.0
/*
 * Where hvctl cell linux puts a kernel for arm64 and what its device tree says, read back with
 * libfdt; and what it refuses.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <libfdt.h>
#include <zlib.h>
#include <cloister/check.h>
#include "config_builder.h"
#include "linux_arm64.h"
#include <cmocka.h>

#include "fail_message.h"

/* cmocka's uses the macro that is not there any more. */
#undef fail_msg
#define fail_msg(...)                      \
	do {                               \
		print_error(__VA_ARGS__);  \
		_fail(__FILE__, __LINE__); \
	} while (0)

#define MIB	  (1ULL << 20)
#define BASE	  0x40000000ULL
#define RAM	  (CL_MEM_RAM | CL_MEM_LOADABLE)
#define IMAGE	  (3 * MIB) /* bytes that the kernel needs; the file has fewer */
#define FILE_SIZE 100000

void linux_add(struct linux_guest *g, const char *what, const void *data, size_t size,
	       uint64_t address)
{
	assert_in_range(g->count, 0, LINUX_PIECES - 1);
	g->pieces[g->count++] = (struct piece){ what, data, size, address };
}

/* As in linux.c, for regions in order of which none follow each other. */
unsigned int linux_ram(const struct cl_config *config, struct cl_memory *ram, unsigned int max)
{
	const struct cl_section *section = cl_find_section(config, CL_SEC_MEMORY);
	unsigned int count = 0;
	uint32_t i;

	for (i = 0; i < section->count && count < max; i++) {
		cl_get_entry(section, i, &ram[count], sizeof(ram[count]));
		count += (ram[count].flags & RAM) == RAM;
	}
	return count;
}

static struct blob blob;
static struct cl_memory *memory;
static struct linux_guest guest;

static void put64(void *at, uint64_t value)
{
	memcpy(at, &value, sizeof(value));
}

static void *new_kernel(void)
{
	char *file = calloc(1, FILE_SIZE);

	put64(file + 8, 0); /* text_offset */
	put64(file + 16, IMAGE);
	put64(file + 24, 0xa); /* 4 KiB pages, anywhere */
	memcpy(file + 56, "ARM\x64", 4);
	return file;
}

static void begin(uint32_t flags, unsigned int gic)
{
	static const struct cl_cpu cpus[] = { { 2, 0 }, { 3, 0 } };
	const struct cl_memory regions[] = {
		{ CL_AUTO, BASE, 64 * MIB, RAM },
		{ 0, 0x1000, 0x1000, CL_MEM_READ | CL_MEM_WRITE | CL_MEM_COMM },
		{ CL_AUTO, 0x880000000, 32 * MIB, RAM },
	};

	blob_begin(&blob, "linux", flags, BASE);
	blob.config.arch = CL_ARCH_ARM64;
	BLOB_ADD(&blob, CL_SEC_CPUS, cpus);
	memory = BLOB_ADD(&blob, CL_SEC_MEMORY, regions);
	message[0] = '\0';
	guest = (struct linux_guest){
		.config = &blob.config,
		.kernel_path = "Image",
		.initrd_path = "initrd",
		.dtb_path = "tree",
		.kernel = new_kernel(),
		.kernel_size = FILE_SIZE,
		.initrd = calloc(1, 5000),
		.initrd_size = 5000,
		.cmdline = "quiet",
		.hw_ids = { 0x102, 0x01000003 },
		.cpu_count = 2,
	};
	if (gic == 3)
		guest.gic = (struct cl_gic){ .version = 3,
					     .dist_phys = 0x8000000,
					     .redist_phys = 0x80a0000,
					     .redist_size = 0xf60000 };
	else
		guest.gic = (struct cl_gic){ .version = 2,
					     .dist_phys = 0x8000000,
					     .cpu_phys = 0x8010000 };
}

static void end(void)
{
	free(guest.kernel);
	free(guest.initrd);
	free(guest.dtb);
	guest = (struct linux_guest){ 0 };
}

static const void *property(const char *path, const char *name, int size)
{
	int node = fdt_path_offset(guest.dtb, path), length;
	const void *value = fdt_getprop(guest.dtb, node, name, &length);

	if (!value || (size >= 0 && length != size))
		fail_msg("%s/%s: %p, %d bytes", path, name, value, length);
	return value;
}

static void assert_cells(const char *path, const char *name, const uint32_t *wanted, int count)
{
	const void *value = property(path, name, 4 * count);

	for (int i = 0; i < count; i++)
		assert_int_equal(fdt32_ld((const fdt32_t *)value + i), wanted[i]);
}

#define CELLS(path, name, ...)                                                       \
	do {                                                                         \
		const uint32_t wanted[] = { __VA_ARGS__ };                           \
		assert_cells(path, name, wanted, sizeof(wanted) / sizeof(uint32_t)); \
	} while (0)

static bool exists(const char *path)
{
	return fdt_path_offset(guest.dtb, path) >= 0;
}

static const struct piece *piece(const char *what)
{
	for (unsigned int i = 0; i < guest.count; i++)
		if (!strcmp(guest.pieces[i].what, what))
			return &guest.pieces[i];
	fail_msg("no piece is called %s", what);
	return NULL;
}

static void places(void **state)
{
	const struct piece *start, *tree, *kernel, *initrd;
	uint64_t addresses[2];

	(void)state;
	begin(CL_CELL_VUART, 3);
	assert_int_equal(linux_layout(&guest), EXIT_OK);
	assert_int_equal(guest.count, 4);
	start = piece("the start code");
	tree = piece("the device tree");
	kernel = piece("Image");
	initrd = piece("initrd");
	assert_int_equal(start->address, BASE);
	assert_int_equal(kernel->address % (2 * MIB), 0);
	assert_int_equal(kernel->size, FILE_SIZE);
	assert_int_equal(tree->address % 8, 0);
	assert_true(tree->address >= start->address + start->size);
	assert_true(tree->address + tree->size <= kernel->address);
	assert_int_equal(initrd->address, kernel->address + IMAGE);
	/* The literals behind six instructions. */
	assert_int_equal(start->size, 40);
	memcpy(addresses, (const char *)start->data + 24, sizeof(addresses));
	assert_int_equal(addresses[0], tree->address);
	assert_int_equal(addresses[1], kernel->address);
	assert_int_equal(fdt_check_full(tree->data, tree->size), 0);
	end();
}

static void tree_of_a_cell(void **state)
{
	(void)state;
	begin(CL_CELL_VUART, 3);
	assert_int_equal(linux_layout(&guest), EXIT_OK);
	CELLS("/memory@40000000", "reg", 0, BASE, 0, 64 * MIB, 8, 0x80000000, 0, 32 * MIB);
	CELLS("/cpus/cpu@102", "reg", 0, 0x102);
	CELLS("/cpus/cpu@100000003", "reg", 1, 3);
	assert_string_equal(property("/cpus/cpu@102", "enable-method", -1), "psci");
	assert_string_equal(property("/psci", "method", -1), "hvc");
	CELLS("/timer", "interrupts", 1, 13, 4, 1, 14, 4, 1, 11, 4, 1, 10, 4);
	CELLS("/interrupt-controller@8000000", "reg", 0, 0x8000000, 0, 0x10000, 0, 0x80a0000, 0,
	      0xf60000);
	CELLS("/serial@9000000", "reg", 0, 0x9000000, 0, 0x1000);
	CELLS("/serial@9000000", "interrupts", 0, CL_VUART_INTID - 32, 4);
	assert_string_equal(property("/gpio-keys", "compatible", -1), "gpio-keys");
	CELLS("/gpio-keys/power-button", "interrupts", 0, CL_BUTTON_INTID - 32, 1);
	CELLS("/gpio-keys/power-button", "linux,code", 116);
	assert_string_equal(property("/chosen", "bootargs", -1), "quiet");
	assert_string_equal(property("/chosen", "stdout-path", -1), "/serial@9000000");
	CELLS("/chosen", "linux,initrd-start", 0, (uint32_t)piece("initrd")->address);
	CELLS("/chosen", "linux,initrd-end", 0, (uint32_t)piece("initrd")->address + 5000);
	property("/chosen", "kaslr-seed", 8);
	property("/chosen", "rng-seed", 64);
	end();

	begin(0, 2);
	free(guest.initrd);
	guest.initrd = NULL;
	guest.initrd_size = 0;
	assert_int_equal(linux_layout(&guest), EXIT_OK);
	CELLS("/interrupt-controller@8000000", "reg", 0, 0x8000000, 0, 0x1000, 0, 0x8010000, 0,
	      0x2000);
	assert_false(exists("/serial@9000000"));
	assert_false(exists("/gpio-keys"));
	assert_null(fdt_getprop(guest.dtb, fdt_path_offset(guest.dtb, "/chosen"),
				"linux,initrd-start", NULL));
	assert_int_equal(guest.count, 3);
	end();
}

/* What Linux' driver makes of a clock: it counts twice; the result is rounded to seconds. */
static void assert_watchdog(uint32_t timeout_ms, uint32_t seconds)
{
	const struct cl_watchdog watchdog[] = { { .timeout_ms = timeout_ms } };
	const char *node = "/watchdog@113c";
	uint64_t rate, load;

	begin(CL_CELL_VUART, 3);
	BLOB_ADD(&blob, CL_SEC_WATCHDOG, watchdog);
	assert_int_equal(linux_layout(&guest), EXIT_OK);
	assert_int_equal(exists(node), seconds != 0);
	if (seconds) {
		assert_int_equal(offsetof(struct cl_comm, watchdog), 0x13c);
		CELLS(node, "reg", 0, 0x113c, 0, 0xc04);
		CELLS(node, "arm,primecell-periphid", 0x141805);
		assert_string_equal(property(node, "compatible", -1), "arm,sp805");
		rate = fdt32_ld(property("/watchdog-clk", "clock-frequency", 4));
		assert_int_equal(fdt32_ld(property("/watchdog-clk", "phandle", 4)),
				 fdt32_ld(property(node, "clocks", 8)));
		/* The longest, which is what it takes if asked for more. */
		assert_int_equal(((2ULL << 32) + rate / 2) / rate, seconds);
		for (unsigned int wanted = 1; wanted < seconds; wanted++) {
			load = rate / 2 * wanted - 1;
			assert_true(load < UINT32_MAX);
			assert_int_equal(load & 3, CL_WATCHDOG_ARMED | CL_WATCHDOG_KICKED);
		}
	}
	end();
}

static void watchdogs(void **state)
{
	(void)state;
	assert_watchdog(100, 0);
	assert_watchdog(1999, 0);
	for (unsigned int seconds = 2; seconds < CL_WATCHDOG_MAX / 1000; seconds += 1 + seconds / 8)
		assert_watchdog(1000 * seconds + 999 * (seconds % 2), seconds);
	assert_watchdog(CL_WATCHDOG_MAX, CL_WATCHDOG_MAX / 1000);
	begin(CL_CELL_VUART, 3);
	assert_int_equal(linux_layout(&guest), EXIT_OK);
	assert_false(exists("/watchdog-clk"));
	end();
}

/* A tree as a machine has it, with CPUs 0x101 and 0x102 and one cell for each address and size. */
static void give_tree(unsigned int cells, const uint32_t *cpus, unsigned int count)
{
	void *fdt = malloc(8192);
	int node, cpu;

	assert_int_equal(fdt_create_empty_tree(fdt, 8192), 0);
	fdt_setprop_u32(fdt, 0, "#address-cells", cells);
	fdt_setprop_u32(fdt, 0, "#size-cells", cells);
	fdt_setprop_string(fdt, fdt_add_subnode(fdt, 0, "device"), "compatible", "some,device");
	node = fdt_add_subnode(fdt, 0, "chosen");
	fdt_setprop_string(fdt, node, "stdout-path", "/device");
	fdt_setprop_u64(fdt, node, "linux,initrd-start", 1);
	for (unsigned int i = 0; i < 2; i++) {
		node = fdt_add_subnode(fdt, 0, i ? "memory@1000" : "memory@0");
		fdt_setprop_string(fdt, node, "device_type", "memory");
	}
	if (count) {
		node = fdt_add_subnode(fdt, 0, "cpus");
		fdt_setprop_u32(fdt, node, "#address-cells", 1);
		fdt_setprop_u32(fdt, node, "#size-cells", 0);
		fdt_add_subnode(fdt, node, "cpu-map");
	}
	for (unsigned int i = 0; i < count; i++) {
		char name[32];

		snprintf(name, sizeof(name), "cpu@%x", cpus[i]);
		cpu = fdt_add_subnode(fdt, fdt_path_offset(fdt, "/cpus"), name);
		fdt_setprop_string(fdt, cpu, "device_type", "cpu");
		fdt_setprop_string(fdt, cpu, "compatible", "the,best");
		fdt_setprop_u32(fdt, cpu, "reg", cpus[i]);
	}
	fdt_pack(fdt);
	guest.dtb = fdt;
	guest.dtb_size = fdt_totalsize(fdt);
	/* Below 4 GiB only, where one cell is enough. */
	memory[2].flags = CL_MEM_RAM;
}

static void given_tree(void **state)
{
	static const uint32_t cpus[] = { 0x100, 0x102, 0x101, 0x103 };

	(void)state;
	begin(CL_CELL_VUART, 3);
	guest.hw_ids[1] = 0x103;
	give_tree(1, cpus, 4);
	assert_int_equal(linux_layout(&guest), EXIT_OK);
	CELLS("/memory@40000000", "reg", BASE, 64 * MIB);
	assert_false(exists("/memory@0") || exists("/memory@1000"));
	assert_true(exists("/cpus/cpu@102") && exists("/cpus/cpu@103"));
	assert_false(exists("/cpus/cpu@100") || exists("/cpus/cpu@101") || exists("/cpus/cpu-map"));
	assert_string_equal(property("/cpus/cpu@103", "compatible", -1), "the,best");
	assert_string_equal(property("/device", "compatible", -1), "some,device");
	assert_string_equal(property("/chosen", "stdout-path", -1), "/device");
	assert_string_equal(property("/chosen", "bootargs", -1), "quiet");
	CELLS("/chosen", "linux,initrd-start", 0, (uint32_t)piece("initrd")->address);
	assert_false(exists("/serial@9000000") || exists("/psci"));
	end();

	/* Without CPUs it gets those of the cell. */
	begin(CL_CELL_VUART, 3);
	give_tree(2, NULL, 0);
	assert_int_equal(linux_layout(&guest), EXIT_OK);
	CELLS("/cpus/cpu@100000003", "reg", 1, 3);
	end();
}

static void assert_refused(int code, const char *text)
{
	assert_int_equal(linux_layout(&guest), code);
	if (!strstr(message, text))
		fail_msg("\"%s\" is not in: %s", text, message);
	assert_int_equal(guest.count, 0);
	end();
}

static void refused_trees(void **state)
{
	static const uint32_t cpus[] = { 0x102 };
	static char line[2049];

	(void)state;
	begin(0, 3);
	guest.dtb = calloc(1, 64);
	guest.dtb_size = 64;
	assert_refused(EXIT_REFUSED, "tree: is no device tree blob: FDT_ERR_");
	for (unsigned int cut = 1; cut < 200; cut += 7) {
		begin(0, 3);
		give_tree(1, cpus, 1);
		guest.dtb_size -= cut;
		assert_refused(EXIT_REFUSED, "tree: is no device tree blob: FDT_ERR_");
	}
	begin(0, 3);
	give_tree(3, cpus, 1);
	assert_refused(EXIT_REFUSED, "#address-cells and #size-cells of / are 3 and 3");
	begin(0, 3);
	give_tree(2, cpus, 1);
	assert_refused(EXIT_REFUSED, "no node of device_type \"cpu\" with reg 0x100000003");
	begin(0, 3);
	give_tree(1, NULL, 0);
	memory[2].flags = RAM;
	assert_refused(EXIT_REFUSED, "FDT_ERR_BADVALUE");
	begin(0, 3);
	memset(line, 'x', 2048);
	guest.cmdline = line;
	assert_refused(EXIT_USAGE, "2048 bytes, expected at most 2047");
	begin(0, 3);
	guest.cmdline = line + 1;
	assert_int_equal(linux_layout(&guest), EXIT_OK);
	end();
}

static void refused_kernels(void **state)
{
	(void)state;
	begin(0, 3);
	((char *)guest.kernel)[59] = 'x';
	assert_refused(EXIT_REFUSED, "Image: is no arm64 kernel");
	begin(0, 3);
	guest.kernel_size = 63;
	assert_refused(EXIT_REFUSED, "Image: is no arm64 kernel");
	begin(0, 3);
	put64((char *)guest.kernel + 24, 1);
	assert_refused(EXIT_REFUSED, "Image: flags is 0x1, expected a little-endian kernel");
	begin(0, 3);
	put64((char *)guest.kernel + 8, 0x200000);
	assert_refused(EXIT_REFUSED, "text_offset is 0x200000");
	begin(0, 3);
	put64((char *)guest.kernel + 16, FILE_SIZE - 1);
	assert_refused(EXIT_REFUSED, "image_size is 99999, expected at least the file's 100000");
	begin(0, 3);
	put64((char *)guest.kernel + 16, ~0ULL);
	assert_refused(EXIT_REFUSED, "at most the 67108864");
	begin(0, 3);
	put64((char *)guest.kernel + 16, 61 * MIB);
	assert_refused(EXIT_REFUSED, "cell 'linux': memory from 0x40000000 to 0x44000000 is too "
				     "small");
	begin(CL_CELL_VUART | CL_CELL_DIRECT_IRQ, 3);
	assert_refused(EXIT_REFUSED, "has no interrupt there");
	begin(0, 3);
	blob.config.entry = BASE + 4;
	assert_refused(EXIT_REFUSED, "entry is 0x40000004");
	begin(0, 3);
	blob.config.entry = BASE + 64 * MIB;
	assert_refused(EXIT_REFUSED, "entry is 0x44000000");
	begin(0, 3);
	blob.config.arch = CL_ARCH_X86_64;
	assert_refused(EXIT_REFUSED, "arch is 1, expected 2 (arm64)");
}

/* Image.gz: gzip as a command makes it, through a file. */
static void compress_kernel(size_t size)
{
	char path[] = "/tmp/linux-arm64-XXXXXX";
	char *larger = calloc(1, size);
	long length;
	gzFile gz;
	FILE *file;

	memcpy(larger, guest.kernel, FILE_SIZE);
	free(guest.kernel);
	gz = gzdopen(mkstemp(path), "wb");
	assert_int_equal(gzwrite(gz, larger, (unsigned int)size), size);
	assert_int_equal(gzclose(gz), Z_OK);
	free(larger);
	file = fopen(path, "rb");
	remove(path);
	assert_int_equal(fseek(file, 0, SEEK_END), 0);
	length = ftell(file);
	rewind(file);
	guest.kernel = malloc((size_t)length);
	guest.kernel_size = (size_t)length;
	assert_int_equal(fread(guest.kernel, 1, (size_t)length, file), length);
	fclose(file);
}

static void compressed(void **state)
{
	(void)state;
	begin(0, 3);
	compress_kernel(FILE_SIZE);
	assert_int_equal(linux_layout(&guest), EXIT_OK);
	assert_int_equal(guest.kernel_size, FILE_SIZE);
	assert_memory_equal((char *)guest.kernel + 56, "ARM\x64", 4);
	end();

	for (unsigned int cut = 1; cut < 100; cut += 9) {
		begin(0, 3);
		compress_kernel(FILE_SIZE);
		guest.kernel_size -= cut;
		assert_refused(EXIT_REFUSED, "Image: the gzip file is damaged");
	}
	begin(0, 3);
	compress_kernel(FILE_SIZE);
	((char *)guest.kernel)[30] ^= 0x55;
	assert_refused(EXIT_REFUSED, "Image: ");
	/* More than the cell has. */
	begin(0, 3);
	compress_kernel(64 * MIB + 1);
	assert_refused(EXIT_REFUSED, "has more than the 67108864 bytes of memory");
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(places),	 cmocka_unit_test(tree_of_a_cell),
		cmocka_unit_test(watchdogs),	 cmocka_unit_test(given_tree),
		cmocka_unit_test(refused_trees), cmocka_unit_test(refused_kernels),
		cmocka_unit_test(compressed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
