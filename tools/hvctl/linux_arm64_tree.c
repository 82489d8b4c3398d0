// SPDX-License-Identifier: GPL-2.0
/*
 * The device tree of a cell with a Linux kernel. It is made from scratch, or of a given one, in
 * which memory, CPUs and /chosen become the cell's and all else stays.
 */
#include <inttypes.h>
#include <libfdt.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include "linux_arm64.h"

#define CMDLINE_MAX 2047	 /* Linux: COMMAND_LINE_SIZE, with the NUL */
#define ROOM	    (256U << 10) /* for what is added to a given tree, and for a new one */
#define GICC_SIZE   0x2000
#define GICD_SIZE   0x10000
#define GICD_V2	    0x1000
#define UART_CLOCK  24000000
#define FIRST_SPI   32
#define FIRST_PPI   16
#define KEY_POWER   116	     /* Linux: input-event-codes.h */
#define SP805_ID    0x141805 /* DDI 0270, "Peripheral Identification Registers" */
#define SP805_SIZE  0xc04    /* from the first to the last register that Linux uses */

_Static_assert(offsetof(struct cl_comm, watchdog) + sizeof(uint32_t) == sizeof(struct cl_comm) &&
		       sizeof(struct cl_comm) + SP805_SIZE <= 0x1000,
	       "the SP805's other registers are in the unused rest of the comm region");

/* Documentation/devicetree/bindings/interrupt-controller/arm,gic*.yaml */
#define GIC_SPI	       0
#define GIC_PPI	       1
#define EDGE_RISING    1
#define LEVEL_HIGH     4
#define ALL_CPUS_OF_V2 0xff00

/* BSA, "PPI assignments": EL1's secure and its own physical timer, the virtual one, EL2's */
static const uint32_t timers[] = { 29, 30, 27, 26 };

enum { PHANDLE_GIC = 1, PHANDLE_CLOCK, PHANDLE_WATCHDOG_CLOCK };

/* A tree that is being written: after the first error nothing is done any more. */
struct tree {
	void *fdt;
	int err;
};

static int keep(struct tree *t, int result)
{
	if (result < 0 && !t->err)
		t->err = result;
	return result;
}

static void set(struct tree *t, int node, const char *name, const void *data, size_t size)
{
	if (!t->err)
		keep(t, fdt_setprop(t->fdt, node, name, data, (int)size));
}

static void set_string(struct tree *t, int node, const char *name, const char *value)
{
	set(t, node, name, value, strlen(value) + 1);
}

static void set_u32(struct tree *t, int node, const char *name, uint32_t value)
{
	fdt32_t cell = cpu_to_fdt32(value);

	set(t, node, name, &cell, sizeof(cell));
}

static void set_u64(struct tree *t, int node, const char *name, uint64_t value)
{
	fdt64_t cells = cpu_to_fdt64(value);

	set(t, node, name, &cells, sizeof(cells));
}

/* Numbers of as many cells as the parent says; too large ones are an error. */
static void append_number(struct tree *t, int node, const char *name, int cells, uint64_t value)
{
	if (t->err)
		return;
	if (cells == 1 && value > UINT32_MAX)
		keep(t, -FDT_ERR_BADVALUE);
	else if (cells == 1)
		keep(t, fdt_appendprop_u32(t->fdt, node, name, (uint32_t)value));
	else
		keep(t, fdt_appendprop_u64(t->fdt, node, name, value));
}

static void append_range(struct tree *t, int node, uint64_t address, uint64_t size)
{
	append_number(t, node, "reg", fdt_address_cells(t->fdt, 0), address);
	append_number(t, node, "reg", fdt_size_cells(t->fdt, 0), size);
}

/* flags: the trigger, and for private ones of GICv2 the CPUs */
static void append_interrupt(struct tree *t, int node, uint32_t intid, uint32_t flags)
{
	bool private = intid < FIRST_SPI;

	append_number(t, node, "interrupts", 1, private ? GIC_PPI : GIC_SPI);
	append_number(t, node, "interrupts", 1, intid - (private ? FIRST_PPI : FIRST_SPI));
	append_number(t, node, "interrupts", 1, flags);
}

static int add_node(struct tree *t, int parent, const char *name)
{
	return t->err ? 0 : keep(t, fdt_add_subnode(t->fdt, parent, name));
}

static int add_at(struct tree *t, const char *name, uint64_t address)
{
	char full[64];

	snprintf(full, sizeof(full), "%s@%" PRIx64, name, address);
	return add_node(t, 0, full);
}

static void add_gic(struct tree *t, const struct cl_gic *gic)
{
	int node = add_at(t, "interrupt-controller", gic->dist_phys);

	set_string(t, node, "compatible", gic->version == 2 ? "arm,gic-400" : "arm,gic-v3");
	append_range(t, node, gic->dist_phys, gic->version == 2 ? GICD_V2 : GICD_SIZE);
	if (gic->version == 2)
		append_range(t, node, gic->cpu_phys, GICC_SIZE);
	else
		append_range(t, node, gic->redist_phys, gic->redist_size);
	set(t, node, "interrupt-controller", "", 0);
	set_u32(t, node, "#interrupt-cells", 3);
	set_u32(t, node, "#address-cells", 0);
	set_u32(t, node, "phandle", PHANDLE_GIC);
}

static void add_timer(struct tree *t, const struct cl_gic *gic)
{
	int node = add_node(t, 0, "timer");
	unsigned int i;

	set_string(t, node, "compatible", "arm,armv8-timer");
	set(t, node, "always-on", "", 0); /* CPUs of a cell sleep no deeper than WFI */
	for (i = 0; i < sizeof(timers) / sizeof(timers[0]); i++)
		append_interrupt(t, node, timers[i],
				 LEVEL_HIGH | (gic->version == 2 ? ALL_CPUS_OF_V2 : 0));
}

static void add_psci(struct tree *t)
{
	static const char compatible[] = "arm,psci-1.0\0arm,psci-0.2";
	int node = add_node(t, 0, "psci");

	set(t, node, "compatible", compatible, sizeof(compatible));
	set_string(t, node, "method", "hvc");
}

static void add_clock(struct tree *t, const char *name, uint32_t frequency, uint32_t phandle)
{
	int node = add_node(t, 0, name);

	set_string(t, node, "compatible", "fixed-clock");
	set_u32(t, node, "#clock-cells", 0);
	set_u32(t, node, "clock-frequency", frequency);
	set_string(t, node, "clock-output-names", name);
	set_u32(t, node, "phandle", phandle);
}

/* A device with the clock that its registers need, which is also the one that it counts by. */
static void set_primecell(struct tree *t, int node, const char *compatible, size_t size,
			  const char *clock_names, size_t names_size, uint32_t clock)
{
	set(t, node, "compatible", compatible, size);
	append_number(t, node, "clocks", 1, clock);
	append_number(t, node, "clocks", 1, clock);
	set(t, node, "clock-names", clock_names, names_size);
}

static void add_uart(struct tree *t)
{
	static const char compatible[] = "arm,pl011\0arm,primecell";
	static const char clock_names[] = "uartclk\0apb_pclk";
	int node = add_at(t, "serial", CL_VUART_ADDRESS);

	set_primecell(t, node, compatible, sizeof(compatible), clock_names, sizeof(clock_names),
		      PHANDLE_CLOCK);
	append_range(t, node, CL_VUART_ADDRESS, CL_VUART_SIZE);
	append_interrupt(t, node, CL_VUART_INTID, LEVEL_HIGH);
}

/*
 * The comm region's word as the first register of an SP805, WDTLOAD: to kick, Linux writes to it
 * how long the counter is to count twice, less one. With a frequency that is a multiple of 8 that
 * number ends in CL_WATCHDOG_ARMED | CL_WATCHDOG_KICKED, as does the largest, to which Linux
 * limits it: and that is the config's time, in whole seconds. Linux' writes to the other registers
 * are to the page's unused rest, behind that word. The identification is not read but stands here.
 */
static void add_watchdog(struct tree *t, const struct linux_watchdog *watchdog)
{
	static const char compatible[] = "arm,sp805\0arm,primecell";
	static const char clock_names[] = "wdog_clk\0apb_pclk";
	uint32_t seconds = watchdog->timeout_ms / 1000;
	uint64_t frequency;
	int node;

	if (seconds < 2)
		return; /* no frequency of 32 bits makes the longest time so short */
	frequency = (2ULL << 32) / seconds;
	if (frequency > UINT32_MAX)
		frequency = UINT32_MAX;
	add_clock(t, "watchdog-clk", (uint32_t)frequency & ~7U, PHANDLE_WATCHDOG_CLOCK);
	node = add_at(t, "watchdog", watchdog->address);
	set_primecell(t, node, compatible, sizeof(compatible), clock_names, sizeof(clock_names),
		      PHANDLE_WATCHDOG_CLOCK);
	set_u32(t, node, "arm,primecell-periphid", SP805_ID);
	append_range(t, node, watchdog->address, SP805_SIZE);
}

/* A key of which nothing is known but the interrupt: Linux' binding input/gpio-keys.yaml. */
static void add_button(struct tree *t)
{
	int keys = add_node(t, 0, "gpio-keys"), node;

	set_string(t, keys, "compatible", "gpio-keys");
	node = add_node(t, keys, "power-button");
	set_string(t, node, "label", "Power Button");
	set_u32(t, node, "linux,code", KEY_POWER);
	append_interrupt(t, node, CL_BUTTON_INTID, EDGE_RISING);
}

static void name_console(struct tree *t)
{
	char path[64];

	snprintf(path, sizeof(path), "/serial@%x", CL_VUART_ADDRESS);
	set_string(t, add_node(t, 0, "aliases"), "serial0", path);
	set_string(t, add_node(t, 0, "chosen"), "stdout-path", path);
}

/* Everything but what a given tree gets, too. */
static void write_new(struct tree *t, const struct linux_guest *g)
{
	const struct linux_watchdog watchdog = linux_watchdog(g->config);

	keep(t, fdt_create_empty_tree(t->fdt, ROOM));
	set_u32(t, 0, "#address-cells", 2);
	set_u32(t, 0, "#size-cells", 2);
	set_u32(t, 0, "interrupt-parent", PHANDLE_GIC);
	set_string(t, 0, "compatible", "cloister,cell");
	set_string(t, 0, "model", "Cloister cell");
	if (g->config->flags & CL_CELL_VUART) {
		name_console(t);
		add_uart(t);
		add_button(t);
		add_clock(t, "apb-pclk", UART_CLOCK, PHANDLE_CLOCK);
	}
	add_watchdog(t, &watchdog);
	add_psci(t);
	add_timer(t, &g->gic);
	add_gic(t, &g->gic);
}

static bool is_of_type(const struct tree *t, int node, const char *type)
{
	const char *found = fdt_getprop(t->fdt, node, "device_type", NULL);

	return found && !strcmp(found, type);
}

/* Subnodes of this type; what remove() says of them goes. Offsets change with each one that does. */
static void remove_nodes(struct tree *t, int parent, const char *type,
			 bool (*remove)(struct tree *t, int node, void *arg), void *arg)
{
	int node = fdt_first_subnode(t->fdt, parent);

	while (!t->err && node >= 0) {
		if (is_of_type(t, node, type) && remove(t, node, arg)) {
			keep(t, fdt_del_node(t->fdt, node));
			node = fdt_first_subnode(t->fdt, parent);
		} else {
			node = fdt_next_subnode(t->fdt, node);
		}
	}
}

static bool every_one(struct tree *t, int node, void *arg)
{
	(void)t;
	(void)node;
	(void)arg;
	return true;
}

static void write_memory(struct tree *t, const struct linux_guest *g)
{
	struct cl_memory ram[LINUX_RAM];
	unsigned int count = linux_ram(g->config, ram, LINUX_RAM);
	unsigned int i;
	int node;

	remove_nodes(t, 0, "memory", every_one, NULL);
	node = add_at(t, "memory", ram[0].virt);
	set_string(t, node, "device_type", "memory");
	for (i = 0; i < count; i++)
		append_range(t, node, ram[i].virt, ram[i].size);
}

/* Affinity of MPIDR_EL1 of struct cl_info's hw_id. */
static uint64_t affinity(uint32_t hw_id)
{
	return (uint64_t)(hw_id & 0xff000000) << 8 | (hw_id & 0xffffff);
}

static bool read_affinity(const struct tree *t, int node, uint64_t *value)
{
	int size = 0;
	const void *reg = fdt_getprop(t->fdt, node, "reg", &size);

	if (size == sizeof(fdt32_t))
		*value = fdt32_ld(reg);
	else if (size == sizeof(fdt64_t))
		*value = fdt64_ld(reg);
	return size == sizeof(fdt32_t) || size == sizeof(fdt64_t);
}

static bool is_foreign_cpu(struct tree *t, int node, void *arg)
{
	const struct linux_guest *g = arg;
	uint64_t value;
	unsigned int i;

	if (!read_affinity(t, node, &value))
		return true;
	for (i = 0; i < g->cpu_count; i++)
		if (affinity(g->hw_ids[i]) == value)
			return false;
	return true;
}

/* The CPU's node in a given tree, -1: there is none. */
static int find_cpu(const struct tree *t, int cpus, uint64_t wanted)
{
	uint64_t value;
	int node;

	fdt_for_each_subnode(node, t->fdt, cpus) if (is_of_type(t, node, "cpu") &&
						     read_affinity(t, node, &value) &&
						     value == wanted) return node;
	return -1;
}

static void add_cpu(struct tree *t, int cpus, uint64_t id)
{
	char name[32];
	int node;

	snprintf(name, sizeof(name), "cpu@%" PRIx64, id);
	node = add_node(t, cpus, name);
	set_string(t, node, "device_type", "cpu");
	set_string(t, node, "compatible", "arm,armv8");
	set_u64(t, node, "reg", id);
	set_string(t, node, "enable-method", "psci");
}

static void write_new_cpus(struct tree *t, const struct linux_guest *g)
{
	int cpus = add_node(t, 0, "cpus");
	unsigned int i;

	set_u32(t, cpus, "#address-cells", 2);
	set_u32(t, cpus, "#size-cells", 0);
	/* Subnodes come to stand in front of those that were there. */
	for (i = g->cpu_count; i > 0; i--)
		add_cpu(t, cpus, affinity(g->hw_ids[i - 1]));
}

/* A given tree's CPUs stay as far as they are the cell's; their topology is of no use then. */
static int keep_cpus(struct tree *t, struct linux_guest *g, int cpus)
{
	unsigned int i;
	int map;

	remove_nodes(t, cpus, "cpu", is_foreign_cpu, g);
	map = t->err ? -1 : fdt_subnode_offset(t->fdt, cpus, "cpu-map");
	if (map >= 0)
		keep(t, fdt_del_node(t->fdt, map));
	for (i = 0; i < g->cpu_count && !t->err; i++)
		if (find_cpu(t, cpus, affinity(g->hw_ids[i])) < 0)
			return fail(
				EXIT_REFUSED,
				"%s: /cpus has no node of device_type \"cpu\" with reg 0x%" PRIx64
				", which is a CPU of the cell: add it",
				g->dtb_path, affinity(g->hw_ids[i]));
	return EXIT_OK;
}

static int write_cpus(struct tree *t, struct linux_guest *g)
{
	int cpus = t->err ? -1 : fdt_subnode_offset(t->fdt, 0, "cpus");

	if (cpus >= 0)
		return keep_cpus(t, g, cpus);
	write_new_cpus(t, g);
	return EXIT_OK;
}

static void set_random(struct tree *t, int node, const char *name, size_t size)
{
	unsigned char seed[64];

	if (size > sizeof(seed) || getrandom(seed, size, 0) != (ssize_t)size)
		return; /* Linux does without */
	set(t, node, name, seed, size);
}

static void write_chosen(struct tree *t, const struct linux_guest *g, uint64_t initrd)
{
	int node = t->err ? 0 : fdt_subnode_offset(t->fdt, 0, "chosen");

	if (node < 0)
		node = add_node(t, 0, "chosen");
	set_string(t, node, "bootargs", g->cmdline);
	set_random(t, node, "kaslr-seed", sizeof(uint64_t));
	set_random(t, node, "rng-seed", 64);
	if (!t->err && !g->initrd) {
		fdt_delprop(t->fdt, node, "linux,initrd-start");
		fdt_delprop(t->fdt, node, "linux,initrd-end");
	} else if (g->initrd) {
		set_u64(t, node, "linux,initrd-start", initrd);
		set_u64(t, node, "linux,initrd-end", initrd + g->initrd_size);
	}
}

/* What Linux reads of a given tree is looked at here, the rest is its own affair. */
static int check_given(const struct linux_guest *g)
{
	int err = fdt_check_full(g->dtb, g->dtb_size);
	int address, size;

	if (err)
		return fail(EXIT_REFUSED, "%s: is no device tree blob: %s; compile it with dtc",
			    g->dtb_path, fdt_strerror(err));
	address = fdt_address_cells(g->dtb, 0);
	size = fdt_size_cells(g->dtb, 0);
	if (address < 1 || address > 2 || size < 1 || size > 2)
		return fail(
			EXIT_REFUSED,
			"%s: #address-cells and #size-cells of / are %d and %d, expected 1 or 2",
			g->dtb_path, address, size);
	return EXIT_OK;
}

int arm64_tree(struct linux_guest *g, uint64_t initrd)
{
	size_t room = g->dtb_size + ROOM;
	struct tree t = { 0 };
	int code = EXIT_OK;

	if (strlen(g->cmdline) > CMDLINE_MAX)
		return fail(EXIT_USAGE,
			    "cell linux: the command line has %zu bytes, expected at most %d",
			    strlen(g->cmdline), CMDLINE_MAX);
	if (g->dtb)
		code = check_given(g);
	if (code)
		return code;
	t.fdt = malloc(room);
	if (!t.fdt)
		return fail(EXIT_REFUSED, "no memory for the device tree");
	if (g->dtb)
		keep(&t, fdt_open_into(g->dtb, t.fdt, (int)room));
	else
		write_new(&t, g);
	code = write_cpus(&t, g);
	write_memory(&t, g);
	write_chosen(&t, g, initrd);
	if (!t.err && !code)
		keep(&t, fdt_pack(t.fdt));
	if (t.err)
		code = fail(EXIT_REFUSED,
			    "%s: the cell's memory cannot be written into the tree: %s",
			    g->dtb ? g->dtb_path : "device tree", fdt_strerror(t.err));
	else if (!code && fdt_totalsize(t.fdt) > ARM64_TREE_MAX)
		code = fail(EXIT_REFUSED, "%s: the tree has %u bytes, expected at most %u",
			    g->dtb_path, fdt_totalsize(t.fdt), ARM64_TREE_MAX);
	if (code) {
		free(t.fdt);
		return code;
	}
	free(g->dtb);
	g->dtb = t.fdt;
	g->dtb_size = fdt_totalsize(t.fdt);
	return EXIT_OK;
}
