/* SPDX-License-Identifier: GPL-2.0 */
/* Configs of all architectures, on any: see hypervisor/include/check_parts.h. */
#ifndef CHECK_ARCH_H
#define CHECK_ARCH_H

#include <check_parts.h>

#define arch_check(step, c, ...)                                                   \
	((c)->config->arch == CL_ARCH_ARM64 ? arm64_check_##step(c, ##__VA_ARGS__) \
					    : x86_check_##step(c, ##__VA_ARGS__))

#endif
