// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0
#include "inmate.h"

/* The end of the word at p, or of the command line. */
static const char *word_end(const char *p, const char *end)
{
	while (p < end && *p && *p != ' ')
		p++;
	return p;
}

/* The text behind "key" in the command line ("=value", " ...", end), NULL if it is missing. */
static const char *find(const char *key)
{
	const char *p = (const char *)CL_CMDLINE_ADDRESS;
	const char *end = p + CL_CMDLINE_SIZE;
	unsigned int i;

	/* the compiler takes no address below a page for an object */
	__asm__("" : "+r"(p), "+r"(end));
	while (p < end && *p) {
		for (i = 0; key[i] && p + i < end && p[i] == key[i]; i++)
			;
		if (!key[i] && (p + i == end || !p[i] || p[i] == ' ' || p[i] == '='))
			return p + i;
		p = word_end(p, end);
		while (p < end && *p == ' ')
			p++;
	}
	return NULL;
}

bool cmdline_flag(const char *key)
{
	return find(key);
}

bool cmdline_string(const char *key, char *value, size_t size)
{
	const char *p = find(key);
	size_t used = 0;

	value[0] = '\0';
	if (!p)
		return false;
	if (*p == '=')
		for (p++; *p && *p != ' ' && used + 1 < size; p++)
			value[used++] = *p;
	value[used] = '\0';
	return true;
}

static unsigned int digit_of(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : 16;
}

static unsigned int shift_of(char c)
{
	switch (c | 0x20) {
	case 'k':
		return 10;
	case 'm':
		return 20;
	case 'g':
		return 30;
	default:
		return 0;
	}
}

uint64_t cmdline_number(const char *key, uint64_t fallback)
{
	char text[32];
	const char *p = text;
	unsigned int base = 10;
	uint64_t value = 0;

	if (!cmdline_string(key, text, sizeof(text)))
		return fallback;
	if (p[0] == '0' && (p[1] | 0x20) == 'x') {
		base = 16;
		p += 2;
	}
	if (digit_of(*p) >= base)
		return fallback;
	for (; digit_of(*p) < base; p++)
		value = value * base + digit_of(*p);
	return value << shift_of(*p);
}
