// SPDX-License-Identifier: GPL-2.0
/*
 * hvctl as it is typed, on an info region in a file and on real config blobs. Whatever needs the
 * driver is tested on test machines (tests/system).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>
#include <cloister/info.h>
#include "config_builder.h"

static struct memory {
	struct cl_info info;
	struct cl_cpu_info cpus[3];
	struct cl_cell_info cells[3];
	struct cl_log_record log[4];
	struct cl_audit audit[6];
	char ring[CL_CONSOLE_SIZE];
} memory = {
	.info = {
		.magic = CL_INFO_MAGIC,
		.abi_version = CL_ABI_VERSION,
		.size = sizeof(memory),
		.enabled = 1,
		.arch = CL_ARCH_X86_64,
		.cpus_offset = offsetof(struct memory, cpus),
		.cpus_stride = sizeof(struct cl_cpu_info),
		.cpus_count = 3,
		.cells_offset = offsetof(struct memory, cells),
		.cells_stride = sizeof(struct cl_cell_info),
		.cells_count = 3,
		.log_offset = offsetof(struct memory, log),
		.log_stride = sizeof(struct cl_log_record),
		.log_count = 4,
		.audit_offset = offsetof(struct memory, audit),
		.audit_stride = sizeof(struct cl_audit),
		.audit_count = 6,
		.audit_dropped = 3,
		.flags = CL_INFO_LOCKED,
		.tsc_khz = 1000,
		.log_next = 2,
		.mem_total = 2 << 20,
		.mem_used = 300 << 10,
		.features = CL_FEATURE_X2APIC | CL_FEATURE_LA57,
		.finding = { .error = -22, .cell = "bad", .object = "CPU", .index = 1,
			     .field = "id", .found = 9, .expected = 4,
			     .rule = "a number below @" },
	},
	.cpus = {
		{ .id = 0, .hw_id = 0, .cell = 0, .exits = { [CL_EXIT_CPUID] = 5 } },
		{ .id = 3, .hw_id = 6, .cell = 1, .state = CL_CPU_PARKED,
		  .exits = { [CL_EXIT_CPUID] = 2, [CL_EXIT_PIO] = 70 } },
		{ .id = 1, .cell = CL_NO_CELL },
	},
	.cells = {
		{ .id = 0, .state = CL_STATE_RUNNING, .name = "machine", .flags = CL_CELL_ROOT,
		  .cpus = { 7 } },
		{ .id = 1, .state = CL_STATE_FAILED, .name = "rtvm", .cpus = { 8 },
		  .memory = 2 << 20, .console_written = 6,
		  .console_offset = offsetof(struct memory, ring) },
	},
	.log = {
		{ .seq = 1, .tsc = 1500000, .cell = CL_NO_CELL, .severity = CL_LOG_INFO,
		  .length = 5, .text = "hello" },
		{ .seq = 2, .tsc = 2000001, .cell = 1, .cpu = 3, .severity = CL_LOG_ERROR,
		  .length = 6, .text = "it ran" },
	},
	/* No machine has devices at the end of the address space: names are not found here. */
	.audit = {
		{ .kind = CL_AUDIT_PORT, .address = 0x1ffff1, .rip = 16, .count = 2,
		  .flags = CL_AUDIT_WRITE | CL_AUDIT_ALLOWED },
		{ .kind = CL_AUDIT_MEMORY, .address = 0xffffffffff000, .rip = 32, .count = 1,
		  .flags = CL_AUDIT_READ | CL_AUDIT_EXECUTE },
		{ .kind = CL_AUDIT_PORT, .address = 0x1ffff0, .rip = 8, .count = 1,
		  .flags = CL_AUDIT_READ | CL_AUDIT_ALLOWED },
		{ .kind = CL_AUDIT_PIN, .address = 0xfec00000 + 65, .count = 4,
		  .flags = CL_AUDIT_READ },
		{ .kind = CL_AUDIT_PORT, .address = 0x1ffff2, .rip = 8, .count = 1,
		  .flags = CL_AUDIT_READ | CL_AUDIT_FOREIGN },
	},
	.ring = "what?\n",
};

static char directory[] = "/tmp/hvctl-test.XXXXXX";
static char output[8192];

static void write_file(const char *name, const void *data, size_t size)
{
	char path[64];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", directory, name);
	f = fopen(path, "w");
	assert_non_null(f);
	assert_int_equal(fwrite(data, 1, size, f), size);
	assert_int_equal(fclose(f), 0);
}

/* Runs hvctl; its whole output is in `output`. Returns the exit code. */
static int hvctl(const char *arguments)
{
	char command[512];
	int status;
	FILE *p;

	snprintf(command, sizeof(command),
		 "cd %s && exec $HVCTL --device region %s 2>&1 </dev/null", directory, arguments);
	p = popen(command, "r");
	assert_non_null(p);
	output[fread(output, 1, sizeof(output) - 1, p)] = '\0';
	status = pclose(p);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

#define EXPECT(code, arguments, text)                                                            \
	do {                                                                                     \
		int got = hvctl(arguments);                                                      \
                                                                                                 \
		if (got != (code) || !strstr(output, text))                                      \
			fail_msg("hvctl %s: exit code %d, output:\n%s", arguments, got, output); \
	} while (0)

static int setup(void **state)
{
	static const struct cl_cpu cpu = { .id = 3 };
	static const struct cl_memory ram = { CL_AUTO, 0, 0x200000, CL_MEM_RAM };
	struct blob b;

	(void)state;
	if (!getenv("HVCTL") || !mkdtemp(directory))
		return -1;
	write_file("region", &memory, sizeof(memory));
	blob_begin(&b, "good", 0, 0x10000);
	blob_add(&b, CL_SEC_CPUS, sizeof(cpu), 1, &cpu);
	blob_add(&b, CL_SEC_MEMORY, sizeof(ram), 1, &ram);
	write_file("good.cell", b.bytes, b.size);
	strcpy(b.config.name, "same-cpu");
	write_file("same-cpu.cell", b.bytes, b.size);
	b.config.entry = 0x200000;
	write_file("bad.cell", b.bytes, b.size);
	return 0;
}

static int teardown(void **state)
{
	char command[64];

	(void)state;
	snprintf(command, sizeof(command), "rm -r %s", directory);
	return system(command);
}

static void usage(void **state)
{
	(void)state;
	EXPECT(2, "", "--help");
	EXPECT(2, "nonsense", "there is no command 'nonsense'");
	EXPECT(2, "cell", "there is no command 'cell'");
	EXPECT(2, "cell load", "hvctl cell load CELL");
	EXPECT(2, "cell load rtvm", "expected an IMAGE or -s STRING");
	EXPECT(2, "status extra", "too many arguments");
	EXPECT(2, "cell list --follow", "list does not take --follow");
	EXPECT(2, "log --severity loud", "--severity is 'loud'");
	EXPECT(2, "cell shutdown rtvm --timeout 1x", "--timeout is '1x'");
	EXPECT(2, "cell load rtvm @0x1000", "no file before the '@'");
	EXPECT(0, "--help", "Exit codes");
	EXPECT(0, "cell load --help", "hvctl cell load CELL");
	EXPECT(0, "--version", "ABI version 1");
}

static void reports(void **state)
{
	(void)state;
	EXPECT(0, "status", "300 KiB used of 2 MiB");
	EXPECT(0, "status", "x2apic la57");
	EXPECT(0, "status", "cell 'bad': CPU 1: id is 9, expected a number below 4");
	EXPECT(0, "status --json", "\"mem_used\":307200");
	EXPECT(0, "cell list", "1    rtvm                 failed      3          2 MiB");
	EXPECT(0, "cell list --json", "\"cpus\":[\n      3\n    ]");
	EXPECT(0, "stats", "CPU  CELL             STATE         cpuid        pio        total");
	EXPECT(0, "stats", "3    rtvm             parked            2         70           72");
	EXPECT(0, "stats", "all                                     7         70           77");
	EXPECT(0, "stats rtvm --json", "\"total\":72");
	EXPECT(0, "log",
	       "[     1.500000] CPU 0 hypervisor: hello\n"
	       "[     2.000001] CPU 3 rtvm: error: it ran\n");
	EXPECT(0, "log --severity error --json", "{\"seq\":1,");
	assert_null(strstr(output, "hello"));
	EXPECT(0, "status", "locked:     yes");
	EXPECT(0, "status --json", "\"locked\":true");
	/* Neighbours are one line, kinds have their sections. */
	EXPECT(0, "audit",
	       "/* CLOISTER_MEMORY: */\n"
	       "\t{ 0xffffffffff000, 0xffffffffff000, 0x1000, "
	       "CL_MEM_READ | CL_MEM_WRITE | CL_MEM_EXECUTE | CL_MEM_IO }, "
	       "/* rx refused, 1 access, first at 0x20 */\n"
	       "/* CLOISTER_PIO: */\n"
	       "\t{ 0x1ffff0, 2 }, /* rw allowed, 3 accesses, first at 0x8 */\n"
	       "\t/* 0x1ffff2 belongs to another cell or the hypervisor; r refused, 1 access, "
	       "first at 0x8 */\n"
	       "/* CLOISTER_IRQCHIP: */\n"
	       "\t{ 0xfec00000, { 0x0, 0x2 } }, /* IOAPIC; r refused, 4 accesses, first at 0x0 */\n"
	       "/* 3 more accesses found no place in the list and were refused */\n");
	EXPECT(0, "audit --json", "\"line\":\"{ 0x1ffff0, 2 },\"");
	EXPECT(0, "console", "what?\n");
	EXPECT(0, "console 1", "what?\n");
	EXPECT(1, "console machine", "has no virtual UART: add CL_CELL_VUART");
	EXPECT(1, "console nobody", "there is no cell 'nobody'; there are: machine, rtvm");
}

static void arm64_names(void **state)
{
	(void)state;
	memory.info.arch = CL_ARCH_ARM64;
	memory.cpus[1].exits[CL_EXIT_IRQ_CHIP] = 6;
	memory.cpus[1].exits[CL_EXIT_SYSREG_WRITE] = 9;
	write_file("region", &memory, sizeof(memory));
	EXPECT(0, "stats", "CPU  CELL             STATE    sysreg-write       gicd        total");
	EXPECT(0, "stats", "3    rtvm             parked              9          6           ");
	EXPECT(0, "stats rtvm --json", "\"gicd\":6");
	assert_null(strstr(output, "ioapic"));
	memory.info.arch = CL_ARCH_X86_64;
	write_file("region", &memory, sizeof(memory));
	EXPECT(0, "stats rtvm --json", "\"ioapic\":6");
	assert_null(strstr(output, "gicd"));
	memory.cpus[1].exits[CL_EXIT_IRQ_CHIP] = 0;
	memory.cpus[1].exits[CL_EXIT_SYSREG_WRITE] = 0;
	write_file("region", &memory, sizeof(memory));
}

static void refusals(void **state)
{
	(void)state;
	EXPECT(1, "cell start rtvm", "not the device of a Cloister driver");
	EXPECT(1, "cell load rtvm missing.bin", "missing.bin: No such file");
	EXPECT(1, "cell create bad.cell", "entry is 0x200000");
	EXPECT(1, "cell create good.cell", "not the device of a Cloister driver");
	EXPECT(1, "cell create bad.cell --no-check", "not the device of a Cloister driver");
	EXPECT(3, "status --device nothing", "load the driver");
	memory.info.enabled = 0;
	write_file("region", &memory, sizeof(memory));
	EXPECT(3, "cell list", "not enabled");
	EXPECT(3, "disable", "not enabled");
	/* what the hypervisor said before it ended is still there */
	EXPECT(0, "log", "it ran");
	EXPECT(0, "status", "not enabled");
	memory.info.enabled = 1;
	write_file("region", &memory, sizeof(memory));
}

static void cell_check(void **state)
{
	(void)state;
	EXPECT(0, "cell check good.cell", "good.cell: good");
	EXPECT(1, "cell check bad.cell", "bad.cell: cell 'same-cpu': config: entry is 0x200000");
	EXPECT(1, "cell check bad.cell --json", "\"field\":\"entry\"");
	EXPECT(1, "cell check good.cell same-cpu.cell", "in conflict with cell 'good'");
	EXPECT(1, "cell check region", "this is not a compiled cell config");
	EXPECT(1, "cell check good.cell --root good.cell", "not a root config");
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(usage),       cmocka_unit_test(reports),
		cmocka_unit_test(arm64_names), cmocka_unit_test(refusals),
		cmocka_unit_test(cell_check),
	};

	return cmocka_run_group_tests_name("hvctl", tests, setup, teardown);
}
