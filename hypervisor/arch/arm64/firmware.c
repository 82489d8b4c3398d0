// SPDX-License-Identifier: GPL-2.0
/* Calls to the firmware beneath (SMC, ARM DEN 0028): who may make which. */
#include <audit.h>
#include <firmware.h>

bool firmware_is_listed(const struct cl_config *config, uint32_t function)
{
	const struct cl_section *section = cl_find_section(config, CL_SEC_FIRMWARE);

	for (uint32_t i = 0; section && i < section->count; i++) {
		struct cl_firmware calls;

		cl_get_entry(section, i, &calls, sizeof(calls));
		if (function - calls.function < calls.count)
			return true;
	}
	return false;
}

/*
 * DEN 0028, "Register use in AArch64 SMC and HVC calls": arguments are in X0 to X7, from
 * version 1.2 on in X0 to X17; results are in X0 to X3, and what is above is kept, as guests are
 * told of version 1.1. The upper halves mean nothing with SMC32: they are zero.
 */
void firmware_call(uint64_t *x)
{
	uint64_t regs[FIRMWARE_REGS];
	uint32_t function = (uint32_t)x[0];

	for (unsigned int i = 0; i < FIRMWARE_REGS; i++)
		regs[i] = function & SMCCC_64 || i > 7 ? x[i] : (uint32_t)x[i];
	regs[0] = function;
	arm64_smc(regs);
	for (unsigned int i = 0; i < FIRMWARE_RESULTS; i++)
		x[i] = regs[i];
}

static enum audit_answer may_call(const struct cell *cell, uint32_t function)
{
	if (firmware_is_listed(cell->config, function))
		return AUDIT_ALLOW;
	if (cell == &root_cell)
		return audit_access(CL_AUDIT_FIRMWARE, function, CL_AUDIT_EXECUTE,
				    arch_guest_pc() - 4);
	return AUDIT_REFUSE;
}

bool firmware_forward(const struct cell *cell, uint64_t *x)
{
	uint32_t function = (uint32_t)x[0];
	enum audit_answer answer;

	if (!cl_firmware_possible(function))
		return false;
	answer = may_call(cell, function);
	if (answer == AUDIT_ALLOW)
		firmware_call(x);
	return answer == AUDIT_ALLOW || answer == AUDIT_STOPPED;
}
