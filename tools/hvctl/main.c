// SPDX-License-Identifier: GPL-2.0
/* hvctl: the command line. Which commands there are, and which options each of them takes. */
#include <getopt.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <cloister/info.h>
#include "device.h"
#include "hvctl.h"
#include "numbers.h"

#ifndef CLOISTER_VERSION
#define CLOISTER_VERSION "unknown"
#endif

static const struct command {
	const char *group; /* NULL: the command is one word */
	const char *name;
	const char *args;
	const char *help;
	unsigned int options;
	int min_args, max_args;
	command_fn *run;
} commands[] = {
	{ "hardware", "check", "", "Can Cloister run on this machine? Name what is missing.",
	  OPT_JSON, 0, 0, cmd_hardware_check },
	{ NULL, "enable", "ROOT.cell", "Hand the machine over; Linux goes on as the root cell.",
	  OPT_DRY_RUN | OPT_NO_CHECK | OPT_AUDIT, 1, 1, cmd_enable },
	{ NULL, "disable", "", "Give the machine back. All cells must have been destroyed.", 0, 0,
	  0, cmd_disable },
	{ NULL, "status", "", "Versions, features in use, memory, the last refusal.", OPT_JSON, 0,
	  0, cmd_status },
	{ "cell", "create", "FILE.cell", "Take CPUs, memory and devices from Linux for a cell.",
	  OPT_JSON | OPT_NO_CHECK, 1, 1, cmd_cell_create },
	{ "cell", "load", "CELL [IMAGE[@ADDRESS]]...",
	  "Stop the cell and copy files into its memory.", OPT_STRING, 1, 64, cmd_cell_load },
	{ "cell", "run", "FILE.cell [IMAGE[@ADDRESS]]...",
	  "Create a cell, load files into it and start it.",
	  OPT_STRING | OPT_NO_CHECK | OPT_SUPERVISE | OPT_TIMEOUT, 1, 64, cmd_cell_run },
	{ "cell", "linux", "FILE.cell KERNEL",
	  "Create a cell and start a Linux kernel, as distributions have it, in it.",
	  OPT_INITRD | OPT_CMDLINE | OPT_DTB | OPT_SUPERVISE | OPT_TIMEOUT, 2, 2, cmd_cell_linux },
	{ "cell", "start", "CELL", "Start it at its entry.", 0, 1, 1, cmd_cell_start },
	{ "cell", "shutdown", "CELL", "Ask the cell to finish, and wait until it has.", OPT_TIMEOUT,
	  1, 1, cmd_cell_shutdown },
	{ "cell", "destroy", "CELL", "Stop it and give all it has back to Linux.", 0, 1, 1,
	  cmd_cell_destroy },
	{ "cell", "list", "", "All cells with state, CPUs and memory.", OPT_JSON, 0, 0,
	  cmd_cell_list },
	{ "cell", "check", "FILE.cell [OTHER.cell]...",
	  "Check configs, alone and against each other, without any driver.", OPT_JSON | OPT_ROOT,
	  1, 64, cmd_cell_check },
	{ NULL, "verify", "",
	  "Who can reach what, read from the tables in use; fails if anything has two owners.",
	  OPT_JSON, 0, 0, cmd_verify },
	{ NULL, "lock", "", "Let nobody change any cell until the machine is reset.", 0, 0, 0,
	  cmd_lock },
	{ NULL, "audit", "", "What root did beyond its config, as lines for the config.", OPT_JSON,
	  0, 0, cmd_audit },
	{ NULL, "stats", "[CELL]", "Exits to the hypervisor, for each CPU and reason.",
	  OPT_JSON | OPT_WATCH, 0, 1, cmd_stats },
	{ NULL, "console", "[CELL]", "The cell's virtual UART; Ctrl-] leaves it.",
	  OPT_FOLLOW | OPT_INPUT, 0, 1, cmd_console },
	{ NULL, "log", "", "What the hypervisor has to say.", OPT_JSON | OPT_FOLLOW | OPT_SEVERITY,
	  0, 0, cmd_log },
	{ NULL, "events", "", "What happened to cells, as JSON, a line each.", OPT_FOLLOW, 0, 0,
	  cmd_events },
	{ "config", "root", "[-- OPTIONS]",
	  "Write a root config for this machine, as C source, to standard output.", 0, 0, 64,
	  cmd_config_root },
};

#define COMMAND_COUNT (sizeof(commands) / sizeof(commands[0]))

enum { ARG_DEVICE = 0x10000, ARG_HELP, ARG_VERSION };

static const struct {
	struct option option;
	unsigned int bit; /* OPT_*, 0: every command takes it */
	const char *help;
} options[] = {
	{ { "json", no_argument, NULL, OPT_JSON }, OPT_JSON, "print JSON, for programs" },
	{ { "follow", no_argument, NULL, OPT_FOLLOW },
	  OPT_FOLLOW,
	  "go on with what is yet to come" },
	{ { "watch", no_argument, NULL, OPT_WATCH }, OPT_WATCH, "print again each second" },
	{ { "dry-run", no_argument, NULL, OPT_DRY_RUN },
	  OPT_DRY_RUN,
	  "check all that can be checked, change nothing" },
	{ { "audit", no_argument, NULL, OPT_AUDIT },
	  OPT_AUDIT,
	  "allow and record what root does beyond its config" },
	{ { "no-check", no_argument, NULL, OPT_NO_CHECK },
	  OPT_NO_CHECK,
	  "leave checking the config to driver and hypervisor" },
	{ { "supervise", no_argument, NULL, OPT_SUPERVISE },
	  OPT_SUPERVISE,
	  "stay; restart the cell as its config says, shut it down at SIGTERM" },
	{ { "input", no_argument, NULL, OPT_INPUT },
	  OPT_INPUT,
	  "send standard input to the cell, up to its end" },
	{ { "string", required_argument, NULL, 's' },
	  OPT_STRING,
	  "(or -s) the inmate's command line" },
	{ { "initrd", required_argument, NULL, 'i' },
	  OPT_INITRD,
	  "(or -i) initial RAM file system of the kernel" },
	{ { "cmdline", required_argument, NULL, 'c' },
	  OPT_CMDLINE,
	  "(or -c) the kernel's command line" },
	{ { "dtb", required_argument, NULL, OPT_DTB }, OPT_DTB, "arm64: device tree to start from" },
	{ { "root", required_argument, NULL, OPT_ROOT },
	  OPT_ROOT,
	  "check against this root config as well" },
	{ { "severity", required_argument, NULL, OPT_SEVERITY },
	  OPT_SEVERITY,
	  "error, warning, info or debug: this and what is worse" },
	{ { "timeout", required_argument, NULL, OPT_TIMEOUT },
	  OPT_TIMEOUT,
	  "milliseconds to wait for the cell (1000)" },
	{ { "device", required_argument, NULL, ARG_DEVICE },
	  0,
	  "the driver's device (" DEVICE_PATH ")" },
	{ { "help", no_argument, NULL, ARG_HELP }, 0, "this text; after a command: about it" },
	{ { "version", no_argument, NULL, ARG_VERSION }, 0, "the version of hvctl" },
};

#define OPTION_COUNT (sizeof(options) / sizeof(options[0]))

int fail(int code, const char *format, ...)
{
	va_list args;

	fputs("hvctl: ", stderr);
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fputc('\n', stderr);
	return code;
}

void sleep_ms(unsigned int ms)
{
	struct timespec t = { ms / 1000, ms % 1000 * 1000000L };

	nanosleep(&t, NULL);
}

/*
 * A thread and no timer signal: a signal could interrupt a request in the middle, and most of them
 * cannot simply be made again.
 */
static struct {
	pthread_mutex_t lock;
	pthread_cond_t stop;
	pthread_t thread;
	const char *what;
	bool running;
} progress = { .lock = PTHREAD_MUTEX_INITIALIZER, .stop = PTHREAD_COND_INITIALIZER };

static void *progress_main(void *unused)
{
	bool tty = isatty(STDERR_FILENO);
	unsigned int seconds = 0;
	struct timespec until;

	(void)unused;
	clock_gettime(CLOCK_REALTIME, &until);
	pthread_mutex_lock(&progress.lock);
	while (progress.running) {
		until.tv_sec++;
		while (progress.running &&
		       !pthread_cond_timedwait(&progress.stop, &progress.lock, &until))
			;
		if (!progress.running)
			break;
		seconds++;
		if (tty || seconds == 1)
			fprintf(stderr, tty ? "\rhvctl: %s, %u s ..." : "hvctl: %s ...\n",
				progress.what, seconds);
	}
	if (tty && seconds)
		fputs("\r\033[K", stderr);
	pthread_mutex_unlock(&progress.lock);
	return NULL;
}

void progress_begin(const char *what)
{
	progress.what = what;
	progress.running = true;
	if (pthread_create(&progress.thread, NULL, progress_main, NULL))
		progress.running = false;
}

void progress_end(void)
{
	pthread_mutex_lock(&progress.lock);
	if (!progress.running) {
		pthread_mutex_unlock(&progress.lock);
		return;
	}
	progress.running = false;
	pthread_cond_signal(&progress.stop);
	pthread_mutex_unlock(&progress.lock);
	pthread_join(progress.thread, NULL);
}

static void print_usage(FILE *out, const struct command *c)
{
	fprintf(out, "  hvctl %s%s%s%s%s\n", c->group ? c->group : "", c->group ? " " : "", c->name,
		c->args[0] ? " " : "", c->args);
}

static void print_options(FILE *out, unsigned int bits, bool common)
{
	size_t i;

	for (i = 0; i < OPTION_COUNT; i++) {
		const struct option *o = &options[i].option;
		char name[32];

		if (options[i].bit ? !(bits & options[i].bit) : !common)
			continue;
		snprintf(name, sizeof(name), "--%s%s", o->name, o->has_arg ? "=..." : "");
		fprintf(out, "  %-16s %s\n", name, options[i].help);
	}
}

static int print_help(const char *group, const char *name)
{
	size_t i;

	for (i = 0; i < COMMAND_COUNT; i++) {
		const struct command *c = &commands[i];

		if (group && strcmp(group, c->group ? c->group : c->name))
			continue;
		if (name && c->group && strcmp(name, c->name))
			continue;
		print_usage(stdout, c);
		printf("        %s\n", c->help);
		if (group)
			print_options(stdout, c->options, false);
	}
	if (!group) {
		printf("\nOptions, where they make sense:\n");
		print_options(stdout, ~0U, true);
		printf("\nNumbers may be decimal or 0x..., with K, M or G behind. A CELL is a name or "
		       "an id.\nExit codes: 0 done, 1 refused or failed, 2 wrong usage, 3 driver "
		       "not loaded or Cloister\nnot enabled. Details: man 8 hvctl\n");
	}
	return EXIT_OK;
}

static int parse_severity(const char *text)
{
	static const char *const names[] = { "error", "warning", "info", "debug" };
	int i;

	for (i = 0; i < 4; i++)
		if (!strcmp(text, names[i]) || (text[0] == '0' + i && !text[1]))
			return i;
	return -1;
}

/* EXIT_OK, an exit code, or -1 for --help. */
static int parse_options(int argc, char **argv, struct options *o)
{
	struct option longopts[OPTION_COUNT + 1] = { 0 };
	bool help = false;
	uint64_t number;
	size_t i;
	int opt;

	for (i = 0; i < OPTION_COUNT; i++)
		longopts[i] = options[i].option;
	while ((opt = getopt_long(argc, argv, "s:i:c:h", longopts, NULL)) != -1) {
		switch (opt) {
		case 's':
			o->given |= OPT_STRING;
			o->string = optarg;
			break;
		case 'i':
			o->given |= OPT_INITRD;
			o->initrd = optarg;
			break;
		case 'c':
			o->given |= OPT_CMDLINE;
			o->cmdline = optarg;
			break;
		case OPT_DTB:
			o->given |= OPT_DTB;
			o->dtb = optarg;
			break;
		case OPT_ROOT:
			o->given |= OPT_ROOT;
			o->root = optarg;
			break;
		case OPT_SEVERITY:
			o->given |= OPT_SEVERITY;
			o->severity = parse_severity(optarg);
			if (o->severity < 0)
				return fail(EXIT_USAGE,
					    "--severity is '%s', expected error, "
					    "warning, info or debug",
					    optarg);
			break;
		case OPT_TIMEOUT:
			o->given |= OPT_TIMEOUT;
			if (!parse_number(optarg, &number) || !number || number > 3600000)
				return fail(EXIT_USAGE,
					    "--timeout is '%s', expected 1 to 3600000 "
					    "milliseconds",
					    optarg);
			o->timeout_ms = number;
			break;
		case ARG_DEVICE:
			o->device = optarg;
			break;
		case ARG_HELP:
		case 'h':
			help = true;
			break;
		case ARG_VERSION:
			printf("hvctl %s, ABI version %d\n", CLOISTER_VERSION, CL_ABI_VERSION);
			exit(EXIT_OK);
		case '?':
			return EXIT_USAGE;
		default:
			o->given |= opt;
			break;
		}
	}
	return help ? -1 : EXIT_OK;
}

static const struct command *find_command(const char *first, const char *second)
{
	size_t i;

	for (i = 0; i < COMMAND_COUNT; i++) {
		const struct command *c = &commands[i];

		if (!c->group && !strcmp(first, c->name))
			return c;
		if (c->group && !strcmp(first, c->group) && second && !strcmp(second, c->name))
			return c;
	}
	return NULL;
}

static int check_usage(const struct command *c, const struct options *o, int argc)
{
	unsigned int foreign = o->given & ~c->options;
	size_t i;

	for (i = 0; i < OPTION_COUNT; i++)
		if (foreign & options[i].bit)
			return fail(EXIT_USAGE, "%s does not take --%s; see hvctl %s%s%s --help",
				    c->name, options[i].option.name, c->group ? c->group : "",
				    c->group ? " " : "", c->name);
	if (argc >= c->min_args && argc <= c->max_args)
		return EXIT_OK;
	fail(EXIT_USAGE, "%s: %s, expected:", c->name,
	     argc < c->min_args ? "something is missing" : "too many arguments");
	print_usage(stderr, c);
	return EXIT_USAGE;
}

int main(int argc, char **argv)
{
	struct options o = { .device = DEVICE_PATH, .severity = CL_LOG_DEBUG };
	const struct command *c;
	int code, skip;

	code = parse_options(argc, argv, &o);
	if (code > 0)
		return code;
	argc -= optind;
	argv += optind;
	if (code < 0)
		return print_help(argc > 0 ? argv[0] : NULL, argc > 1 ? argv[1] : NULL);
	if (!argc)
		return fail(EXIT_USAGE, "what is to be done? See hvctl --help");
	c = find_command(argv[0], argc > 1 ? argv[1] : NULL);
	if (!c)
		return fail(EXIT_USAGE, "there is no command '%s%s%s'; see hvctl --help", argv[0],
			    argc > 1 ? " " : "", argc > 1 ? argv[1] : "");
	skip = c->group ? 2 : 1;
	code = check_usage(c, &o, argc - skip);
	if (!code)
		code = c->run(&o, argc - skip, argv + skip);
	/* a full disk or a closed pipe must not look like success */
	if (fflush(stdout) && !code)
		code = fail(EXIT_REFUSED, "standard output: %m");
	return code;
}
