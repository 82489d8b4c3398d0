// SPDX-License-Identifier: GPL-2.0
/* arm64's decoder of memory accesses against capstone. Input: instructions, 4 bytes each. */
#include "fuzz.h"
#include "../unit/decode_arm64_reference.h"

static csh capstone;

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc;
	(void)argv;
	require(cs_open(CS_ARCH_ARM64, CS_MODE_ARM, &capstone) == CS_ERR_OK, "cs_open");
	cs_option(capstone, CS_OPT_DETAIL, CS_OPT_ON);
	return 0;
}

/*
 * DDI 0487, C4.1, "Loads and Stores": pairs of general-purpose registers, and single ones with a
 * 9-bit offset. All others have a syndrome, or are not decoded.
 */
static bool is_expected(uint32_t word)
{
	return (word & 0x3e000000) == 0x28000000 || (word & 0x3f200000) == 0x38000000;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	for (size_t at = 0; at + 4 <= size; at += 4) {
		struct insn ours, theirs;
		bool accepted, good;
		uint32_t word;

		memcpy(&word, data + at, 4);
		accepted = decode(word, &ours);
		good = is_expected(word) && reference(capstone, word, &theirs) &&
		       !is_unpredictable(&theirs);
		require(accepted == good, "%08x: decode(): %d, capstone: %d", word, accepted, good);
		require(!accepted || same_access(&ours, &theirs), "%08x", word);
		require(!accepted || (ours.count >= 1 && ours.count <= 2 && ours.target[0] < 32 &&
				      ours.target[1] < 32 && ours.base < 32),
			"%08x: out of range", word);
	}
	return 0;
}
