/* SPDX-License-Identifier: GPL-2.0 */
/* What the files of hvctl offer each other. */
#ifndef HVCTL_H
#define HVCTL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Exit codes; documented in hvctl(8). */
enum {
	EXIT_OK = 0,
	EXIT_REFUSED = 1, /* the request failed or was refused */
	EXIT_USAGE = 2,	  /* the command line is wrong */
	EXIT_ABSENT = 3,  /* the driver is not loaded, or Cloister is not enabled */
};

/* Options, as bits for the commands that take them. */
enum {
	OPT_JSON = 1 << 0,
	OPT_FOLLOW = 1 << 1,
	OPT_WATCH = 1 << 2,
	OPT_DRY_RUN = 1 << 3,
	OPT_NO_CHECK = 1 << 4,
	OPT_INPUT = 1 << 5,
	OPT_STRING = 1 << 6,
	OPT_ROOT = 1 << 7,
	OPT_SEVERITY = 1 << 8,
	OPT_TIMEOUT = 1 << 9,
	OPT_AUDIT = 1 << 10,
	OPT_INITRD = 1 << 11,
	OPT_CMDLINE = 1 << 12,
	OPT_DTB = 1 << 13,
	OPT_SUPERVISE = 1 << 14,
};

struct options {
	unsigned int given; /* OPT_* */
	const char *device;
	const char *string;
	const char *root;
	const char *initrd;
	const char *cmdline;
	const char *dtb;
	int severity;
	uint32_t timeout_ms;
};

typedef int command_fn(const struct options *o, int argc, char **argv);

command_fn cmd_hardware_check, cmd_enable, cmd_disable, cmd_status;
command_fn cmd_cell_create, cmd_cell_load, cmd_cell_start, cmd_cell_shutdown, cmd_cell_destroy;
command_fn cmd_cell_list, cmd_cell_check, cmd_stats, cmd_console, cmd_log, cmd_config_root;
command_fn cmd_verify, cmd_lock, cmd_audit, cmd_cell_linux, cmd_cell_run, cmd_events;

static inline bool has(const struct options *o, unsigned int option)
{
	return o->given & option;
}

/* Print "hvctl: ..." to stderr; returns code, for the caller to return in turn. */
int fail(int code, const char *format, ...) __attribute__((format(printf, 2, 3)));

/*
 * A line on stderr with the seconds gone by, once something takes longer than one. Between begin
 * and end nothing else may write to stderr.
 */
void progress_begin(const char *what);
void progress_end(void);

void sleep_ms(unsigned int ms);

#endif
