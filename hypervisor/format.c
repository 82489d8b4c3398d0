// SPDX-License-Identifier: GPL-2.0
#include <hv.h>

struct out {
	char *buf;
	size_t size;
	size_t length;
};

static void put(struct out *out, char c)
{
	if (out->length + 1 < out->size)
		out->buf[out->length++] = c;
}

static void put_number(struct out *out, bool minus, uint64_t value, unsigned int base, int width,
		       char pad)
{
	char digits[20];
	int n = 0;

	do {
		digits[n++] = "0123456789abcdef"[value % base];
		value /= base;
	} while (value);
	if (minus && pad == '0')
		put(out, '-');
	for (; width > n + minus; width--)
		put(out, pad);
	if (minus && pad != '0')
		put(out, '-');
	while (n)
		put(out, digits[--n]);
}

int vformat(char *buf, size_t size, const char *fmt, va_list args)
{
	struct out out = { buf, size, 0 };

	for (; *fmt; fmt++) {
		bool is_long = false;
		int width = 0;
		char pad = ' ';
		uint64_t value;

		if (*fmt != '%') {
			put(&out, *fmt);
			continue;
		}
		fmt++;
		if (*fmt == '0')
			pad = '0';
		for (; *fmt >= '0' && *fmt <= '9'; fmt++)
			width = width * 10 + *fmt - '0';
		for (; *fmt == 'l'; fmt++)
			is_long = true;

		switch (*fmt) {
		case 's':
			for (const char *s = va_arg(args, const char *); *s; s++)
				put(&out, *s);
			break;
		case 'c':
			put(&out, (char)va_arg(args, int));
			break;
		case 'd':
			value = is_long ? va_arg(args, uint64_t) : (uint64_t)va_arg(args, int);
			put_number(&out, (int64_t)value < 0, (int64_t)value < 0 ? -value : value,
				   10, width, pad);
			break;
		case 'u':
		case 'x':
			value = is_long ? va_arg(args, uint64_t) : va_arg(args, unsigned int);
			put_number(&out, false, value, *fmt == 'x' ? 16 : 10, width, pad);
			break;
		case '\0':
			fmt--; /* a lone % at the end */
			break;
		default:
			put(&out, *fmt);
		}
	}
	if (size)
		buf[out.length] = '\0';
	return (int)out.length;
}

int format(char *buf, size_t size, const char *fmt, ...)
{
	va_list args;
	int length;

	va_start(args, fmt);
	length = vformat(buf, size, fmt, args);
	va_end(args);
	return length;
}
