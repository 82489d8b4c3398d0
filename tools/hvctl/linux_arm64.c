// SPDX-License-Identifier: GPL-2.0
#include "linux.h"

int linux_layout(struct linux_guest *g)
{
	return fail(EXIT_REFUSED, "%s: not built yet", g->kernel_path);
}
