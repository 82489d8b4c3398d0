/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
/*
 * The sentence that a person reads about a struct cl_finding, the same in hvctl and in the kernel
 * log:
 *
 *   cell 'rtvm': memory region 3: phys is 0x1001, expected a multiple of 0x1000
 *
 * finding.rule is what follows "expected"; the first '@' in it is replaced by finding.expected.
 */
#ifndef CLOISTER_FINDING_FORMAT_H
#define CLOISTER_FINDING_FORMAT_H

#include <cloister/check.h>
#ifdef __KERNEL__
#include <linux/kernel.h>
#include <linux/string.h>
#else
#include <stdio.h>
#include <string.h>
#endif

/* Counts, ids and flags are easier to read in decimal, addresses in hexadecimal. */
static inline void cl_finding_number(char *buf, size_t size, uint64_t value)
{
	if (value == CL_AUTO)
		snprintf(buf, size, "CL_AUTO");
	else
		snprintf(buf, size, value < 256 ? "%llu" : "0x%llx", (unsigned long long)value);
}

/*
 * Write the sentence, NUL-terminated and cut to fit, into buf. The texts of the finding need not be
 * terminated: it may have been copied from memory that somebody else writes to. Returns what
 * snprintf() returns: the length of the whole sentence.
 */
static inline int cl_finding_format(char *buf, size_t size, const struct cl_finding *f)
{
	int rule_len = (int)strnlen(f->rule, sizeof(f->rule));
	const char *at = memchr(f->rule, '@', rule_len);
	int before = at ? (int)(at - f->rule) : rule_len;
	char found[24], expected[24] = "", index[16] = "";

	cl_finding_number(found, sizeof(found), f->found);
	if (at)
		cl_finding_number(expected, sizeof(expected), f->expected);
	/* a config has one header and one platform: no number there */
	if (strncmp(f->object, "config", sizeof(f->object)) &&
	    strncmp(f->object, "platform", sizeof(f->object)))
		snprintf(index, sizeof(index), " %u", f->index);

	return snprintf(buf, size, "%s%.*s%s%.*s%s: %.*s is %s, expected %.*s%s%.*s%s%.*s%s",
			f->cell[0] ? "cell '" : "", (int)sizeof(f->cell), f->cell,
			f->cell[0] ? "': " : "", (int)sizeof(f->object), f->object, index,
			(int)sizeof(f->field), f->field, found, before, f->rule, expected,
			at ? rule_len - before - 1 : 0, at ? at + 1 : "",
			f->other[0] ? "; it is in conflict with cell '" : "", (int)sizeof(f->other),
			f->other, f->other[0] ? "'" : "");
}

#endif
