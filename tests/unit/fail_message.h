/* SPDX-License-Identifier: GPL-2.0 */
/*
 * hvctl's fail() for tests of its files: keeps what it would print. Behind <cmocka.h>, which has a
 * macro of that name.
 */
#ifndef FAIL_MESSAGE_H
#define FAIL_MESSAGE_H

#include <stdarg.h>
#include <stdio.h>

#undef fail

int fail(int code, const char *format, ...) __attribute__((format(printf, 2, 3)));

static char message[1024]; /* the last one */

int fail(int code, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(message, sizeof(message), format, args);
	va_end(args);
	return code;
}

#endif
