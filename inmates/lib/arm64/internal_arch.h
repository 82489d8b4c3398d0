/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
#ifndef INTERNAL_ARCH_H
#define INTERNAL_ARCH_H

/* Called by the entry code, with the MMU off: writes the page tables. */
void mmu_prepare(struct cl_comm *region);
/* Called by the entry code of CPUs other than the first. */
void arch_ap_start(uint32_t index);

/* Registers that both versions of the interrupt controller have, in the distributor or for each
 * CPU. */
#define GICD_CTLR	0x0000
#define GICD_IGROUPR	0x0080
#define GICD_ISENABLER	0x0100
#define GICD_IPRIORITYR 0x0400

#define PRIORITY  0xa0
#define FIRST_SPI 32

struct gic {
	uint32_t intid_mask; /* in what acknowledge() returns */
	void (*init)(void);
	/* This CPU's part of it. */
	void (*init_cpu)(void);
	/* A shared interrupt goes to this CPU from then on. */
	void (*enable)(unsigned int intid);
	/* This CPU takes the interrupt that it gets; end() wants what it was. */
	uint32_t (*acknowledge)(void);
	void (*end)(uint32_t acknowledged);
	/* Interrupts the CPU with this place in comm->hw_ids. */
	void (*send)(unsigned int index, unsigned int intid);
};

extern const struct gic gicv2, gicv3;
/* The one that this machine has. */
extern const struct gic *gic;

/* Where the PL011 is, known before the console is. */
uint64_t console_address(void);

/* TPIDR_EL1 is the library's. */
static inline uint32_t this_cpu(void)
{
	return read_sysreg(tpidr_el1);
}

#endif
