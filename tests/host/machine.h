/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A small machine for hypervisor code that runs in a process on the host: physical memory, one
 * CPU's own pages with the windows in it, PCI configuration space by ports and by ECAM. The code
 * under test maps a page into a window by a page table entry and INVLPG, as on a real machine.
 */
#ifndef HOST_MACHINE_H
#define HOST_MACHINE_H

#include <x86.h>

#define MACHINE_MEMORY	0x1000000UL /* bytes of RAM, from address 0 */
#define MACHINE_DEVICES 0xd0000000UL
#define DEVICE_PAGES	4
#define MACHINE_IOAPIC	0xfec00000UL
#define MACHINE_ECAM	0xb0000000UL /* where bus 0 would be */
#define ECAM_BUSES	4

/* The same memory as the windows show. */
extern uint8_t *machine_ram;
extern uint8_t *machine_devices; /* registers that keep what is written to them */
extern uint8_t *machine_ecam;	 /* configuration space of bus 0 to ECAM_BUSES - 1 */

/* Make the machine; once per process. Later calls: forget windows, zero the CPU's own pages. */
void machine_reset(void);

/* The test says whether the hypervisor may have this page in a window now. */
void machine_window(uint64_t phys, bool writable);

/* Bytes of configuration space that were written by ports since the last reset */
extern unsigned int machine_config_writes;

#endif
