// SPDX-License-Identifier: GPL-2.0
/* hvctl config root: handed to a program in Python, which is found beside this one. */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "hvctl.h"

#define HELPER "/../libexec/cloister/config-root" /* from the directory of hvctl */

int cmd_config_root(const struct options *o, int argc, char **argv)
{
	char path[PATH_MAX + sizeof(HELPER)];
	char **args = calloc(argc + 2, sizeof(*args));
	ssize_t length = readlink("/proc/self/exe", path, PATH_MAX);
	char *slash;

	(void)o;
	if (length < 0 || !args)
		return fail(EXIT_REFUSED, "/proc/self/exe: %s", strerror(errno));
	path[length] = '\0';
	slash = strrchr(path, '/');
	strcpy(slash ? slash : path, HELPER);
	args[0] = path;
	memcpy(args + 1, argv, argc * sizeof(*args));
	execv(path, args);
	return fail(EXIT_REFUSED, "%s: %s: install hvctl with its helpers (make install)", path,
		    strerror(errno));
}
