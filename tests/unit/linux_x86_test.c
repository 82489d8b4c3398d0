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
	const struct linux_watchdog none = { 0 }, watchdog = { 3000, 0x8000130 };
	const struct acpi_pci no_pci = { 0 };
	static const char *const names[] = { "FACP", "APIC", "WDAT" };
	uint64_t xsdt, address, where;
	uint32_t length;

	(void)state;
	assert_true(acpi_build(tables, 0x50000, ids, 2, &watchdog, &no_pci));
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
	assert_true(acpi_build(tables, 0x50000, ids, 2, &none, &no_pci));
	memcpy(&length, tables + xsdt + 4, sizeof(length));
	assert_int_equal(length, 36 + 2 * 8);
	assert_false(acpi_build(tables, 0, many, 2000, &none, &no_pci));
}

/* PCI: config, functions and windows, to be spoilt; what the hypervisor says of configuration
 * space. */
static struct cl_pci_device *functions;
static struct cl_memory *regions;

static struct linux_guest pci_guest(void)
{
	static const struct cl_memory memory[] = {
		{ 0, 0x8000000, 0x1000, CL_MEM_READ | CL_MEM_WRITE | CL_MEM_COMM },
		{ 0xd0000000, 0xe0000000, 0x3000, CL_MEM_READ | CL_MEM_WRITE | CL_MEM_IO },
		{ 0xd0008010, 0x1200000010, 4, CL_MEM_READ | CL_MEM_IO },
		{ 0x3000000, 0x9000000, 0x1000, CL_MEM_READ },
	};
	static const struct cl_pio ports[] = { { 0xc040, 8 }, { 0xc080, 0x21 } };
	static const struct cl_pci_device pci[] = { { .bus = 3, .devfn = 0x28, .intx = 21 },
						    { .bus = 3, .devfn = 0x2b },
						    { .bus = 3, .devfn = 0xf8, .intx = 16 } };
	struct linux_guest g = guest();

	blob_begin(&blob, "linux", CL_CELL_VUART, 0x10000);
	regions = BLOB_ADD(&blob, CL_SEC_MEMORY, memory);
	BLOB_ADD(&blob, CL_SEC_PIO, ports);
	functions = BLOB_ADD(&blob, CL_SEC_PCI, pci);
	g.ecam_phys = 0xb0000000;
	g.ecam_first_bus = 2;
	g.ecam_last_bus = 0x7f;
	return g;
}

/* The table with this name, by way of the root pointer. */
static const unsigned char *table(const unsigned char *tables, uint64_t base, const char *name)
{
	uint32_t length, own;
	uint64_t xsdt, address;

	memcpy(&xsdt, tables + 24, sizeof(xsdt));
	memcpy(&length, tables + (xsdt - base) + 4, sizeof(length));
	for (uint32_t at = 36; at < length; at += 8) {
		const unsigned char *found;

		memcpy(&address, tables + (xsdt - base) + at, sizeof(address));
		found = tables + (address - base);
		memcpy(&own, found + 4, sizeof(own));
		assert_true(sums_to_zero(found, own));
		if (!memcmp(found, name, 4))
			return found;
	}
	return NULL;
}

/* What ACPICA's disassembler makes of a table, without comments and white space. */
static const char *disassemble(const unsigned char *bytes)
{
	static char directory[] = "/tmp/cloister-aml-XXXXXX", text[200000];
	char command[256];
	size_t length;
	uint32_t size;
	FILE *file;

	memcpy(directory + sizeof(directory) - 7, "XXXXXX", 6);
	assert_non_null(mkdtemp(directory));
	memcpy(&size, bytes + 4, sizeof(size));
	snprintf(command, sizeof(command), "%s/t.aml", directory);
	file = fopen(command, "wb");
	assert_non_null(file);
	assert_int_equal(fwrite(bytes, 1, size, file), size);
	fclose(file);
	snprintf(command, sizeof(command),
		 "cd %s && iasl -d t.aml >log 2>&1 && iasl -tc t.dsl >>log 2>&1; "
		 "sed 's,//.*,,' t.dsl | tr -d ' \\n\\t'; rm -r %s",
		 directory, directory);
	file = popen(command, "r");
	assert_non_null(file);
	length = fread(text, 1, sizeof(text) - 1, file);
	text[length] = 0;
	assert_int_equal(pclose(file), 0);
	return text;
}

static void assert_has(const char *text, const char *part)
{
	if (!strstr(text, part))
		print_error("no '%s' in '%s'\n", part, text);
	assert_non_null(strstr(text, part));
}

static void host_bridge(void **state)
{
	static unsigned char tables[ACPI_SIZE] __attribute__((aligned(16)));
	const struct linux_watchdog none = { 0 };
	const uint32_t ids[] = { 3 };
	struct linux_guest g = pci_guest();
	const unsigned char *mcfg;
	struct acpi_pci pci;
	const char *text;

	(void)state;
	assert_int_equal(pci_find(&pci, &g), EXIT_OK);
	assert_true(acpi_build(tables, 0x50000, ids, 1, &none, &pci));
	mcfg = table(tables, 0x50000, "MCFG");
	assert_memory_equal(mcfg + 44, "\0\0\0\xb0\0\0\0\0\0\0\x02\x7f\0\0\0\0", 16);
	text = disassemble(table(tables, 0x50000, "SSDT"));
	assert_has(text, "Scope(\\_SB){Device(PCI0){Name(_HID,EisaId(\"PNP0A08\")");
	assert_has(text, "Name(_CID,EisaId(\"PNP0A03\")");
	assert_has(text, "Name(_SEG,Zero)Name(_BBN,0x03)");
	assert_has(text, "WordBusNumber(ResourceProducer,MinFixed,MaxFixed,PosDecode,0x0000,0x0003,"
			 "0x0003,0x0000,0x0001,,,)");
	/* As large as the base addresses that the cell sees; memory is not handed out. */
	assert_has(text, "QWordMemory(ResourceProducer,PosDecode,MinFixed,MaxFixed,NonCacheable,"
			 "ReadWrite,0x0000000000000000,0x00000000E0000000,0x00000000E0003FFF,"
			 "0x0000000000000000,0x0000000000004000");
	assert_has(text, "0x0000001200000010,0x000000120000001F,0x0000000000000000,"
			 "0x0000000000000010");
	assert_null(strstr(text, "8000000"));
	assert_null(strstr(text, "9000000"));
	assert_has(text, "WordIO(ResourceProducer,MinFixed,MaxFixed,PosDecode,EntireRange,0x0000,"
			 "0xC040,0xC047,0x0000,0x0008");
	assert_has(text, "0xC080,0xC0BF,0x0000,0x0040");
	assert_has(text, "Name(_PRT,Package(0x08)");
	assert_has(text, "Package(0x04){0x0005FFFF,Zero,Zero,0x15}");
	assert_has(text, "Package(0x04){0x0005FFFF,0x03,Zero,0x15}");
	assert_has(text, "Package(0x04){0x001FFFFF,One,Zero,0x10}");
	assert_has(text, "Device(ECAM){Name(_HID,EisaId(\"PNP0C02\")");
	assert_has(text, "QWordMemory(ResourceConsumer,PosDecode,MinFixed,MaxFixed,NonCacheable,"
			 "ReadWrite,0x0000000000000000,0x00000000B0200000,0x00000000B7FFFFFF,"
			 "0x0000000000000000,0x0000000007E00000");

	/* Configuration space that the cell cannot reach by memory. */
	for (unsigned int i = 0; i < 3; i++) {
		g = pci_guest();
		if (i == 0)
			g.ecam_phys = 0;
		else if (i == 1)
			g.ecam_first_bus = 4;
		else
			regions[3].virt = 0xb7fff000;
		assert_int_equal(pci_find(&pci, &g), EXIT_OK);
		assert_true(acpi_build(tables, 0x50000, ids, 1, &none, &pci));
		assert_null(table(tables, 0x50000, "MCFG"));
		text = disassemble(table(tables, 0x50000, "SSDT"));
		assert_has(text, "Device(PCI0){Name(_HID,EisaId(\"PNP0A03\")");
		assert_null(strstr(text, "PNP0C02"));
	}

	/* The most that fits, and more. */
	g = pci_guest();
	assert_int_equal(pci_find(&pci, &g), EXIT_OK);
	memset(pci.routes, 23, sizeof(pci.routes));
	for (unsigned int i = 0; i < ACPI_WINDOWS; i++)
		pci.windows[i] = (struct acpi_window){ false, 0xe0000000 + i * 0x1000, 0x1000 };
	pci.window_count = ACPI_WINDOWS;
	assert_true(acpi_build(tables, 0x50000, ids, 1, &none, &pci));
	text = disassemble(table(tables, 0x50000, "SSDT"));
	assert_has(text, "0x00000000E003F000");
	assert_has(text, "Package(0x04){0x001FFFFF,0x03,Zero,0x17}");
	for (size_t room = 0; room < 200; room++) {
		uint8_t *data = malloc(room + 1);
		struct aml aml = { data, 0, room };

		assert_false(aml_build(&aml, &pci));
		free(data);
	}
	/* Without PCI there is nothing of it. */
	g = guest();
	blob_begin(&blob, "linux", CL_CELL_VUART, 0x10000);
	assert_int_equal(pci_find(&pci, &g), EXIT_OK);
	assert_false(pci.present);
}

static void pci_refused(const char *text)
{
	struct linux_guest g = guest();
	struct acpi_pci pci;

	message[0] = 0;
	assert_int_equal(pci_find(&pci, &g), EXIT_REFUSED);
	assert_has(message, text);
}

static void pci_configs(void **state)
{
	struct linux_guest g = pci_guest();
	struct cl_memory many[ACPI_WINDOWS + 1] = { 0 };
	const struct piece *boot, *bios;
	const struct boot_params *p;
	bool reserved = false;

	(void)state;
	functions[1].bus = 0;
	pci_refused("PCI functions on the buses 3 and 0, expected all on one");
	pci_guest();
	functions[0].devfn = 0x30;
	pci_refused("PCI function 03:05.3 without function 0");
	pci_guest();
	functions[1].intx = 20;
	pci_refused("PCI function 03:05.3 has intx 20, another function of the device 21");
	pci_guest();
	for (unsigned int i = 0; i <= ACPI_WINDOWS; i++)
		many[i] = (struct cl_memory){ 0xd0000000, 0xe0000000 + i * 0x1000, 0x1000,
					      CL_MEM_READ | CL_MEM_IO };
	blob_begin(&blob, "linux", CL_CELL_VUART, 0x10000);
	BLOB_ADD(&blob, CL_SEC_MEMORY, many);
	functions = BLOB_ADD(&blob, CL_SEC_PCI, ((struct cl_pci_device[]){ { .devfn = 8 } }));
	pci_refused("more than 64 regions");

	/* In the memory map, and where kernels look for SMBIOS. */
	g = pci_guest();
	assert_int_equal(linux_layout(&g), EXIT_OK);
	boot = find(&g, "boot data");
	p = (const struct boot_params *)((const char *)boot->data + BOOT_PARAMS);
	for (unsigned int i = 0; i < p->e820_entries; i++)
		reserved |= p->e820_table[i].addr == 0xb0200000 &&
			    p->e820_table[i].size == 0x7e00000 && p->e820_table[i].type == 2;
	assert_true(reserved);
	bios = find(&g, "BIOS");
	assert_memory_equal((const char *)bios->data + (0xf0000 - bios->address), "_SM3_", 5);
	assert_true(
		sums_to_zero((const unsigned char *)bios->data + (0xf0000 - bios->address), 24));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(kernels, setup, teardown),
		cmocka_unit_test_setup_teardown(configs, setup, teardown),
		cmocka_unit_test_setup_teardown(layout, setup, teardown),
		cmocka_unit_test(acpi),
		cmocka_unit_test_setup_teardown(host_bridge, setup, teardown),
		cmocka_unit_test_setup_teardown(pci_configs, setup, teardown),
	};

	return cmocka_run_group_tests_name("linux_x86", tests, NULL, NULL);
}
