/* SPDX-License-Identifier: GPL-2.0 */
/* What the fuzz targets share: reading the input, and ending with a message when a rule is broken. */
#ifndef FUZZ_H
#define FUZZ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* libFuzzer's interface */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerInitialize(int *argc, char ***argv);
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned int seed);
size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t max_size);

struct input {
	const uint8_t *at, *end;
};

/* The next bytes of the input as a number; zeros behind its end. */
static inline uint64_t take(struct input *in, size_t bytes)
{
	size_t left = (size_t)(in->end - in->at);
	uint64_t value = 0;

	if (bytes > left)
		bytes = left;
	memcpy(&value, in->at, bytes);
	in->at += bytes;
	return value;
}

#define require(condition, ...)                                                                   \
	do {                                                                                      \
		if (!(condition)) {                                                               \
			fprintf(stderr, "%s:%d: not true: %s: ", __FILE__, __LINE__, #condition); \
			fprintf(stderr, __VA_ARGS__);                                             \
			fprintf(stderr, "\n");                                                    \
			abort();                                                                  \
		}                                                                                 \
	} while (0)

#endif
