/* SPDX-License-Identifier: GPL-2.0 */
/* arm64's layout in a process on the host: registers and a CPU's own pages where user space can be.
 */
#include_next <layout.h>

#undef LOCAL_BASE
#define LOCAL_BASE 0x200000000000
#undef DEVICE_BASE
#define DEVICE_BASE 0x210000000000
