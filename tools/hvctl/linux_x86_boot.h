/* SPDX-License-Identifier: GPL-2.0 */
/* What is behind the config's entry, as offsets from it; for C and for assembler. */
#ifndef HVCTL_LINUX_X86_BOOT_H
#define HVCTL_LINUX_X86_BOOT_H

#define BOOT_PARAMS  0x1000
#define BOOT_CMDLINE 0x2000
#define BOOT_PML4    0x3000
#define BOOT_PDPT    0x4000
#define BOOT_PD	     0x5000 /* four of them: 4 GiB, one to one */
#define BOOT_ACPI    0x9000
#define BOOT_SIZE    0xd000

/* Selectors that the 64-bit boot protocol wants. */
#define BOOT_CS 0x10
#define BOOT_DS 0x18

#endif
