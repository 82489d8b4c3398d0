// SPDX-License-Identifier: GPL-2.0
#include <arch.h>
#include <info_region.h>
#include <log.h>

/* Lines of each cell since it was created, to limit what it can make us print. */
static uint32_t cell_lines[CONFIG_MAX_CELLS];

static struct lock console_lock;

static void console_line(const char *prefix, const char *text)
{
	/* A CPU that would have to wait long leaves the console out: the record is in the ring. */
	for (unsigned int tries = 0; !lock_try(&console_lock); tries++) {
		if (tries > 100000)
			return;
		cpu_relax();
	}
	arch_console_write(prefix);
	arch_console_write(text);
	arch_console_write("\n");
	lock_drop(&console_lock);
}

void log_write(unsigned int severity, uint32_t cell, const char *fmt, ...)
{
	static const char *const prefixes[] = { "cloister: error: ", "cloister: warning: ",
						"cloister: ", "cloister: debug: " };
	struct cl_log_record *record;
	uint64_t seq;
	va_list args;

	if (severity > CL_LOG_ERROR && cell < CONFIG_MAX_CELLS && cell != 0) {
		uint32_t lines = __atomic_fetch_add(&cell_lines[cell], 1, __ATOMIC_RELAXED);

		if (lines >= LOG_CELL_BURST && lines % LOG_CELL_BURST)
			return;
	}

	seq = __atomic_fetch_add(&info.head.log_next, 1, __ATOMIC_RELAXED);
	record = &info.log[seq % ARRAY_SIZE(info.log)];
	__atomic_store_n(&record->seq, 0, __ATOMIC_RELEASE);
	record->tsc = arch_timestamp();
	record->cell = cell;
	record->cpu = (uint16_t)arch_cpu_id();
	record->severity = (uint8_t)severity;
	va_start(args, fmt);
	record->length = (uint8_t)vformat(record->text, sizeof(record->text), fmt, args);
	va_end(args);
	__atomic_store_n(&record->seq, seq + 1, __ATOMIC_RELEASE);

	console_line(prefixes[severity], record->text);
}

void log_forget_cell(uint32_t cell)
{
	cell_lines[cell] = 0;
}
