/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
/* Fixed-width types, bool and offsetof for every user of the ABI: hypervisor, kernel, user space,
 * inmates. */
#ifndef CLOISTER_TYPES_H
#define CLOISTER_TYPES_H

#ifdef __KERNEL__
#include <linux/types.h>
#else
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#endif

#define CL_ABI_VERSION 1
#define CL_NAME_LEN    32 /* cell names, with the terminating NUL */

enum cl_arch { CL_ARCH_X86_64 = 1, CL_ARCH_ARM64 = 2, CL_ARCH_RISCV64 = 3 };

#endif
