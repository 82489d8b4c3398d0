// SPDX-License-Identifier: GPL-2.0
#include <vendor.h>
#include <x86.h>

#define HYPERVISOR_LEAF 0x40000000
#define SIGNATURE_B	0x696f6c43 /* "CloisterCell" */
#define SIGNATURE_C	0x72657473
#define SIGNATURE_D	0x6c6c6543

#define LEAF1_C_MONITOR	   BIT(3)
#define LEAF1_C_X2APIC	   BIT(21)
#define LEAF1_C_OSXSAVE	   BIT(27)
#define LEAF1_C_HYPERVISOR BIT(31)
#define LEAF7_C_OSPKE	   BIT(4)
#define LEAF81_C_SVM	   BIT(2)

/* The CPU's answer with what the guest does not have taken out. */
void cpuid_emulate(struct guest_regs *regs)
{
	uint32_t leaf = (uint32_t)regs->rax;
	uint32_t a, b, c, d;

	cpuid(leaf, (uint32_t)regs->rcx, &a, &b, &c, &d);
	if (leaf == 1) {
		/* Bits that mirror CR4 show the hypervisor's. */
		c &= ~(uint32_t)LEAF1_C_OSXSAVE;
		if (guest_cr4() & CR4_OSXSAVE)
			c |= LEAF1_C_OSXSAVE;
		if (!x2apic_mode)
			c &= ~(uint32_t)LEAF1_C_X2APIC;
		if (local->cpu->cell != &root_cell)
			c |= LEAF1_C_HYPERVISOR;
	} else if (leaf == 7) {
		if (!(regs->rcx & 0xffffffff)) {
			c &= ~(uint32_t)LEAF7_C_OSPKE;
			if (guest_cr4() & CR4_PKE)
				c |= LEAF7_C_OSPKE;
		}
	} else if (leaf == 0x80000001 && local->cpu->cell != &root_cell) {
		/*
		 * Root cannot use SVM either, but it looks at a CPU that comes back from a cell, and would
		 * then take the whole machine for one without SVM, also after disable.
		 */
		c &= ~(uint32_t)LEAF81_C_SVM;
	} else if (leaf == 0x8000000a && local->cpu->cell != &root_cell) {
		a = b = c = d = 0;
	} else if (unlikely(leaf >> 28 == 4) && local->cpu->cell != &root_cell) {
		a = b = c = d = 0;
		if (leaf == HYPERVISOR_LEAF) {
			a = HYPERVISOR_LEAF;
			b = SIGNATURE_B;
			c = SIGNATURE_C;
			d = SIGNATURE_D;
		}
	}
	regs->rax = a;
	regs->rbx = b;
	regs->rcx = c;
	regs->rdx = d;
}
