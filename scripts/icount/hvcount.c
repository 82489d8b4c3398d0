// SPDX-License-Identifier: GPL-2.0
/*
 * A TCG plugin for QEMU: counts, per CPU, the instructions that are executed in a range of virtual
 * addresses (the hypervisor's text) and the entries into it.
 *
 *   -plugin hvcount.so,text=START-END,out=FILE
 *
 * START and END are hexadecimal. A line of JSON goes to FILE whenever a CPU executes the marker
 * instruction (x86: xchg %bx,%bx; arm64: mov x27, x27), and when QEMU ends:
 *
 *   {"at": "mark", "cpu": 2, "instructions": [0, 12, 345, 0], "entries": [0, 1, 4, 0],
 *    "total": [900, 80, 1345, 7], "longest": [0, 12, 300, 0]}
 *
 * "total" counts all instructions, inside and outside of the range; "longest" is the longest stay
 * in the range since the last line. The others count from QEMU's start. Numbers of CPUs that run at
 * the same time may be a little old. An entry is an instruction in the range whose predecessor on
 * that CPU was outside: a VMRUN that exits before the first guest instruction is not one, and a
 * long stay is one.
 */
#include <inttypes.h>
#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/*
 * What is used of qemu-plugin.h, which Debian does not package. Version 3 has the functions used
 * here in this form; QEMU 10.0 takes 2 to 4.
 */
#define EXPORT __attribute__((visibility("default")))

typedef uint64_t qemu_plugin_id_t;

typedef struct {
	const char *target_name;
	struct {
		int min;
		int cur;
	} version;
	bool system_emulation;
	struct {
		int smp_vcpus;
		int max_vcpus;
	} system;
} qemu_info_t;

struct qemu_plugin_tb;
struct qemu_plugin_insn;

enum qemu_plugin_cb_flags { QEMU_PLUGIN_CB_NO_REGS };

typedef void (*qemu_plugin_udata_cb_t)(qemu_plugin_id_t id, void *userdata);
typedef void (*qemu_plugin_vcpu_udata_cb_t)(unsigned int vcpu, void *userdata);
typedef void (*qemu_plugin_vcpu_tb_trans_cb_t)(qemu_plugin_id_t id, struct qemu_plugin_tb *tb);

void qemu_plugin_register_vcpu_tb_trans_cb(qemu_plugin_id_t id, qemu_plugin_vcpu_tb_trans_cb_t cb);
void qemu_plugin_register_atexit_cb(qemu_plugin_id_t id, qemu_plugin_udata_cb_t cb, void *userdata);
size_t qemu_plugin_tb_n_insns(const struct qemu_plugin_tb *tb);
uint64_t qemu_plugin_tb_vaddr(const struct qemu_plugin_tb *tb);
struct qemu_plugin_insn *qemu_plugin_tb_get_insn(const struct qemu_plugin_tb *tb, size_t index);
size_t qemu_plugin_insn_data(const struct qemu_plugin_insn *insn, void *dest, size_t size);
void qemu_plugin_register_vcpu_tb_exec_cb(struct qemu_plugin_tb *tb, qemu_plugin_vcpu_udata_cb_t cb,
					  enum qemu_plugin_cb_flags flags, void *userdata);
void qemu_plugin_register_vcpu_insn_exec_cb(struct qemu_plugin_insn *insn,
					    qemu_plugin_vcpu_udata_cb_t cb,
					    enum qemu_plugin_cb_flags flags, void *userdata);
EXPORT int qemu_plugin_version = 3;

static const uint8_t marker_x86[] = { 0x66, 0x87, 0xdb },
		     marker_arm64[] = { 0xfb, 0x03, 0x1b, 0xaa };
static const uint8_t *marker = marker_x86;
static size_t marker_size = sizeof(marker_x86);

/*
 * Callbacks and memory of our own, rather than QEMU's inline operations on scoreboards: with those
 * guests of QEMU 10.0 crash under -icount.
 */
struct counters {
	uint64_t instructions;
	uint64_t entries;
	uint64_t outside; /* instructions, by whole translation blocks */
	uint64_t entered_at, longest;
	bool inside; /* the CPU's last instruction was in the range */
} __attribute__((aligned(64)));

static struct counters *counters; /* [cpu_count], each changed by its own CPU only */

static int cpu_count;
static uint64_t text_start, text_end;
static FILE *out;
static pthread_mutex_t out_lock = PTHREAD_MUTEX_INITIALIZER;

#define PRINT(name, value)                                                  \
	do {                                                                \
		fprintf(out, ", \"" name "\": [");                          \
		for (int i = 0; i < cpu_count; i++)                         \
			fprintf(out, "%s%" PRIu64, i ? ", " : "", (value)); \
		fputc(']', out);                                            \
	} while (0)

static void print_counters(const char *at, int cpu)
{
	pthread_mutex_lock(&out_lock);
	fprintf(out, "{\"at\": \"%s\", \"cpu\": %d", at, cpu);
	PRINT("instructions", counters[i].instructions);
	PRINT("entries", counters[i].entries);
	PRINT("total", counters[i].instructions + counters[i].outside);
	PRINT("longest", counters[i].longest);
	fputs("}\n", out);
	fflush(out);
	for (int i = 0; i < cpu_count; i++)
		counters[i].longest = 0;
	pthread_mutex_unlock(&out_lock);
}

static void on_marker(unsigned int vcpu, void *userdata)
{
	(void)userdata;
	print_counters("mark", (int)vcpu);
}

static void on_block_inside(unsigned int vcpu, void *userdata)
{
	(void)userdata;
	if (!counters[vcpu].inside) {
		counters[vcpu].entries++;
		counters[vcpu].entered_at = counters[vcpu].instructions;
	}
	counters[vcpu].inside = true;
}

static void on_block_outside(unsigned int vcpu, void *userdata)
{
	struct counters *counter = &counters[vcpu];

	counter->outside += (uintptr_t)userdata;
	if (counter->inside) {
		uint64_t stay = counter->instructions - counter->entered_at;

		if (stay > counter->longest)
			counter->longest = stay;
	}
	counter->inside = false;
}

/* Not once per block: a block may be left in its middle. */
static void on_instruction(unsigned int vcpu, void *userdata)
{
	(void)userdata;
	counters[vcpu].instructions++;
}

static void on_exit_of_qemu(qemu_plugin_id_t id, void *userdata)
{
	(void)id;
	(void)userdata;
	print_counters("end", -1);
}

/* A translation block lies within one or two pages of straight code: its start decides. */
static void on_translation(qemu_plugin_id_t id, struct qemu_plugin_tb *tb)
{
	uint64_t start = qemu_plugin_tb_vaddr(tb);
	bool counted = start >= text_start && start < text_end;
	uint8_t code[4];

	(void)id;
	qemu_plugin_register_vcpu_tb_exec_cb(tb, counted ? on_block_inside : on_block_outside,
					     QEMU_PLUGIN_CB_NO_REGS,
					     (void *)(uintptr_t)qemu_plugin_tb_n_insns(tb));

	for (size_t i = 0; i < qemu_plugin_tb_n_insns(tb); i++) {
		struct qemu_plugin_insn *insn = qemu_plugin_tb_get_insn(tb, i);

		if (counted)
			qemu_plugin_register_vcpu_insn_exec_cb(insn, on_instruction,
							       QEMU_PLUGIN_CB_NO_REGS, NULL);
		if (qemu_plugin_insn_data(insn, code, marker_size) == marker_size &&
		    !memcmp(code, marker, marker_size))
			qemu_plugin_register_vcpu_insn_exec_cb(insn, on_marker,
							       QEMU_PLUGIN_CB_NO_REGS, NULL);
	}
}

EXPORT int qemu_plugin_install(qemu_plugin_id_t id, const qemu_info_t *info, int argc, char **argv)
{
	const char *path = NULL;

	for (int i = 0; i < argc; i++) {
		if (!strncmp(argv[i], "out=", 4)) {
			path = argv[i] + 4;
		} else if (sscanf(argv[i], "text=%" SCNx64 "-%" SCNx64, &text_start, &text_end) !=
			   2) {
			fprintf(stderr, "hvcount: unknown argument '%s'\n", argv[i]);
			return -1;
		}
	}
	if (!path || text_start >= text_end) {
		fprintf(stderr, "hvcount: use -plugin hvcount.so,text=START-END,out=FILE\n");
		return -1;
	}
	out = fopen(path, "w");
	if (!out) {
		perror(path);
		return -1;
	}

	if (!strcmp(info->target_name, "aarch64")) {
		marker = marker_arm64;
		marker_size = sizeof(marker_arm64);
	}
	cpu_count = info->system.max_vcpus;
	counters = aligned_alloc(64, cpu_count * sizeof(*counters));
	if (!counters) {
		perror("hvcount");
		return -1;
	}
	memset(counters, 0, cpu_count * sizeof(*counters));
	qemu_plugin_register_vcpu_tb_trans_cb(id, on_translation);
	qemu_plugin_register_atexit_cb(id, on_exit_of_qemu, NULL);
	return 0;
}
