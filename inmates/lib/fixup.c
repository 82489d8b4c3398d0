// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0
#include "inmate.h"
#include "internal.h"

struct fixup {
	uint64_t fault, resume;
};

extern const struct fixup extable_start[], extable_end[];

uint64_t find_fixup(uint64_t address)
{
	size_t count = ((uintptr_t)extable_end - (uintptr_t)extable_start) / sizeof(struct fixup);
	size_t i;

	for (i = 0; i < count; i++)
		if (extable_start[i].fault == address)
			return extable_start[i].resume;
	return 0;
}
