/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
/*
 * What the attacking inmates have in common: counting, and one line for each class of attacks that
 * tests/system/redteam.py reads:
 *
 *   attack CLASS tried=N refused=N survived=N succeeded=N
 *
 * Refused: an exception, or an answer as if nothing were there. Survived: the attempt is allowed,
 * as what it changes is the cell's own. Succeeded: the cell got what is not its own; none may.
 */
#ifndef ATTACK_H
#define ATTACK_H

#include <inmate.h>
#include <attack_arch.h>

/* So many successes are described; the others are only counted. */
#define DESCRIBED 8

static struct {
	uint64_t refused, survived, succeeded;
} tally;

static inline void refused(void)
{
	tally.refused++;
}

static inline void survived(void)
{
	tally.survived++;
}

static inline void succeeded(const char *what, uint64_t where, uint64_t value)
{
	if (tally.succeeded++ < DESCRIBED)
		printf("attack succeeded: %s 0x%llx (value 0x%llx)\n", what,
		       (unsigned long long)where, (unsigned long long)value);
}

/* For attempts whose outcome is one of two. */
static inline void expect_refused(bool was_refused, const char *what, uint64_t where,
				  uint64_t value)
{
	if (was_refused)
		refused();
	else
		succeeded(what, where, value);
}

static inline void report(const char *class)
{
	printf("attack %s tried=%llu refused=%llu survived=%llu succeeded=%llu\n", class,
	       (unsigned long long)(tally.refused + tally.survived + tally.succeeded),
	       (unsigned long long)tally.refused, (unsigned long long)tally.survived,
	       (unsigned long long)tally.succeeded);
	tally.refused = tally.survived = tally.succeeded = 0;
}

/* Repeatable random numbers (xorshift): seed=N on the command line; it is printed. */
static uint64_t random_state;

static inline void random_seed(void)
{
	random_state = cmdline_number("seed", 0x2545f4914f6cdd1d);
	printf("seed 0x%llx\n", (unsigned long long)random_state);
}

static inline uint64_t random64(void)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return random_state;
}

static inline bool same_text(const char *a, const char *b)
{
	for (; *a && *a == *b; a++, b++)
		;
	return *a == *b;
}

/* The classes of an inmate, and the one that the command line names by what=. */
struct attack {
	const char *class;
	void (*run)(void);
};

#define run_attack(attacks)                                                    \
	do {                                                                   \
		char what[16];                                                 \
		unsigned int n;                                                \
                                                                               \
		cmdline_string("what", what, sizeof(what));                    \
		for (n = 0; n < sizeof(attacks) / sizeof((attacks)[0]); n++) { \
			if (!same_text(what, (attacks)[n].class))              \
				continue;                                      \
			(attacks)[n].run();                                    \
			report(what);                                          \
		}                                                              \
	} while (0)

#endif
