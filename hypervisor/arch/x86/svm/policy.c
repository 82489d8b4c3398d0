// SPDX-License-Identifier: GPL-2.0
/* AMD SVM: formats of tables and bitmaps, and registers that are SVM's own. APM vol. 2, chapter 15.
 */
#include <vendor.h>
#include <x86.h>

uint64_t vendor_page_bits(uint64_t flags)
{
	uint64_t bits = PTE_P | PTE_US;

	if (flags & CL_MEM_WRITE)
		bits |= PTE_RW;
	if (!(flags & CL_MEM_EXECUTE))
		bits |= PTE_NX;
	if (flags & CL_MEM_IO)
		bits |= PTE_PCD | PTE_PWT;
	return bits;
}

/* Rights of all levels count. */
uint32_t vendor_page_rights(const struct mapping *mapping)
{
	return CL_MEM_READ | (mapping->set_in_all & PTE_RW ? CL_MEM_WRITE : 0) |
	       (mapping->set_in_any & PTE_NX ? 0 : CL_MEM_EXECUTE);
}

/* Nested tables have the depth of the hypervisor's own: APM 15.25.3. */
unsigned int vendor_page_levels(void)
{
	return read_cr4() & CR4_LA57 ? 5 : 4;
}

unsigned int vendor_page_leaves(void)
{
	uint32_t a, b, c, d;

	cpuid(0x80000001, 0, &a, &b, &c, &d);
	return d & BIT(26) ? 3 : 2;
}

/* Pairs of bits, for reads and for writes: APM 15.11. */
int vendor_msr_bit(uint32_t msr, bool write)
{
	static const uint32_t blocks[] = MSR_BLOCKS;

	for (unsigned int i = 0; i < ARRAY_SIZE(blocks); i++)
		if (msr - blocks[i] < MSR_BLOCK)
			return (int)((i * MSR_BLOCK + msr - blocks[i]) * 2 + write);
	return -1;
}

void vendor_msr_exits(unsigned char *bitmap, uint32_t first, uint32_t last, unsigned int accesses,
		      bool exit)
{
	for (uint32_t msr = first; msr <= last; msr++) {
		int bit = vendor_msr_bit(msr, false);
		unsigned int pair;

		if (bit < 0)
			return;
		pair = accesses << bit % 8;
		if (exit)
			bitmap[bit / 8] |= (unsigned char)pair;
		else
			bitmap[bit / 8] &= (unsigned char)~pair;
	}
}

const uint32_t vendor_msrs[] = { MSR_VM_CR, MSR_VM_HSAVE_PA };
const unsigned int vendor_msr_count = ARRAY_SIZE(vendor_msrs);

/*
 * For a cell SVM is locked off. Root would remember that for the time after us. What a cell is not
 * shown of the chip's configuration reads as 0: Linux takes for granted that it can be read.
 */
bool vendor_msr_read(uint32_t msr, uint64_t *value)
{
	switch (msr) {
	case MSR_VM_CR:
		*value = local->cpu->cell == &root_cell ? rdmsr(msr) : BIT(3) | BIT(4);
		return true;
	case MSR_SYSCFG:
	case MSR_NB_CFG:
		*value = 0;
		return true;
	default:
		return false;
	}
}

#define LEAF81_C_SVM BIT(2)

void vendor_cpuid_filter(uint32_t leaf, uint32_t sub, uint32_t *a, uint32_t *b, uint32_t *c,
			 uint32_t *d)
{
	(void)sub;
	if (leaf == 0x80000001)
		*c &= ~(uint32_t)LEAF81_C_SVM;
	else if (leaf == 0x8000000a)
		*a = *b = *c = *d = 0;
}
