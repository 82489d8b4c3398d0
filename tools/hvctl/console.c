// SPDX-License-Identifier: GPL-2.0
/* hvctl console: a cell's virtual UART, for people (raw terminal) and for scripts. */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>
#include "device.h"

#define POLL_MS	   20
#define DETACH_KEY 0x1d /* Ctrl-] */

struct console {
	struct region r;
	struct cl_cell_info cell;
	struct console_reader reader;
	bool raw;	   /* keys come one by one, the detach key among them */
	bool input_ends;   /* nothing more will come from stdin */
	char pending[256]; /* typed, not yet taken by the cell's UART */
	size_t pending_size;
};

static struct termios saved_termios;

static void restore_terminal(void)
{
	tcsetattr(STDIN_FILENO, TCSAFLUSH, &saved_termios);
}

static void on_signal(int number)
{
	restore_terminal();
	signal(number, SIG_DFL);
	raise(number);
}

static bool make_raw(void)
{
	struct termios t;

	if (tcgetattr(STDIN_FILENO, &saved_termios))
		return false;
	t = saved_termios;
	cfmakeraw(&t);
	/* not every guest sends CR before LF */
	t.c_oflag |= OPOST | ONLCR;
	signal(SIGTERM, on_signal);
	signal(SIGHUP, on_signal);
	return !tcsetattr(STDIN_FILENO, TCSAFLUSH, &t);
}

/* Bytes read and shown, 0 if there was nothing, or a negative errno. */
static ssize_t show_output(struct console *c)
{
	char buf[CL_CONSOLE_SIZE];
	ssize_t got = console_read(&c->r, &c->reader, buf);

	if (c->reader.dropped) {
		printf("\n[%llu bytes were lost: the console is a ring]\n",
		       (unsigned long long)c->reader.dropped);
		c->reader.dropped = 0;
	}
	if (got > 0)
		fwrite(buf, 1, got, stdout);
	if (fflush(stdout))
		return -EPIPE;
	return got;
}

/* Wait a moment for input, or only for the time to pass. False: the detach key. */
static bool take_input(struct console *c)
{
	struct pollfd p = { .fd = STDIN_FILENO, .events = POLLIN };
	size_t room = sizeof(c->pending) - c->pending_size;
	ssize_t got;
	char *key;

	if (c->input_ends || !room) {
		sleep_ms(POLL_MS);
		return true;
	}
	if (poll(&p, 1, POLL_MS) <= 0)
		return true;
	got = read(STDIN_FILENO, c->pending + c->pending_size, room);
	if (got <= 0) {
		c->input_ends = true;
		return true;
	}
	key = c->raw ? memchr(c->pending + c->pending_size, DETACH_KEY, got) : NULL;
	if (key)
		return false;
	c->pending_size += got;
	return true;
}

/* Offer what was typed to the cell; it takes what fits into its UART. */
static int send_input(struct console *c)
{
	struct cl_ioc_console request = {
		.size = sizeof(request),
		.id = c->cell.id,
		.data = (uintptr_t)c->pending,
		.length = c->pending_size,
	};
	int code;

	if (!c->pending_size)
		return EXIT_OK;
	code = device_request(c->r.fd, CL_IOC_CONSOLE_WRITE, &request, request.message,
			      "write to the console");
	if (code)
		return code;
	c->pending_size -= request.written;
	memmove(c->pending, c->pending + request.written, c->pending_size);
	return EXIT_OK;
}

/* What the cell has written up to now, or for ever: it may write faster than this line transmits. */
static int print_only(struct console *c, bool follow)
{
	ssize_t got;

	for (;;) {
		got = show_output(c);
		if (got == -ENOENT)
			return fail(EXIT_OK, "the cell is gone");
		if (got < 0)
			return fail(EXIT_REFUSED, "the console cannot be read: %s", strerror(-got));
		if (!follow && (!got || c->reader.next >= c->cell.console_written))
			return EXIT_OK;
		if (!got)
			sleep_ms(POLL_MS);
	}
}

static int talk(struct console *c)
{
	ssize_t got;
	int code;

	for (;;) {
		got = show_output(c);
		if (got < 0)
			return fail(EXIT_REFUSED, "%s",
				    got == -ENOENT ? "the cell is gone" : strerror(-got));
		if (!take_input(c))
			return EXIT_OK;
		code = send_input(c);
		if (code)
			return code;
		/* scripts: the input has been sent; a person leaves by the detach key */
		if (c->input_ends && !c->pending_size)
			return EXIT_OK;
	}
}

int cmd_console(const struct options *o, int argc, char **argv)
{
	bool interactive = isatty(STDIN_FILENO) && isatty(STDOUT_FILENO) &&
			   !has(o, OPT_FOLLOW | OPT_INPUT);
	struct console c = { 0 };
	int code;

	code = device_cell(o, argc ? argv[0] : NULL, &c.r, &c.cell);
	if (code)
		return code;
	if (!c.cell.console_offset)
		return fail(EXIT_REFUSED,
			    "cell '%s' has no virtual UART: add CL_CELL_VUART to the "
			    "flags in its config",
			    c.cell.name);
	console_begin(&c.reader, &c.cell);
	if (!interactive && !has(o, OPT_INPUT))
		return print_only(&c, has(o, OPT_FOLLOW));
	if (!interactive)
		code = talk(&c);
	else {
		printf("console of cell '%s', Ctrl-] leaves it\n", c.cell.name);
		c.raw = make_raw();
		code = talk(&c);
		restore_terminal();
		printf("\n");
	}
	/* with --follow also what the cell answers */
	if (!code && has(o, OPT_FOLLOW))
		code = print_only(&c, true);
	return code;
}
