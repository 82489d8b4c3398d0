// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0
#include <stdarg.h>
#include "inmate.h"
#include "internal.h"

struct sink {
	char *buf; /* NULL: the console */
	size_t size;
	int count;
};

static void put(struct sink *s, char c)
{
	if (!s->buf)
		console_putc(c);
	else if ((size_t)s->count + 1 < s->size)
		s->buf[s->count] = c;
	s->count++;
}

struct spec {
	bool left, zero, is_signed;
	unsigned int width;
	unsigned int longs; /* how many 'l' */
	unsigned int base;
	char alpha; /* 'a' or 'A': the digit for ten */
};

static void put_padded(struct sink *s, const struct spec *spec, const char *text, unsigned int len)
{
	unsigned int pad = spec->width > len ? spec->width - len : 0;

	if (!spec->left)
		for (; pad; pad--)
			put(s, ' ');
	while (len--)
		put(s, *text++);
	for (; pad; pad--)
		put(s, ' ');
}

static void put_number(struct sink *s, const struct spec *spec, uint64_t value)
{
	bool negative = spec->is_signed && (int64_t)value < 0;
	char digits[40];
	unsigned int at = sizeof(digits);
	unsigned int width = spec->width < 32 ? spec->width : 32;

	if (negative)
		value = -value;
	do {
		unsigned int digit = divide(&value, spec->base);

		digits[--at] = digit < 10 ? '0' + digit : spec->alpha + digit - 10;
	} while (value);
	if (spec->zero && !spec->left)
		while (sizeof(digits) - at + negative < width)
			digits[--at] = '0';
	if (negative)
		digits[--at] = '-';
	put_padded(s, spec, digits + at, sizeof(digits) - at);
}

static uint64_t number_argument(const struct spec *spec, va_list *args)
{
	if (spec->longs >= 2)
		return va_arg(*args, unsigned long long);
	if (spec->longs)
		return spec->is_signed ? (uint64_t)va_arg(*args, long)
				       : va_arg(*args, unsigned long);
	return spec->is_signed ? (uint64_t)va_arg(*args, int) : va_arg(*args, unsigned int);
}

/* Returns what follows the conversion. */
static const char *convert(struct sink *s, const char *p, va_list *args)
{
	struct spec spec = { .base = 10, .alpha = 'a' };
	const char *text;
	unsigned int len;
	char c;

	for (;; p++) {
		if (*p == '-')
			spec.left = true;
		else if (*p == '0')
			spec.zero = true;
		else
			break;
	}
	for (; *p >= '0' && *p <= '9'; p++)
		spec.width = spec.width * 10 + *p - '0';
	for (; *p == 'l' || *p == 'z'; p++)
		spec.longs++;

	switch (*p) {
	case 'c':
		c = va_arg(*args, int);
		put_padded(s, &spec, &c, 1);
		break;
	case 's':
		text = va_arg(*args, const char *);
		if (!text)
			text = "(null)";
		for (len = 0; text[len]; len++)
			;
		put_padded(s, &spec, text, len);
		break;
	case 'd':
	case 'i':
		spec.is_signed = true;
		put_number(s, &spec, number_argument(&spec, args));
		break;
	case 'u':
		put_number(s, &spec, number_argument(&spec, args));
		break;
	case 'p':
		spec.longs = 1;
		put(s, '0');
		put(s, 'x');
		spec.base = 16;
		put_number(s, &spec, number_argument(&spec, args));
		break;
	case 'X':
		spec.alpha = 'A';
		/* fallthrough */
	case 'x':
		spec.base = 16;
		put_number(s, &spec, number_argument(&spec, args));
		break;
	case '\0':
		return p;
	default:
		put(s, *p);
		break;
	}
	return p + 1;
}

static void format_all(struct sink *s, const char *format, va_list *args)
{
	while (*format) {
		if (*format == '%') {
			format = convert(s, format + 1, args);
			continue;
		}
		if (!s->buf && *format == '\n')
			put(s, '\r');
		put(s, *format++);
	}
}

int snprintf(char *buf, size_t size, const char *format, ...)
{
	struct sink s = { .buf = buf, .size = size };
	va_list args;

	va_start(args, format);
	format_all(&s, format, &args);
	va_end(args);
	if (size)
		buf[(size_t)s.count < size ? (size_t)s.count : size - 1] = '\0';
	return s.count;
}

/*
 * The lock holds the number of the CPU that prints, plus one. An interrupt handler that prints must
 * not wait for the code that it interrupted, and interrupts are not kept off for as long as the
 * console takes: its output goes into the middle of the other.
 */
int printf(const char *format, ...)
{
	static uint32_t lock;
	uint32_t me = this_cpu() + 1;
	bool nested = __atomic_load_n(&lock, __ATOMIC_RELAXED) == me;
	struct sink s = { 0 };
	va_list args;
	uint32_t none;

	while (!nested) {
		none = 0;
		if (__atomic_compare_exchange_n(&lock, &none, me, false, __ATOMIC_ACQUIRE,
						__ATOMIC_RELAXED))
			break;
		cpu_relax();
	}
	va_start(args, format);
	format_all(&s, format, &args);
	va_end(args);
	if (!nested)
		__atomic_store_n(&lock, 0, __ATOMIC_RELEASE);
	return s.count;
}
