/* SPDX-License-Identifier: GPL-2.0 */
#ifndef HOST_ARM64_MACHINE_H
#define HOST_ARM64_MACHINE_H

#define MACHINE_CPUS 4

void machine_map_local(void); /* this CPU's private page, where `local` points */

#endif
