/* SPDX-License-Identifier: GPL-2.0 */
#ifndef HVCTL_NUMBERS_H
#define HVCTL_NUMBERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A number as people write it: 4096, 0x1000, 4K, 2M, 1G. False if it is none or too large. */
bool parse_number(const char *text, uint64_t *value);

/*
 * Split IMAGE@ADDRESS in place. Without an address, *address is left alone; a file name may
 * contain an '@' as long as no number follows the last one. False if the name is empty.
 */
bool split_image(char *text, uint64_t *address);

/* Bytes for people: "2 MiB", "768 KiB", "100 B". */
void format_bytes(char *buf, size_t size, uint64_t bytes);

/* CPUs of a bitmap as ranges: "0-2,5". */
void format_cpus(char *buf, size_t size, const uint64_t *bitmap, unsigned int words);

#endif
