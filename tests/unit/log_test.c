// SPDX-License-Identifier: GPL-2.0
/* The hypervisor's log, with an architecture made of fakes. */
#include <arch.h>
#include <info_region.h>
#include <log.h>
#include <setjmp.h>
#include <string.h>
#include <cmocka.h>

#define RECORDS ARRAY_SIZE(info.log)

struct info_region info;

static char console[65536];
static size_t console_length;
static uint64_t clock_now;
static unsigned int relaxed;
static bool console_interrupted; /* the next line on the console is interrupted by another one */

static struct cl_log_record *newest(void)
{
	return &info.log[(info.head.log_next - 1) % RECORDS];
}

uint64_t arch_timestamp(void)
{
	/* A reader that comes now must not take the half-written record for a valid one. */
	assert_int_equal(newest()->seq, 0);
	return clock_now++;
}

unsigned int arch_cpu_id(void)
{
	return 5;
}

void cpu_relax(void)
{
	relaxed++;
}

void arch_console_write(const char *text)
{
	size_t length = strlen(text);

	if (console_interrupted) {
		console_interrupted = false;
		log_error("in between");
	}
	assert_true(console_length + length < sizeof(console));
	memcpy(console + console_length, text, length + 1);
	console_length += length;
}

static int fresh(void **state)
{
	(void)state;
	memset(&info, 0, sizeof(info));
	memset(console, 0, sizeof(console));
	console_length = 0;
	clock_now = 1000;
	relaxed = 0;
	for (uint32_t cell = 0; cell < CONFIG_MAX_CELLS; cell++)
		log_forget_cell(cell);
	return 0;
}

static void one_record(void **state)
{
	const struct cl_log_record *record = &info.log[0];

	(void)state;
	log_write(CL_LOG_WARNING, 3, "refused %s 0x%lx", "port", 0x60UL);
	assert_int_equal(info.head.log_next, 1);
	assert_int_equal(record->seq, 1);
	assert_int_equal(record->tsc, 1000);
	assert_int_equal(record->cell, 3);
	assert_int_equal(record->cpu, 5);
	assert_int_equal(record->severity, CL_LOG_WARNING);
	assert_string_equal(record->text, "refused port 0x60");
	assert_int_equal(record->length, strlen(record->text));
	assert_string_equal(console, "cloister: warning: refused port 0x60\n");
}

static void severities(void **state)
{
	(void)state;
	log_error("a");
	assert_int_equal(newest()->severity, CL_LOG_ERROR);
	assert_int_equal(newest()->cell, CL_NO_CELL);
	log_info("b");
	assert_int_equal(newest()->severity, CL_LOG_INFO);
	log_write(CL_LOG_DEBUG, CL_NO_CELL, "c");
	assert_string_equal(console, "cloister: error: a\ncloister: b\ncloister: debug: c\n");
}

static void long_text(void **state)
{
	char text[3 * CL_LOG_TEXT];

	(void)state;
	memset(text, 'x', sizeof(text));
	text[sizeof(text) - 1] = '\0';
	log_info("%s", text);
	assert_int_equal(newest()->length, CL_LOG_TEXT - 1);
	assert_memory_equal(newest()->text, text, CL_LOG_TEXT - 1);
	assert_int_equal(newest()->text[CL_LOG_TEXT - 1], '\0');
}

/* The oldest are overwritten; sequence numbers go on. */
static void wrap(void **state)
{
	const unsigned int lines = 2 * RECORDS + 3;
	char text[16];

	(void)state;
	for (unsigned int i = 0; i < lines; i++)
		log_info("line %u", i);
	assert_int_equal(info.head.log_next, lines);
	for (unsigned int i = lines - RECORDS; i < lines; i++) {
		const struct cl_log_record *record = &info.log[i % RECORDS];

		format(text, sizeof(text), "line %u", i);
		assert_int_equal(record->seq, i + 1);
		assert_string_equal(record->text, text);
	}
}

/* How many of `count` lines get through. */
static uint64_t passed(unsigned int severity, uint32_t cell, unsigned int count)
{
	uint64_t before = info.head.log_next;

	console_length = 0;
	for (unsigned int i = 0; i < count; i++)
		log_write(severity, cell, "x");
	return info.head.log_next - before;
}

static void cells_are_limited(void **state)
{
	(void)state;
	assert_int_equal(passed(CL_LOG_WARNING, 1, LOG_CELL_BURST), LOG_CELL_BURST);
	/* then one in LOG_CELL_BURST */
	assert_int_equal(passed(CL_LOG_WARNING, 1, 10 * LOG_CELL_BURST), 10);
	/* Each cell has its own count; the reason why one was stopped always gets through. */
	assert_int_equal(passed(CL_LOG_WARNING, 2, LOG_CELL_BURST), LOG_CELL_BURST);
	assert_int_equal(passed(CL_LOG_ERROR, 1, 5), 5);
	log_forget_cell(1);
	assert_int_equal(passed(CL_LOG_INFO, 1, LOG_CELL_BURST), LOG_CELL_BURST);
	assert_int_equal(passed(CL_LOG_INFO, CONFIG_MAX_CELLS - 1, 2 * LOG_CELL_BURST),
			 LOG_CELL_BURST + 1);
}

static void hypervisor_and_root_are_not(void **state)
{
	(void)state;
	assert_int_equal(passed(CL_LOG_INFO, CL_NO_CELL, 5 * LOG_CELL_BURST), 5 * LOG_CELL_BURST);
	assert_int_equal(passed(CL_LOG_INFO, 0, 5 * LOG_CELL_BURST), 5 * LOG_CELL_BURST);
}

/* Whoever finds the console taken gives up on it, not on the record. */
static void console_is_taken(void **state)
{
	(void)state;
	console_interrupted = true;
	log_info("outer");
	assert_int_equal(info.head.log_next, 2);
	assert_string_equal(info.log[0].text, "outer");
	assert_string_equal(info.log[1].text, "in between");
	assert_string_equal(console, "cloister: outer\n");
	assert_in_range(relaxed, 1, 1000000);
	/* It is free again. */
	log_info("next");
	assert_string_equal(console, "cloister: outer\ncloister: next\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(one_record, fresh),
		cmocka_unit_test_setup(severities, fresh),
		cmocka_unit_test_setup(long_text, fresh),
		cmocka_unit_test_setup(wrap, fresh),
		cmocka_unit_test_setup(cells_are_limited, fresh),
		cmocka_unit_test_setup(hypervisor_and_root_are_not, fresh),
		cmocka_unit_test_setup(console_is_taken, fresh),
	};

	return cmocka_run_group_tests_name("log", tests, NULL, NULL);
}
