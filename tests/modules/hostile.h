/* SPDX-License-Identifier: GPL-2.0 */
#ifndef HOSTILE_H
#define HOSTILE_H

#include <linux/types.h>

/* What the architectures implement. */

long arch_call(u64 number, u64 a, u64 b, u64 c);

/* By an instruction that the hypervisor does not emulate; false: it raised an exception. */
bool arch_copy_from(void *buffer, const void *registers, size_t size);
bool arch_zero(void *registers);

/* One of the architecture's own attacks, see main.c; -EINVAL: there is none of that name. */
int arch_attack(const char *what, const u64 *arguments, u64 *result);

/* main.c: one access to 32 bits of physical memory; what was read or written. */
u64 access_memory(u64 address, bool write, u32 value);

#endif
