// SPDX-License-Identifier: GPL-2.0
/*
 * A TCG plugin for QEMU: counts, per CPU, the instructions that are executed in a range of virtual
 * addresses (the hypervisor's text) and the entries into it.
 *
 *   -plugin hvcount.so,text=START-END,out=FILE
 *
 * START and END are hexadecimal. A line of JSON goes to FILE whenever a CPU executes the marker
 * instruction, xchg %bx,%bx (66 87 db), and when QEMU ends:
 *
 *   {"at": "mark", "cpu": 2, "instructions": [0, 12, 345, 0], "entries": [0, 1, 4, 0]}
 *
 * Numbers count from QEMU's start; those of other CPUs that run at the same time may be a little
 * old. An entry is an instruction in the range whose predecessor on that CPU was outside: a VMRUN
 * that exits before the first guest instruction is not one, and a long stay is one.
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
typedef struct qemu_info qemu_info_t;

struct qemu_plugin_tb;
struct qemu_plugin_insn;
struct qemu_plugin_scoreboard;

typedef struct {
	struct qemu_plugin_scoreboard *score;
	size_t offset;
} qemu_plugin_u64;

enum qemu_plugin_cb_flags { QEMU_PLUGIN_CB_NO_REGS };
enum qemu_plugin_cond { QEMU_PLUGIN_COND_NEVER, QEMU_PLUGIN_COND_ALWAYS, QEMU_PLUGIN_COND_EQ };
enum qemu_plugin_op { QEMU_PLUGIN_INLINE_ADD_U64, QEMU_PLUGIN_INLINE_STORE_U64 };

typedef void (*qemu_plugin_udata_cb_t)(qemu_plugin_id_t id, void *userdata);
typedef void (*qemu_plugin_vcpu_udata_cb_t)(unsigned int vcpu, void *userdata);
typedef void (*qemu_plugin_vcpu_tb_trans_cb_t)(qemu_plugin_id_t id, struct qemu_plugin_tb *tb);

void qemu_plugin_register_vcpu_tb_trans_cb(qemu_plugin_id_t id, qemu_plugin_vcpu_tb_trans_cb_t cb);
void qemu_plugin_register_atexit_cb(qemu_plugin_id_t id, qemu_plugin_udata_cb_t cb, void *userdata);
size_t qemu_plugin_tb_n_insns(const struct qemu_plugin_tb *tb);
uint64_t qemu_plugin_tb_vaddr(const struct qemu_plugin_tb *tb);
struct qemu_plugin_insn *qemu_plugin_tb_get_insn(const struct qemu_plugin_tb *tb, size_t index);
size_t qemu_plugin_insn_data(const struct qemu_plugin_insn *insn, void *dest, size_t size);
void qemu_plugin_register_vcpu_tb_exec_cond_cb(struct qemu_plugin_tb *tb,
					       qemu_plugin_vcpu_udata_cb_t cb,
					       enum qemu_plugin_cb_flags flags,
					       enum qemu_plugin_cond cond, qemu_plugin_u64 entry,
					       uint64_t operand, void *userdata);
void qemu_plugin_register_vcpu_tb_exec_inline_per_vcpu(struct qemu_plugin_tb *tb,
						       enum qemu_plugin_op op,
						       qemu_plugin_u64 entry, uint64_t operand);
void qemu_plugin_register_vcpu_insn_exec_cb(struct qemu_plugin_insn *insn,
					    qemu_plugin_vcpu_udata_cb_t cb,
					    enum qemu_plugin_cb_flags flags, void *userdata);
void qemu_plugin_register_vcpu_insn_exec_inline_per_vcpu(struct qemu_plugin_insn *insn,
							 enum qemu_plugin_op op,
							 qemu_plugin_u64 entry, uint64_t operand);
struct qemu_plugin_scoreboard *qemu_plugin_scoreboard_new(size_t element_size);
uint64_t qemu_plugin_u64_get(qemu_plugin_u64 entry, unsigned int vcpu);
void qemu_plugin_u64_set(qemu_plugin_u64 entry, unsigned int vcpu, uint64_t value);
void qemu_plugin_u64_add(qemu_plugin_u64 entry, unsigned int vcpu, uint64_t value);
int qemu_plugin_num_vcpus(void);

EXPORT int qemu_plugin_version = 3;

static const uint8_t marker[] = { 0x66, 0x87, 0xdb };

struct counters {
	uint64_t instructions;
	uint64_t entries;
	uint64_t inside; /* 1: the CPU's last instruction was in the range */
};

static qemu_plugin_u64 instructions, entries, inside;
static uint64_t text_start, text_end;
static FILE *out;
static pthread_mutex_t out_lock = PTHREAD_MUTEX_INITIALIZER;

static void print_array(const char *name, qemu_plugin_u64 counter)
{
	fprintf(out, "\"%s\": [", name);
	for (int cpu = 0; cpu < qemu_plugin_num_vcpus(); cpu++)
		fprintf(out, "%s%" PRIu64, cpu ? ", " : "", qemu_plugin_u64_get(counter, cpu));
	fprintf(out, "]");
}

static void print_counters(const char *at, int cpu)
{
	pthread_mutex_lock(&out_lock);
	fprintf(out, "{\"at\": \"%s\", \"cpu\": %d, ", at, cpu);
	print_array("instructions", instructions);
	fprintf(out, ", ");
	print_array("entries", entries);
	fprintf(out, "}\n");
	fflush(out);
	pthread_mutex_unlock(&out_lock);
}

static void on_marker(unsigned int vcpu, void *userdata)
{
	(void)userdata;
	print_counters("mark", (int)vcpu);
}

static void on_entry(unsigned int vcpu, void *userdata)
{
	(void)userdata;
	qemu_plugin_u64_add(entries, vcpu, 1);
	qemu_plugin_u64_set(inside, vcpu, 1);
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
	uint8_t code[sizeof(marker)];

	(void)id;
	if (counted)
		qemu_plugin_register_vcpu_tb_exec_cond_cb(tb, on_entry, QEMU_PLUGIN_CB_NO_REGS,
							  QEMU_PLUGIN_COND_EQ, inside, 0, NULL);
	else
		qemu_plugin_register_vcpu_tb_exec_inline_per_vcpu(tb, QEMU_PLUGIN_INLINE_STORE_U64,
								  inside, 0);

	for (size_t i = 0; i < qemu_plugin_tb_n_insns(tb); i++) {
		struct qemu_plugin_insn *insn = qemu_plugin_tb_get_insn(tb, i);

		if (counted)
			qemu_plugin_register_vcpu_insn_exec_inline_per_vcpu(
				insn, QEMU_PLUGIN_INLINE_ADD_U64, instructions, 1);
		if (qemu_plugin_insn_data(insn, code, sizeof(code)) == sizeof(code) &&
		    !memcmp(code, marker, sizeof(code)))
			qemu_plugin_register_vcpu_insn_exec_cb(insn, on_marker,
							       QEMU_PLUGIN_CB_NO_REGS, NULL);
	}
}

EXPORT int qemu_plugin_install(qemu_plugin_id_t id, const qemu_info_t *info, int argc, char **argv)
{
	const char *path = NULL;
	struct qemu_plugin_scoreboard *score;

	(void)info;
	for (int i = 0; i < argc; i++) {
		if (!strncmp(argv[i], "out=", 4)) {
			path = argv[i] + 4;
		} else if (sscanf(argv[i], "text=%" SCNx64 "-%" SCNx64, &text_start, &text_end) != 2) {
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

	score = qemu_plugin_scoreboard_new(sizeof(struct counters));
	instructions = (qemu_plugin_u64){ score, offsetof(struct counters, instructions) };
	entries = (qemu_plugin_u64){ score, offsetof(struct counters, entries) };
	inside = (qemu_plugin_u64){ score, offsetof(struct counters, inside) };
	qemu_plugin_register_vcpu_tb_trans_cb(id, on_translation);
	qemu_plugin_register_atexit_cb(id, on_exit_of_qemu, NULL);
	return 0;
}
