// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0
#include "../inmate.h"
#include "../internal.h"

#define INTIDS 1020

/* What entry.S has saved. */
struct frame {
	uint64_t x[19], x29, x30, elr, spsr;
};

void exception_main(struct frame *f);
void interrupt_main(struct frame *f);

const struct gic *gic;

static void (*handlers[INTIDS])(void);

void interrupt_handler(unsigned int intid, void (*handler)(void))
{
	if (intid >= INTIDS)
		return;
	handlers[intid] = handler;
	if (intid >= FIRST_SPI)
		gic->enable(intid);
}

void exception_main(struct frame *f)
{
	uint64_t resume = find_fixup(f->elr);

	if (resume) {
		f->elr = resume;
		f->x[16] = FAULTED | read_sysreg(esr_el1) >> 26;
		return;
	}
	printf("inmate: CPU %u: exception at 0x%llx, ESR 0x%llx, FAR 0x%llx, SPSR 0x%llx\n"
	       "  X0 %016llx X1 %016llx X2 %016llx X3 %016llx\n"
	       "  X4 %016llx X5 %016llx X29 %016llx X30 %016llx\n"
	       "inmate: stopped\n",
	       cpu_index(), (unsigned long long)f->elr, (unsigned long long)read_sysreg(esr_el1),
	       (unsigned long long)read_sysreg(far_el1), (unsigned long long)f->spsr,
	       (unsigned long long)f->x[0], (unsigned long long)f->x[1],
	       (unsigned long long)f->x[2], (unsigned long long)f->x[3],
	       (unsigned long long)f->x[4], (unsigned long long)f->x[5], (unsigned long long)f->x29,
	       (unsigned long long)f->x30);
	inmate_stop();
}

void interrupt_main(struct frame *f)
{
	uint32_t acknowledged = gic->acknowledge();
	unsigned int intid = acknowledged & gic->intid_mask;

	(void)f;
	/* before any access to what raised it */
	dsb();
	/* 1020 to 1023: there is none any more */
	if (intid >= INTIDS)
		return;
	if (handlers[intid])
		handlers[intid]();
	else
		printf("inmate: interrupt %u has no handler\n", intid);
	gic->end(acknowledged);
}

uint32_t cpu_hw_id(void)
{
	uint64_t mpidr = read_sysreg(mpidr_el1);

	return (mpidr >> 32 & 0xff) << 24 | (mpidr & 0xffffff);
}

void ipi_send(unsigned int index, unsigned int intid)
{
	/* what was written before it is to be seen by the receiver */
	dsb();
	gic->send(index, intid);
}

void arch_init(void)
{
	/* without a comm region nobody says where the interrupt controller is */
	if (!comm)
		return;
	gic = comm->gic_version == 2 ? &gicv2 : &gicv3;
	gic->init();
	gic->init_cpu();
}
