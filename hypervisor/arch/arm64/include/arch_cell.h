/* SPDX-License-Identifier: GPL-2.0 */
/* The arm64 parts of struct cpu and struct cell. */
#ifndef ARCH_CELL_H
#define ARCH_CELL_H

#include <asm.h>
#include <hv.h>
#include <paging.h>
#include <cloister/config.h>

struct cpu;

/* Where a CPU starts: at EL1, MMU off, X0 = argument. */
struct arch_start {
	uint64_t address;
	uint64_t argument;
};

#define SGIS 16

/* Other CPUs of the same cell reach all of it but redist_phys by atomic operations only. */
struct arch_cpu {
	uint64_t redist_phys;	/* GICR frames of this CPU */
	uint16_t redist_number; /* as GICR_TYPER and commands of an ITS say it */
	uint8_t gic_target;	/* GICv2: its bit in GICD_ITARGETSR and GICD_SGIR */
	bool messages;		/* GICv3: Linux has enabled LPIs for it */
	bool starting;		/* CPU_ON has been called, and it has not started yet */
	uint32_t sgi_pending;	/* bit n: SGI n is to be delivered */
	uint64_t self_sgi; /* what ICC_SGI1R_EL1 gets for an SGI to this CPU alone, without number */
	uint32_t sgi_enabled; /* as the guest has it in GICR_ISENABLER0 */
	uint8_t sgi_priority[SGIS];
	bool pin_changed;     /* the virtual pins are to be looked at */
	uint32_t pins_listed; /* which are in a list register of this CPU; of its own concern */
};

/*
 * An interrupt of the hypervisor's for the cell, a shared one that exists in software only:
 * CL_BUTTON_INTID and CL_VUART_INTID, the former first. The cell's CPUs change it at any time;
 * whoever does tells the target.
 */
#define VPINS 2
struct virtual_pin {
	uint8_t priority;
	uint32_t target; /* number of a CPU of the cell */
};

#define GIC_INTIDS 1024

struct arch_cell {
	struct paging stage2;
	uint64_t vttbr;
	uint64_t hcr;	       /* HCR_EL2.FWB if its RAM is write-back for it in any case */
	uint64_t comm_address; /* guest-physical, 0: none */
	uint32_t spis[GIC_INTIDS / 32]; /* bit set: the shared interrupt is the cell's now */
	struct virtual_pin pins[VPINS];
	/* As in registers with a bit for each interrupt, changed by atomic operations: VPIN_BIT() */
	uint32_t pins_enabled;
	uint32_t pins_active; /* line of the UART; the button has been pressed and not seen yet */
	uint8_t pin_word;     /* which of these registers it is; 0: there are no such pins */
};

/* This CPU: the first word of its private page, see struct local_data. */
static inline struct cpu *arch_this_cpu(void)
{
	return *(struct cpu **)local_base();
}

#endif
