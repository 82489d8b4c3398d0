/* SPDX-License-Identifier: GPL-2.0 */
/* Configs for this kernel only: see hypervisor/include/check_parts.h. */
#ifndef CHECK_ARCH_H
#define CHECK_ARCH_H

#include <check_parts.h>

#ifdef CONFIG_ARM64
#define arch_check(step, ...) arm64_check_##step(__VA_ARGS__)
#else
#define arch_check(step, ...) x86_check_##step(__VA_ARGS__)
#endif

#endif
