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

static void write_record(unsigned int severity, uint32_t cell, enum cl_event event,
			 uint32_t event_cell, const char *fmt, va_list args)
{
	static const char *const prefixes[] = { "cloister: error: ", "cloister: warning: ",
						"cloister: ", "cloister: debug: " };
	uint64_t seq = __atomic_fetch_add(&info.head.log_next, 1, __ATOMIC_RELAXED);
	struct cl_log_record *record = &info.log[seq % ARRAY_SIZE(info.log)];

	__atomic_store_n(&record->seq, 0, __ATOMIC_RELEASE);
	record->tsc = arch_timestamp();
	record->cell = cell;
	record->cpu = (uint16_t)arch_cpu_id();
	record->severity = (uint8_t)severity;
	record->event = (uint16_t)event;
	record->event_cell = (uint16_t)event_cell;
	record->length = (uint8_t)vformat(record->text, sizeof(record->text), fmt, args);
	__atomic_store_n(&record->seq, seq + 1, __ATOMIC_RELEASE);

	console_line(prefixes[severity], record->text);
}

void log_write(unsigned int severity, uint32_t cell, const char *fmt, ...)
{
	va_list args;

	if (severity > CL_LOG_ERROR && cell < CONFIG_MAX_CELLS && cell != 0) {
		uint32_t lines = __atomic_fetch_add(&cell_lines[cell], 1, __ATOMIC_RELAXED);

		if (lines >= LOG_CELL_BURST && lines % LOG_CELL_BURST)
			return;
	}
	va_start(args, fmt);
	write_record(severity, cell, CL_EVENT_NONE, 0, fmt, args);
	va_end(args);
}

void log_event(unsigned int severity, uint32_t by, enum cl_event event, uint32_t cell,
	       const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	write_record(severity, by, event, cell, fmt, args);
	va_end(args);
}

void log_forget_cell(uint32_t cell)
{
	cell_lines[cell] = 0;
}
