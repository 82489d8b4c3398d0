// SPDX-License-Identifier: GPL-2.0
#include "restart.h"

unsigned int restart_limit(const struct cl_config *config)
{
	return config->restart_limit ? config->restart_limit : CL_RESTART_LIMIT;
}

unsigned int restart_seconds(const struct cl_config *config)
{
	return config->restart_seconds ? config->restart_seconds : CL_RESTART_SECONDS;
}

static bool wanted(const struct cl_config *config, uint32_t state)
{
	switch (state) {
	case CL_STATE_FAILED:
		return config->restart & CL_RESTART_ON_FAILURE;
	case CL_STATE_RESET:
		return config->restart & CL_RESTART_ON_REBOOT;
	default:
		return false;
	}
}

enum restart restart_decide(struct restarts *r, const struct cl_config *config, uint32_t state,
			    uint64_t now)
{
	unsigned int limit = restart_limit(config);

	if (!wanted(config, state))
		return RESTART_NEVER;
	if (r->count >= limit &&
	    now - r->times[(r->count - limit) % UINT8_MAX] < restart_seconds(config) * 1000ULL)
		return RESTART_TOO_MANY;
	r->times[r->count++ % UINT8_MAX] = now;
	return RESTART_NOW;
}
