/* SPDX-License-Identifier: GPL-2.0 */
/* What capstone, an independent disassembler, says of an arm64 instruction, in the words of
 * decode(). */
#ifndef DECODE_ARM64_REFERENCE_H
#define DECODE_ARM64_REFERENCE_H

#include <decode.h>
#include <stdio.h>
#include <string.h>
#include <capstone/capstone.h>

/* The number of a general-purpose register; 31: SP or a zero register; -1: another one. */
static inline int number(unsigned int reg, bool *wide)
{
	*wide = reg == ARM64_REG_XZR || reg == ARM64_REG_SP || reg == ARM64_REG_X29 ||
		reg == ARM64_REG_X30 || (reg >= ARM64_REG_X0 && reg <= ARM64_REG_X28);
	if (reg == ARM64_REG_XZR || reg == ARM64_REG_WZR || reg == ARM64_REG_SP)
		return 31;
	if (reg == ARM64_REG_X29 || reg == ARM64_REG_X30)
		return 29 + (reg == ARM64_REG_X30);
	if (*wide)
		return (int)(reg - ARM64_REG_X0);
	return reg >= ARM64_REG_W0 && reg <= ARM64_REG_W30 ? (int)(reg - ARM64_REG_W0) : -1;
}

/* What is between the first letters (ld, st) and the kind of addressing: b, h, sb, sh, sw or
 * nothing. */
static inline bool by_name(const char *name, struct insn *insn, bool wide)
{
	static const struct {
		const char *name;
		uint8_t count, size; /* 0: that of the register */
		bool sign_extend;
	} names[] = {
		{ "r", 1, 0, false },	{ "rb", 1, 1, false },	{ "rh", 1, 2, false },
		{ "rsb", 1, 1, true },	{ "rsh", 1, 2, true },	{ "rsw", 1, 4, true },
		{ "ur", 1, 0, false },	{ "urb", 1, 1, false }, { "urh", 1, 2, false },
		{ "ursb", 1, 1, true }, { "ursh", 1, 2, true }, { "ursw", 1, 4, true },
		{ "p", 2, 0, false },	{ "np", 2, 0, false },	{ "psw", 2, 4, true },
	};

	insn->write = !strncmp(name, "st", 2);
	if (!insn->write && strncmp(name, "ld", 2))
		return false;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (strcmp(name + 2, names[i].name))
			continue;
		insn->count = names[i].count;
		insn->size = names[i].size ? names[i].size : wide ? 8 : 4;
		insn->sign_extend = names[i].sign_extend;
		insn->wide = wide;
		return true;
	}
	return false;
}

static inline bool reference(csh capstone, uint32_t word, struct insn *insn)
{
	const cs_arm64_op *operands;
	const cs_arm64 *detail;
	bool wide, second_wide;
	cs_insn *found;
	bool good = false;
	int target, memory;

	*insn = (struct insn){ 0 };
	if (cs_disasm(capstone, (const uint8_t *)&word, 4, 0, 1, &found) != 1)
		return false;
	detail = &found->detail->arm64;
	operands = detail->operands;
	target = number(operands[0].reg, &wide);
	if (target < 0 || operands[0].type != ARM64_OP_REG || !by_name(found->mnemonic, insn, wide))
		goto out;
	insn->target[0] = (uint8_t)target;
	if (insn->count == 2) {
		int second = number(operands[1].reg, &second_wide);

		if (second < 0)
			goto out;
		insn->target[1] = (uint8_t)second;
	}
	memory = insn->count;
	if (operands[memory].type != ARM64_OP_MEM)
		goto out;
	insn->base = (uint8_t)number(operands[memory].mem.base, &second_wide);
	insn->offset = (int16_t)operands[memory].mem.disp;
	if (detail->op_count > memory + 1) {
		insn->post = true;
		insn->offset = (int16_t)operands[memory + 1].imm;
	}
	insn->writeback = detail->writeback || insn->post;
	good = true;
out:
	cs_free(found, 1);
	return good;
}

/* Results that the architecture leaves open; capstone shows such instructions as well. */
static inline bool is_unpredictable(const struct insn *insn)
{
	if (insn->count == 2 && !insn->write && insn->target[0] == insn->target[1])
		return true;
	return insn->writeback && insn->base != 31 &&
	       (insn->base == insn->target[0] ||
		(insn->count == 2 && insn->base == insn->target[1]));
}

static inline bool same_access(const struct insn *a, const struct insn *b)
{
	return a->write == b->write && a->size == b->size && a->count == b->count &&
	       a->base == b->base && a->offset == b->offset && a->post == b->post &&
	       a->writeback == b->writeback && a->target[0] == b->target[0] &&
	       (a->count != 2 || a->target[1] == b->target[1]) &&
	       (a->write || (a->sign_extend == b->sign_extend && a->wide == b->wide));
}

#endif
