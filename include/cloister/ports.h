/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
/*
 * x86: I/O ports by which a cell asks for its end, for C and for assembler; as ACPI (6.5, 4.8.3.6
 * and 4.8.3.7) has them for machines with reduced hardware. They are single bytes in the range of
 * PCI's address port, which no config can have, and the first one is where chipsets have theirs.
 */
#ifndef CLOISTER_PORTS_H
#define CLOISTER_PORTS_H

#define CL_PORT_RESET	      0xcf9
#define CL_PORT_SLEEP_CONTROL 0xcfa
#define CL_PORT_SLEEP_STATUS  0xcfb
#define CL_RESET_VALUE	      0x06 /* bit 2 counts */
#define CL_SLEEP_TYPE_OFF     5	   /* S5 */

#endif
