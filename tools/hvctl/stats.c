// SPDX-License-Identifier: GPL-2.0
/* hvctl stats: exits for each CPU and reason. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "device.h"
#include "json.h"

static const char *const x86_exits[CL_EXIT_COUNT] = CL_EXIT_NAMES_X86;
static const char *const arm64_exits[CL_EXIT_COUNT] = CL_EXIT_NAMES_ARM64;
static const char *const cpu_states[] = { "running", "parked", "failed" };

struct table {
	uint32_t count;
	struct cl_cpu_info *cpus;
};

/* NULL: does not occur on the machine that has this info region. */
static const char *exit_name(const struct region *r, int reason)
{
	return r->info.arch == CL_ARCH_ARM64 ? arm64_exits[reason] : x86_exits[reason];
}

static uint64_t total(const struct cl_cpu_info *cpu)
{
	uint64_t sum = 0;
	int i;

	for (i = 0; i < CL_EXIT_COUNT; i++)
		sum += cpu->exits[i];
	return sum;
}

/* All CPUs in use, of one cell or (CL_NO_CELL) of all. */
static bool read_table(struct region *r, uint32_t cell, struct table *t)
{
	struct cl_cpu_info cpu;
	uint32_t i;

	t->count = 0;
	t->cpus = calloc(r->info.cpus_count ? r->info.cpus_count : 1, sizeof(*t->cpus));
	if (!t->cpus)
		return false;
	for (i = 0; i < r->info.cpus_count; i++) {
		if (!region_cpu(r, i, &cpu) || cpu.cell == CL_NO_CELL)
			continue;
		if (cell != CL_NO_CELL && cpu.cell != cell)
			continue;
		cpu.exits_total = total(&cpu);
		t->cpus[t->count++] = cpu;
	}
	return true;
}

static const char *cpu_state(uint32_t state)
{
	return state < sizeof(cpu_states) / sizeof(cpu_states[0]) ? cpu_states[state] : "unknown";
}

/* What has been added since `old`; a CPU that changed its cell began again at 0. */
static uint64_t added(uint64_t now, uint64_t before)
{
	return now >= before ? now - before : now;
}

static void subtract(struct table *t, const struct table *old)
{
	uint32_t i, k;
	int reason;

	for (i = 0; i < t->count; i++) {
		for (k = 0; k < old->count && old->cpus[k].id != t->cpus[i].id; k++)
			;
		if (k == old->count || old->cpus[k].cell != t->cpus[i].cell)
			continue;
		for (reason = 0; reason < CL_EXIT_COUNT; reason++)
			t->cpus[i].exits[reason] =
				added(t->cpus[i].exits[reason], old->cpus[k].exits[reason]);
		t->cpus[i].exits_total = total(&t->cpus[i]);
	}
}

/* Width of a reason's column: its title, or ten digits. */
static int column(const char *name)
{
	return strlen(name) > 10 ? (int)strlen(name) : 10;
}

static void print_row(const struct region *r, const uint64_t *exits, const uint64_t *sums,
		      uint64_t all)
{
	int i;

	for (i = 0; i < CL_EXIT_COUNT; i++)
		if (exit_name(r, i) && sums[i])
			printf(" %*llu", column(exit_name(r, i)), (unsigned long long)exits[i]);
	printf(" %12llu\n", (unsigned long long)all);
}

/* One line per CPU; only columns that have something in them. */
static void print_table(struct region *r, const struct table *t)
{
	uint64_t sums[CL_EXIT_COUNT] = { 0 };
	char name[CL_NAME_LEN];
	uint64_t all = 0;
	uint32_t i;
	int reason;

	for (i = 0; i < t->count; i++)
		for (reason = 0; reason < CL_EXIT_COUNT; reason++) {
			sums[reason] += t->cpus[i].exits[reason];
			all += t->cpus[i].exits[reason];
		}
	printf("%-4s %-16s %-8s", "CPU", "CELL", "STATE");
	for (reason = 0; reason < CL_EXIT_COUNT; reason++)
		if (exit_name(r, reason) && sums[reason])
			printf(" %*s", column(exit_name(r, reason)), exit_name(r, reason));
	printf(" %12s\n", "total");
	for (i = 0; i < t->count; i++) {
		const struct cl_cpu_info *cpu = &t->cpus[i];

		printf("%-4u %-16.16s %-8s", cpu->id, region_cell_name(r, cpu->cell, name),
		       cpu_state(cpu->state));
		print_row(r, cpu->exits, sums, cpu->exits_total);
	}
	printf("%-30s", "all");
	print_row(r, sums, sums, all);
}

static void print_json(struct region *r, const struct table *t, int flags)
{
	struct json_object *list = json_object_new_array();
	char name[CL_NAME_LEN];
	uint32_t i;
	int reason;

	for (i = 0; i < t->count; i++) {
		const struct cl_cpu_info *cpu = &t->cpus[i];
		struct json_object *exits = json_object_new_object();
		struct json_object *o = json_object_new_object();

		for (reason = 0; reason < CL_EXIT_COUNT; reason++)
			if (exit_name(r, reason))
				json_add_number(exits, exit_name(r, reason), cpu->exits[reason]);
		json_add_number(o, "cpu", cpu->id);
		json_add_number(o, "hw_id", cpu->hw_id);
		json_add_number(o, "cell", cpu->cell);
		json_add_string(o, "cell_name", region_cell_name(r, cpu->cell, name));
		json_add_string(o, "state", cpu_state(cpu->state));
		json_object_object_add(o, "exits", exits);
		json_add_number(o, "total", cpu->exits_total);
		json_object_array_add(list, o);
	}
	json_print(list, flags);
}

/* Once a second, what was added in it. Ends when Cloister is disabled. */
static int watch(const struct options *o, struct region *r, uint32_t cell)
{
	bool tty = isatty(STDOUT_FILENO);
	struct table now, last;

	if (!read_table(r, cell, &last))
		return fail(EXIT_REFUSED, "not enough memory");
	for (;;) {
		sleep_ms(1000);
		if (region_refresh(r) || !r->info.enabled)
			break;
		if (!read_table(r, cell, &now))
			break;
		subtract(&now, &last);
		free(last.cpus);
		if (has(o, OPT_JSON)) {
			print_json(r, &now, JSON_C_TO_STRING_PLAIN);
		} else {
			printf("%sexits in the last second\n", tty ? "\033[H\033[J" : "");
			print_table(r, &now);
			fflush(stdout);
		}
		free(now.cpus);
		if (!read_table(r, cell, &last))
			return fail(EXIT_REFUSED, "not enough memory");
	}
	free(last.cpus);
	return fail(EXIT_ABSENT, "Cloister is not enabled any more");
}

int cmd_stats(const struct options *o, int argc, char **argv)
{
	struct cl_cell_info cell = { .id = CL_NO_CELL };
	struct region r;
	struct table t;
	int code;

	if (argc)
		code = device_cell(o, argv[0], &r, &cell);
	else
		code = device_enabled(o, &r);
	if (code)
		return code;
	if (has(o, OPT_WATCH))
		return watch(o, &r, cell.id);
	if (!read_table(&r, cell.id, &t))
		return fail(EXIT_REFUSED, "not enough memory");
	if (has(o, OPT_JSON))
		print_json(&r, &t, JSON_C_TO_STRING_PRETTY);
	else
		print_table(&r, &t);
	free(t.cpus);
	return EXIT_OK;
}
