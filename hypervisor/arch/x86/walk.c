// SPDX-License-Identifier: GPL-2.0
/*
 * Reading the guest's instruction where the CPU does not hand it over: a walk of the guest's page
 * tables, all of whose addresses are guest-physical and pass the cell's own mappings.
 */
#include <vendor.h>
#include <x86.h>

#define PAGE_4M_ADDRESS 0xffc00000UL

static const volatile void *guest_page(uint64_t guest_phys, unsigned int slot)
{
	uint64_t host = arch_translate(local->cpu->cell, guest_phys, CL_MEM_READ);

	return host == ~0UL ? NULL : window(slot, host & PAGE_MASK, 0);
}

static uint64_t walk_32bit(uint64_t linear)
{
	uint64_t entry = guest_cr3();

	for (unsigned int level = 2; level; level--) {
		const volatile uint32_t *table = guest_page(entry & 0xfffff000UL, WINDOW_WALK);

		if (!table)
			return ~0UL;
		entry = table[linear >> (2 + 10 * level) & 1023];
		if (!(entry & PTE_P))
			return ~0UL;
		if (level == 2 && entry & PTE_PS && guest_cr4() & CR4_PSE)
			return (entry & PAGE_4M_ADDRESS) | (entry >> 13 & 0xff) << 32 |
			       (linear & 0x3fffff);
	}
	return (entry & 0xfffff000UL) | (linear & ~PAGE_MASK);
}

uint64_t guest_linear_to_phys(uint64_t linear)
{
	unsigned int level, shift;
	uint64_t entry = guest_cr3();

	if (!(guest_cr0() & CR0_PG))
		return linear;
	if (!(guest_cr4() & CR4_PAE))
		return walk_32bit(linear);
	/* The four PAE pointers are not page-aligned: 32 bytes. */
	if (!(guest_efer() & EFER_LMA))
		level = 3;
	else
		level = guest_cr4() & CR4_LA57 ? 5 : 4;

	for (shift = PAGE_SHIFT + 9 * (level - 1);; shift -= 9) {
		uint64_t base = entry & (level == 3 && !(guest_efer() & EFER_LMA) && shift == 30 ?
						 0xffffffe0UL :
						 PTE_ADDRESS);
		const volatile char *page = guest_page(base, WINDOW_WALK);
		uint64_t index = linear >> shift & 511;

		if (!page)
			return ~0UL;
		if (!(guest_efer() & EFER_LMA) && shift == 30)
			index &= 3;
		entry = *(const volatile uint64_t *)(page + (base & ~PAGE_MASK) + index * 8);
		if (!(entry & PTE_P))
			return ~0UL;
		if (shift == PAGE_SHIFT || (entry & PTE_PS && shift <= 30)) {
			uint64_t offset_mask = (1UL << shift) - 1;

			return (entry & PTE_ADDRESS & ~offset_mask) | (linear & offset_mask);
		}
	}
}

unsigned int guest_fetch(unsigned char *bytes)
{
	uint64_t linear = guest_rip() + (guest_in_64bit() ? 0 : guest_cs_base());
	unsigned int done = 0;

	if (!guest_in_64bit())
		linear &= 0xffffffffUL;
	while (done < 15) {
		uint64_t phys = guest_linear_to_phys(linear + done);
		unsigned int offset = (linear + done) & ~PAGE_MASK;
		unsigned int piece = (unsigned int)MIN(15U - done, PAGE_SIZE - offset);
		const volatile unsigned char *page;

		if (phys == ~0UL)
			break;
		page = guest_page(phys, WINDOW_CODE);
		if (!page)
			break;
		for (unsigned int i = 0; i < piece; i++)
			bytes[done + i] = page[offset + i];
		done += piece;
	}
	return done;
}
