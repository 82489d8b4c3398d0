// SPDX-License-Identifier: GPL-2.0
/* --supervise: a service manager's view of a cell. */
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include "restart.h"
#include "supervise.h"

#define POLL_MS 100

static volatile sig_atomic_t stop;

static void on_signal(int number)
{
	(void)number;
	stop = 1;
}

static void catch_signals(void)
{
	struct sigaction action = { .sa_handler = on_signal };

	sigaction(SIGTERM, &action, NULL);
	sigaction(SIGINT, &action, NULL);
	sigaction(SIGHUP, &action, NULL);
}

static uint64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000ULL + t.tv_nsec / 1000000;
}

/* A state in which nothing more happens by itself; CL_STATE_UNUSED: the cell is gone. */
static int wait_end(struct loader *l, uint32_t generation, uint32_t *state)
{
	struct cl_cell_info cell;
	int err;

	for (;;) {
		err = region_refresh(&l->r);
		if (err)
			return fail(EXIT_REFUSED, "cannot read the cell's state: %s",
				    strerror(-err));
		if (!l->r.info.enabled || !region_cell(&l->r, l->id, &cell) ||
		    cell.generation != generation || cell.state == CL_STATE_DESTROYING)
			cell.state = CL_STATE_UNUSED;
		*state = cell.state;
		if (stop || cell.state != CL_STATE_RUNNING)
			return EXIT_OK;
		sleep_ms(POLL_MS);
	}
}

static int shut_down(const struct options *o, struct loader *l)
{
	struct cl_ioc_cell request = { .size = sizeof(request),
				       .id = l->id,
				       .timeout_ms = o->timeout_ms };
	int code = device_request(l->r.fd, CL_IOC_CELL_SHUTDOWN, &request, request.message,
				  "shut the cell down");

	if (code)
		return code;
	if (request.message[0])
		printf("%.*s\n", CL_MESSAGE_LEN, request.message);
	return cell_destroy(l);
}

/* The images once more, so that the log and the cell's state say that it is not to run. */
static int give_up(struct loader *l, const struct cl_config *config, const struct piece *pieces,
		   unsigned int count)
{
	cell_load_all(l, pieces, count);
	return fail(EXIT_REFUSED,
		    "cell '%s' has ended more than %u times in %u s (restart_limit, "
		    "restart_seconds): it stays stopped; see hvctl log",
		    config->name, restart_limit(config), restart_seconds(config));
}

/* A cell that is started; when it has ended, its restart. -1: it runs again. */
static int after_end(struct loader *l, const struct cl_config *config, const struct piece *pieces,
		     unsigned int count, struct restarts *restarts, uint32_t state)
{
	const char *what = state == CL_STATE_FAILED ? "has failed" : "asks for a restart";
	int code;

	switch (state) {
	case CL_STATE_SHUT_DOWN:
		printf("cell '%s' has shut down\n", config->name);
		return cell_destroy(l);
	case CL_STATE_UNUSED:
	case CL_STATE_STOPPED:
		return fail(EXIT_REFUSED, "cell '%s' was %s by somebody else", config->name,
			    state == CL_STATE_UNUSED ? "destroyed" : "stopped");
	}
	switch (restart_decide(restarts, config, state, now_ms())) {
	case RESTART_NEVER:
		return fail(EXIT_REFUSED,
			    "cell '%s' %s, and its config does not want a restart then; see "
			    "hvctl log",
			    config->name, what);
	case RESTART_TOO_MANY:
		return give_up(l, config, pieces, count);
	case RESTART_NOW:
		break;
	}
	code = cell_load_all(l, pieces, count);
	if (!code)
		code = cell_start(l);
	if (code)
		return code;
	printf("cell '%s' %s: restart %u\n", config->name, what, restarts->count);
	return -1;
}

int supervise(const struct options *o, struct loader *l, const struct cl_config *config,
	      const struct piece *pieces, unsigned int count)
{
	struct restarts restarts = { 0 };
	uint32_t state = CL_STATE_UNUSED;
	struct cl_cell_info cell;
	int code;

	catch_signals();
	if (region_refresh(&l->r) || !region_cell(&l->r, l->id, &cell))
		return fail(EXIT_REFUSED, "cell '%s' is not there any more", config->name);
	do {
		fflush(stdout);
		code = wait_end(l, cell.generation, &state);
		if (code)
			return code;
		if (stop && state != CL_STATE_UNUSED)
			return shut_down(o, l);
		code = after_end(l, config, pieces, count, &restarts, state);
	} while (code < 0);
	return code;
}
