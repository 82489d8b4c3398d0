// SPDX-License-Identifier: GPL-2.0
#include <x86.h>

bool arch_access_registers(uint64_t address, bool write, unsigned int size, uint64_t *value)
{
	return access_registers(address, write, size, value);
}
