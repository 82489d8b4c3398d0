// SPDX-License-Identifier: GPL-2.0
/* Intel VMX: formats of tables and bitmaps, and registers that are VMX' own. SDM vol. 3. */
#include <vendor.h>
#include <x86.h>

/* EPT, 29.3.2. The rights to read, write and execute, and the memory type. */
#define EPT_R  BIT(0)
#define EPT_W  BIT(1)
#define EPT_X  BIT(2)
#define EPT_UC (0UL << 3)
#define EPT_WB (6UL << 3)

/*
 * Memory is write-back as far as the guest's PAT agrees; the machine's MTRRs do not count here
 * (29.3.7.2), so that registers of devices have to be named as such.
 */
uint64_t vendor_page_bits(uint64_t flags)
{
	uint64_t bits = EPT_R;

	if (flags & CL_MEM_WRITE)
		bits |= EPT_W;
	if (flags & CL_MEM_EXECUTE)
		bits |= EPT_X;
	return bits | (flags & CL_MEM_IO ? EPT_UC : EPT_WB);
}

/* Rights of all levels count. */
uint32_t vendor_page_rights(const struct mapping *mapping)
{
	return (mapping->set_in_all & EPT_R ? CL_MEM_READ : 0) |
	       (mapping->set_in_all & EPT_W ? CL_MEM_WRITE : 0) |
	       (mapping->set_in_all & EPT_X ? CL_MEM_EXECUTE : 0);
}

unsigned int vendor_page_levels(void)
{
	return 4;
}

unsigned int vendor_page_leaves(void)
{
	return rdmsr(MSR_VMX_EPT_VPID_CAP) & EPT_CAP_1G ? 3 : 2;
}

int vendor_msr_bit(uint32_t msr, bool write)
{
	static const uint32_t blocks[] = MSR_BLOCKS;

	for (unsigned int i = 0; i < ARRAY_SIZE(blocks); i++)
		if (msr - blocks[i] < MSR_BLOCK)
			return (int)((write * 2U + i) * MSR_BLOCK + msr - blocks[i]);
	return -1;
}

static void set_exit(unsigned char *bitmap, int bit, bool exit)
{
	if (exit)
		bitmap[bit / 8] |= (unsigned char)(1U << bit % 8);
	else
		bitmap[bit / 8] &= (unsigned char)~(1U << bit % 8);
}

void vendor_msr_exits(unsigned char *bitmap, uint32_t first, uint32_t last, unsigned int accesses,
		      bool exit)
{
	for (uint32_t msr = first; msr <= last; msr++) {
		int bit = vendor_msr_bit(msr, false);

		if (bit < 0)
			return;
		if (accesses & MSR_READ)
			set_exit(bitmap, bit, exit);
		if (accesses & MSR_WRITE)
			set_exit(bitmap, vendor_msr_bit(msr, true), exit);
	}
}

const uint32_t vendor_msrs[] = { MSR_FEATURE_CONTROL };
const unsigned int vendor_msr_count = ARRAY_SIZE(vendor_msrs);

/*
 * For a cell VMX is locked off. Root would remember that for the time after us. Every Linux reads
 * the other register before it can handle an exception.
 */
bool vendor_msr_read(uint32_t msr, uint64_t *value)
{
	switch (msr) {
	case MSR_FEATURE_CONTROL:
		*value = local->cpu->cell == &root_cell ? rdmsr(msr) : FEATURE_CONTROL_LOCKED;
		return true;
	case MSR_MISC_ENABLE:
		*value = rdmsr(msr);
		return true;
	default:
		return false;
	}
}

#define LEAF1_C_VMX    BIT(5)
#define LEAF1_C_SMX    BIT(6)
#define LEAF1_C_EST    BIT(7)
#define LEAF1_C_TM2    BIT(8)
#define LEAF1_C_PDCM   BIT(15)
#define LEAF1_D_ACPI   BIT(22)
#define LEAF1_D_TM     BIT(29)
#define LEAF6_A_ARAT   BIT(2)
#define LEAF7_C_PKS    BIT(31)
#define LEAF7_D_UINTR  BIT(5)
#define LEAF7_1_A_LASS BIT(6)
#define LEAF7_1_A_FRED BIT(17)
#define LEAF7_1_A_LAM  BIT(26)

/*
 * Nor has it what only bits in CR4_OWNED, or MSRs that it cannot write, would switch on, nor the
 * power and thermal management of the package (SDM vol. 3, 15), which is root's.
 */
void vendor_cpuid_filter(uint32_t leaf, uint32_t sub, uint32_t *a, uint32_t *b, uint32_t *c,
			 uint32_t *d)
{
	if (leaf == 1) {
		*c &= ~(uint32_t)(LEAF1_C_VMX | LEAF1_C_SMX | LEAF1_C_EST | LEAF1_C_TM2 |
				  LEAF1_C_PDCM);
		*d &= ~(uint32_t)(LEAF1_D_ACPI | LEAF1_D_TM);
	} else if (leaf == 6) {
		*a &= LEAF6_A_ARAT;
		*b = *c = *d = 0;
	} else if (leaf == 7 && sub == 0) {
		*c &= ~(uint32_t)LEAF7_C_PKS;
		*d &= ~(uint32_t)LEAF7_D_UINTR;
	} else if (leaf == 7 && sub == 1) {
		*a &= ~(uint32_t)(LEAF7_1_A_LASS | LEAF7_1_A_FRED | LEAF7_1_A_LAM);
	}
}
