/* SPDX-License-Identifier: GPL-2.0 */
/* The x86 parts of struct cpu and struct cell. */
#ifndef ARCH_CELL_H
#define ARCH_CELL_H

#include <asm.h>
#include <hv.h>
#include <paging.h>
#include <cloister/config.h>

struct cpu;

/* Where a CPU starts. */
struct arch_start {
	enum { START_SIPI, START_FLAT } kind;
	uint64_t address; /* START_SIPI: vector << 12; START_FLAT: entry in 32-bit protected mode */
	uint64_t ebx;	  /* START_FLAT */
};

struct arch_cpu {
	uint32_t ldr; /* xAPIC: what the guest wrote there last */
	uint32_t dfr;
};

#define MAX_CHIPS 8

/* A pin without hardware: CL_VUART_PIN and CL_BUTTON_PIN, the former first. */
#define VPINS 2
struct virtual_pin {
	uint32_t entry[2]; /* redirection entry: low half, high half */
	bool active;	   /* the line */
};

struct arch_cell {
	struct paging npt; /* guest-physical to host-physical */
	uint64_t npt_phys;
	unsigned char *io_bitmap;  /* 12 KiB, bit set: the port exits */
	unsigned char *msr_bitmap; /* MSR_BITMAP_BYTES */
	uint64_t io_bitmap_phys, msr_bitmap_phys;
	uint32_t pci_address;	/* what the cell wrote to port 0xcf8 */
	uint32_t ioapic_select; /* and to the IOAPIC's index register */
	/* IOAPICs of its config; root's pins less those that other cells have */
	struct cl_irqchip chips[MAX_CHIPS];
	unsigned int chip_count;
	uint64_t comm_address; /* guest-physical, 0: none */
	struct lock pin_lock;  /* protects the next ones */
	struct virtual_pin pins[VPINS];
	uint64_t start_tsc; /* the hardware's at the cell's start */
};

/* This CPU: the first word of its private page, see struct local_data. */
static inline struct cpu *arch_this_cpu(void)
{
	return *(struct cpu **)local_base();
}

#endif
