// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0
/* What the compiler calls by itself. */
#include <stddef.h>

void *memset(void *to, int value, size_t size);
void *memcpy(void *to, const void *from, size_t size);

void *memset(void *to, int value, size_t size)
{
	char *at = to;

	while (size--)
		*at++ = value;
	return to;
}

void *memcpy(void *to, const void *from, size_t size)
{
	const char *source = from;
	char *at = to;

	while (size--)
		*at++ = *source++;
	return to;
}
