// SPDX-License-Identifier: GPL-2.0
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "numbers.h"

bool parse_number(const char *text, uint64_t *value)
{
	static const char suffixes[] = "KMG";
	unsigned long long number;
	unsigned int shift = 0;
	const char *suffix;
	char *end;

	/* strtoull() would take a sign and leading blanks */
	if (!isdigit((unsigned char)text[0]))
		return false;
	errno = 0;
	number = strtoull(text, &end, 0);
	if (errno)
		return false;
	if (*end) {
		suffix = strchr(suffixes, toupper((unsigned char)*end));
		if (!suffix || end[1])
			return false;
		shift = 10 * (suffix - suffixes + 1);
	}
	if (number > UINT64_MAX >> shift)
		return false;
	*value = number << shift;
	return true;
}

bool split_image(char *text, uint64_t *address)
{
	char *at = strrchr(text, '@');

	if (at && parse_number(at + 1, address))
		*at = '\0';
	return *text;
}

void format_bytes(char *buf, size_t size, uint64_t bytes)
{
	static const char *const units[] = { "B", "KiB", "MiB", "GiB" };
	unsigned int unit = 0;

	/* a larger unit only where nothing is lost */
	while (bytes && bytes % 1024 == 0 && unit < 3) {
		bytes /= 1024;
		unit++;
	}
	snprintf(buf, size, "%llu %s", (unsigned long long)bytes, units[unit]);
}

static bool has_bit(const uint64_t *bitmap, unsigned int bit)
{
	return bitmap[bit / 64] >> bit % 64 & 1;
}

void format_cpus(char *buf, size_t size, const uint64_t *bitmap, unsigned int words)
{
	unsigned int bits = words * 64;
	unsigned int first, last;
	size_t used = 0;

	buf[0] = '\0';
	for (first = 0; first < bits && used < size; first = last + 1) {
		last = first;
		if (!has_bit(bitmap, first))
			continue;
		while (last + 1 < bits && has_bit(bitmap, last + 1))
			last++;
		used += snprintf(buf + used, size - used, first == last ? "%s%u" : "%s%u-%u",
				 used ? "," : "", first, last);
	}
}
