// SPDX-License-Identifier: GPL-2.0
#include <vendor.h>
#include <x86.h>

#define HYPERVISOR_LEAF 0x40000000
#define SIGNATURE_B	0x696f6c43 /* "CloisterCell" */
#define SIGNATURE_C	0x72657473
#define SIGNATURE_D	0x6c6c6543

#define LEAF1_C_X2APIC	   BIT(21)
#define LEAF1_C_OSXSAVE	   BIT(27)
#define LEAF1_C_HYPERVISOR BIT(31)
#define LEAF7_B_TSC_ADJUST BIT(1)
#define LEAF7_C_OSPKE	   BIT(4)

void cpuid_filter(uint32_t leaf, uint32_t sub, uint32_t *a, uint32_t *b, uint32_t *c, uint32_t *d)
{
	bool root = local->cpu->cell == &root_cell;

	if (leaf == 1) {
		/* Bits that mirror CR4 show the hypervisor's. */
		*c &= ~(uint32_t)LEAF1_C_OSXSAVE;
		if (guest_cr4() & CR4_OSXSAVE)
			*c |= LEAF1_C_OSXSAVE;
		if (root)
			return;
		*c |= LEAF1_C_HYPERVISOR;
		if (!x2apic_mode)
			*c &= ~(uint32_t)LEAF1_C_X2APIC;
	} else if (leaf == 7 && sub == 0) {
		*c &= ~(uint32_t)LEAF7_C_OSPKE;
		if (guest_cr4() & CR4_PKE)
			*c |= LEAF7_C_OSPKE;
		/* A cell moves its counter by writing it: the other register has the hardware's. */
		if (!root)
			*b &= ~(uint32_t)LEAF7_B_TSC_ADJUST;
	} else if (root) {
		/*
		 * Root cannot use virtualisation either, but it looks at a CPU that comes back from
		 * a cell, and would then take the whole machine for one without it, also after
		 * disable.
		 */
		return;
	} else if (leaf >> 28 == 4) {
		*a = *b = *c = *d = 0;
		if (leaf == HYPERVISOR_LEAF) {
			*a = HYPERVISOR_LEAF;
			*b = SIGNATURE_B;
			*c = SIGNATURE_C;
			*d = SIGNATURE_D;
		}
		if (leaf >> 8 == KVM_LEAF >> 8)
			kvm_clock_cpuid(leaf, a, b, c, d);
	}
	if (!root)
		vendor_cpuid_filter(leaf, sub, a, b, c, d);
}
