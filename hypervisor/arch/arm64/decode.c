// SPDX-License-Identifier: GPL-2.0
/* ARM DDI 0487, C4.1, "Loads and Stores": general-purpose registers, immediate offsets. */
#include <decode.h>

#define BITS(word, high, low) ((word) >> (low) & ((1U << ((high) - (low) + 1)) - 1))

#define ZERO_OR_SP 31

static int16_t sign_extend(uint32_t value, unsigned int bits)
{
	return (int16_t)(value ^ 1U << (bits - 1)) - (int16_t)(1U << (bits - 1));
}

static bool decode_pair(uint32_t word, struct insn *insn)
{
	unsigned int opc = BITS(word, 31, 30), index = BITS(word, 24, 23);

	insn->write = !BITS(word, 22, 22);
	/* 1: LDPSW; as a store it is another instruction, and index 0 is LDNP */
	if (opc == 3 || (opc == 1 && (insn->write || !index)))
		return false;
	insn->size = opc == 2 ? 8 : 4;
	insn->sign_extend = opc == 1;
	insn->wide = opc != 0;
	insn->count = 2;
	insn->offset = (int16_t)(sign_extend(BITS(word, 21, 15), 7) * insn->size);
	insn->post = index == 1;
	insn->writeback = index & 1;
	insn->target[1] = (uint8_t)BITS(word, 14, 10);
	return insn->write || BITS(word, 4, 0) != insn->target[1];
}

static bool decode_single(uint32_t word, struct insn *insn)
{
	unsigned int size = BITS(word, 31, 30), opc = BITS(word, 23, 22);
	unsigned int index = BITS(word, 11, 10);

	/* opc: store, load, load signed to X, load signed to W; index 2: unprivileged forms */
	if (index == 2 || (opc == 2 && size == 3) || (opc == 3 && size >= 2))
		return false;
	insn->size = (uint8_t)(1U << size);
	insn->write = opc == 0;
	insn->sign_extend = opc >= 2;
	insn->wide = opc == 2 || size == 3;
	insn->count = 1;
	insn->offset = sign_extend(BITS(word, 20, 12), 9);
	insn->post = index == 1;
	insn->writeback = index != 0;
	return true;
}

bool decode(uint32_t word, struct insn *insn)
{
	bool known = false;

	*insn = (struct insn){ .target = { (uint8_t)BITS(word, 4, 0) },
			       .base = (uint8_t)BITS(word, 9, 5) };
	if ((word & 0x3e000000) == 0x28000000)
		known = decode_pair(word, insn);
	else if ((word & 0x3f200000) == 0x38000000)
		known = decode_single(word, insn);
	if (!known || !insn->writeback || insn->base == ZERO_OR_SP)
		return known;
	return insn->base != insn->target[0] && (insn->count == 1 || insn->base != insn->target[1]);
}
