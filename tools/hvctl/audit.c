// SPDX-License-Identifier: GPL-2.0
/* hvctl audit: what root did beyond its config, as lines for that config. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cloister/config.h>
#include "device.h"
#include "json.h"

#define PAGE 4096

struct entry {
	struct cl_audit audit;
	uint64_t size;		  /* bytes, ports, pins or calls, once neighbours are merged */
	char name[96];		  /* as Linux calls it */
	char code[CL_SYMBOL_LEN]; /* where in the kernel it was done first */
};

/*
 * The resources that contain address, the innermost last, from /proc/iomem or /proc/ioports. Not
 * the bus that everything is behind.
 */
static void resource_name(const char *path, uint64_t address, char *out, size_t size)
{
	FILE *f = fopen(path, "r");
	unsigned long long first, last;
	char line[160], name[64];
	size_t used = 0;

	out[0] = '\0';
	while (f && used < size && fgets(line, sizeof(line), f))
		if (sscanf(line, " %llx-%llx : %63[^\n]", &first, &last, name) == 3 &&
		    first <= address && address <= last && strncmp(name, "PCI Bus", 7))
			used += snprintf(out + used, size - used, "%s%s", used ? ", " : "", name);
	if (f)
		fclose(f);
}

static int by_address(const void *left, const void *right)
{
	const struct entry *a = left, *b = right;

	if (a->audit.kind != b->audit.kind)
		return a->audit.kind < b->audit.kind ? -1 : 1;
	return a->audit.address < b->audit.address ? -1 : a->audit.address > b->audit.address;
}

/* Neighbours with the same name, rights and fate become one line. */
static size_t merge(struct entry *entries, size_t count)
{
	size_t used = 0;

	for (size_t i = 0; i < count; i++) {
		struct entry *last = used ? &entries[used - 1] : NULL;

		if (last && last->audit.kind == entries[i].audit.kind &&
		    last->audit.kind != CL_AUDIT_PIN &&
		    last->audit.address + last->size == entries[i].audit.address &&
		    (last->audit.flags & CL_AUDIT_FOREIGN) ==
			    (entries[i].audit.flags & CL_AUDIT_FOREIGN) &&
		    !strcmp(last->name, entries[i].name)) {
			last->size += entries[i].size;
			last->audit.flags |= entries[i].audit.flags;
			last->audit.count += entries[i].audit.count;
		} else {
			entries[used++] = entries[i];
		}
	}
	return used;
}

/* By the owner of the function id, as the SMC calling convention has it. */
static const char *service(uint64_t function)
{
	switch (function >> 24 & 0x3f) {
	case 2:
		return "SiP service";
	case 3:
		return "OEM service";
	default:
		return "TRNG";
	}
}

/* Who has it, as Linux or a manual calls it. */
static void find_name(struct entry *e, uint32_t arch)
{
	switch (e->audit.kind) {
	case CL_AUDIT_MEMORY:
		resource_name("/proc/iomem", e->audit.address, e->name, sizeof(e->name));
		break;
	case CL_AUDIT_PORT:
		resource_name("/proc/ioports", e->audit.address, e->name, sizeof(e->name));
		break;
	case CL_AUDIT_PIN:
		snprintf(e->name, sizeof(e->name), "%s", arch == CL_ARCH_ARM64 ? "GIC" : "IOAPIC");
		break;
	case CL_AUDIT_FIRMWARE:
		snprintf(e->name, sizeof(e->name), "%s", service(e->audit.address));
		break;
	}
}

static void find_code(struct entry *e, const struct region *r)
{
	struct cl_ioc_symbol symbol = { .size = sizeof(symbol), .address = e->audit.rip };

	/* It is only there to help: a driver that does not know leaves the address alone. */
	if (!ioctl(r->fd, CL_IOC_SYMBOL, &symbol))
		snprintf(e->code, sizeof(e->code), "%.*s", CL_SYMBOL_LEN - 1, symbol.symbol);
}

static struct entry *read_entries(struct region *r, size_t *count)
{
	struct entry *entries = calloc(r->info.audit_count + 1, sizeof(*entries));
	uint32_t i;

	*count = 0;
	for (i = 0; entries && i < r->info.audit_count; i++) {
		struct entry *e = &entries[*count];

		if (!region_audit(r, i, &e->audit) || !e->audit.kind)
			break;
		e->size = e->audit.kind == CL_AUDIT_MEMORY ? PAGE : 1;
		find_name(e, r->info.arch);
		find_code(e, r);
		(*count)++;
	}
	if (entries) {
		qsort(entries, *count, sizeof(*entries), by_address);
		*count = merge(entries, *count);
	}
	return entries;
}

/* The controller's registers begin at a page; a pin is below that. */
static void pin_line(unsigned long long address, uint32_t arch, char *out, size_t size)
{
	unsigned int number = address % PAGE, first = 0, pin;
	char suffix[16] = "";

	if (arch == CL_ARCH_ARM64) {
		/* an entry for each 128 shared interrupts, which begin at 32 */
		first = number - (number - 32) % 128;
		snprintf(suffix, sizeof(suffix), ", %u", first);
	}
	pin = number - first;
	snprintf(out, size, "{ 0x%llx, { 0x%llx, 0x%llx }%s },", address - number,
		 pin < 64 ? 1ULL << pin : 0, pin < 64 ? 0 : 1ULL << (pin - 64), suffix);
}

/* A line for the section of this kind; "" for what no config can give to root now. */
static void config_line(const struct entry *e, uint32_t arch, char *out, size_t size)
{
	unsigned long long address = e->audit.address;

	out[0] = '\0';
	if (e->audit.flags & CL_AUDIT_FOREIGN)
		return;
	switch (e->audit.kind) {
	case CL_AUDIT_MEMORY:
		snprintf(out, size,
			 "{ 0x%llx, 0x%llx, 0x%llx, CL_MEM_READ | CL_MEM_WRITE%s | CL_MEM_IO },",
			 address, address, (unsigned long long)e->size,
			 e->audit.flags & CL_AUDIT_EXECUTE ? " | CL_MEM_EXECUTE" : "");
		break;
	case CL_AUDIT_PORT:
	case CL_AUDIT_FIRMWARE:
		snprintf(out, size, "{ 0x%llx, %llu },", address, (unsigned long long)e->size);
		break;
	case CL_AUDIT_PIN:
		pin_line(address, arch, out, size);
		break;
	}
}

static const char *section(uint32_t kind)
{
	switch (kind) {
	case CL_AUDIT_MEMORY:
		return "CLOISTER_MEMORY";
	case CL_AUDIT_PORT:
		return "CLOISTER_PIO";
	case CL_AUDIT_FIRMWARE:
		return "CLOISTER_FIRMWARE";
	default:
		return "CLOISTER_IRQCHIP";
	}
}

static const char *fate(const struct entry *e)
{
	return e->audit.flags & CL_AUDIT_ALLOWED ? "allowed" : "refused";
}

static void print_text(const struct region *r, const struct entry *entries, size_t count)
{
	uint32_t kind = 0;
	char line[128];

	for (size_t i = 0; i < count; i++) {
		const struct entry *e = &entries[i];

		if (e->audit.kind != kind)
			printf("/* %s: */\n", section(e->audit.kind));
		kind = e->audit.kind;
		config_line(e, r->info.arch, line, sizeof(line));
		if (!line[0])
			printf("\t/* 0x%llx belongs to another cell or the hypervisor; ",
			       (unsigned long long)e->audit.address);
		else
			printf("\t%s /* %s%s", line, e->name, e->name[0] ? "; " : "");
		printf("%s%s%s %s, %llu %s%s, first at 0x%llx%s%s */\n",
		       e->audit.flags & CL_AUDIT_READ ? "r" : "",
		       e->audit.flags & CL_AUDIT_WRITE ? "w" : "",
		       e->audit.flags & CL_AUDIT_EXECUTE ? "x" : "", fate(e),
		       (unsigned long long)e->audit.count,
		       e->audit.count == 1 ? "access" : "accesses",
		       e->audit.flags & CL_AUDIT_DIRECT ? " or more" : "",
		       (unsigned long long)e->audit.rip, e->code[0] ? " " : "", e->code);
	}
	if (r->info.audit_dropped)
		printf("/* %llu more accesses found no place in the list and were refused */\n",
		       (unsigned long long)r->info.audit_dropped);
	if (!count)
		puts("/* Root has touched nothing beyond its config. */");
}

static void print_json(const struct region *r, const struct entry *entries, size_t count)
{
	struct json_object *o = json_object_new_object();
	struct json_object *list = json_object_new_array();
	char line[128];

	for (size_t i = 0; i < count; i++) {
		const struct entry *e = &entries[i];
		struct json_object *row = json_object_new_object();

		config_line(e, r->info.arch, line, sizeof(line));
		json_add_string(row, "section", section(e->audit.kind));
		json_add_number(row, "address", e->audit.address);
		json_add_number(row, "size", e->size);
		json_add_bool(row, "read", e->audit.flags & CL_AUDIT_READ);
		json_add_bool(row, "write", e->audit.flags & CL_AUDIT_WRITE);
		json_add_bool(row, "execute", e->audit.flags & CL_AUDIT_EXECUTE);
		json_add_bool(row, "allowed", e->audit.flags & CL_AUDIT_ALLOWED);
		json_add_bool(row, "foreign", e->audit.flags & CL_AUDIT_FOREIGN);
		json_add_bool(row, "direct", e->audit.flags & CL_AUDIT_DIRECT);
		json_add_number(row, "count", e->audit.count);
		json_add_number(row, "rip", e->audit.rip);
		json_add_string(row, "device", e->name);
		json_add_string(row, "code", e->code);
		json_add_string(row, "line", line);
		json_object_array_add(list, row);
	}
	json_object_object_add(o, "accesses", list);
	json_add_number(o, "dropped", r->info.audit_dropped);
	json_print(o, JSON_C_TO_STRING_PRETTY);
}

int cmd_audit(const struct options *o, int argc, char **argv)
{
	struct entry *entries;
	struct region r;
	size_t count;
	int code;

	(void)argc;
	(void)argv;
	code = device_region(o, &r);
	if (code)
		return code;
	entries = read_entries(&r, &count);
	if (!entries)
		return fail(EXIT_REFUSED, "not enough memory");
	if (has(o, OPT_JSON))
		print_json(&r, entries, count);
	else
		print_text(&r, entries, count);
	free(entries);
	return EXIT_OK;
}
