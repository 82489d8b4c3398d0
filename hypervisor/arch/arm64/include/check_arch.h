/* SPDX-License-Identifier: GPL-2.0 */
/* Configs of this architecture only: see check_parts.h. */
#ifndef CHECK_ARCH_H
#define CHECK_ARCH_H

#include <check_parts.h>

#define arch_check(step, ...) arm64_check_##step(__VA_ARGS__)

#endif
