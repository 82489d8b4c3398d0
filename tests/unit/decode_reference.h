/* SPDX-License-Identifier: GPL-2.0 */
/* What capstone, an independent disassembler, says of an instruction, in the words of decode(). */
#ifndef DECODE_REFERENCE_H
#define DECODE_REFERENCE_H

#include <decode.h>
#include <stdio.h>
#include <string.h>
#include <capstone/capstone.h>

#define MAX_LENGTH 15 /* of an instruction */

/* An access in words, for the table and for messages. */
static inline const char *describe(const struct insn *insn, char *text, size_t size)
{
	uint64_t mask = insn->size == 8 ? ~0UL : (1UL << 8 * insn->size) - 1;
	char reg[8];

	snprintf(reg, sizeof(reg), "%c%u", insn->high_byte ? 'h' : 'r', insn->reg);
	if (insn->immediate)
		snprintf(text, size, "%s %u = %#lx", insn->write ? "write" : "read", insn->size,
			 insn->value & mask);
	else if (insn->write)
		snprintf(text, size, "write %u %s", insn->size, reg);
	else if (insn->result != insn->size)
		snprintf(text, size, "read %u %s %s %u", insn->size, reg,
			 insn->sign_extend ? "sx" : "zx", insn->result);
	else
		snprintf(text, size, "read %u %s", insn->size, reg);
	return text;
}

/* Position in the encoding and size in bytes of a general-purpose register; false: not one. */
static inline bool find_register(unsigned int reg, unsigned int *number, unsigned int *size,
				 bool *high)
{
	static const unsigned int low[16] = {
		X86_REG_AL,   X86_REG_CL,   X86_REG_DL,	  X86_REG_BL,  X86_REG_SPL,  X86_REG_BPL,
		X86_REG_SIL,  X86_REG_DIL,  X86_REG_R8B,  X86_REG_R9B, X86_REG_R10B, X86_REG_R11B,
		X86_REG_R12B, X86_REG_R13B, X86_REG_R14B, X86_REG_R15B
	};
	static const unsigned int words[16] = {
		X86_REG_AX,   X86_REG_CX,   X86_REG_DX,	  X86_REG_BX,  X86_REG_SP,   X86_REG_BP,
		X86_REG_SI,   X86_REG_DI,   X86_REG_R8W,  X86_REG_R9W, X86_REG_R10W, X86_REG_R11W,
		X86_REG_R12W, X86_REG_R13W, X86_REG_R14W, X86_REG_R15W
	};
	static const unsigned int longs[16] = {
		X86_REG_EAX,  X86_REG_ECX,  X86_REG_EDX,  X86_REG_EBX, X86_REG_ESP,  X86_REG_EBP,
		X86_REG_ESI,  X86_REG_EDI,  X86_REG_R8D,  X86_REG_R9D, X86_REG_R10D, X86_REG_R11D,
		X86_REG_R12D, X86_REG_R13D, X86_REG_R14D, X86_REG_R15D
	};
	static const unsigned int quads[16] = {
		X86_REG_RAX, X86_REG_RCX, X86_REG_RDX, X86_REG_RBX, X86_REG_RSP, X86_REG_RBP,
		X86_REG_RSI, X86_REG_RDI, X86_REG_R8,  X86_REG_R9,  X86_REG_R10, X86_REG_R11,
		X86_REG_R12, X86_REG_R13, X86_REG_R14, X86_REG_R15
	};
	static const unsigned int highs[4] = { X86_REG_AH, X86_REG_CH, X86_REG_DH, X86_REG_BH };
	static const struct {
		const unsigned int *registers;
		unsigned int count, size;
	} sets[] = { { low, 16, 1 },
		     { words, 16, 2 },
		     { longs, 16, 4 },
		     { quads, 16, 8 },
		     { highs, 4, 1 } };

	for (size_t i = 0; i < ARRAY_SIZE(sets); i++) {
		for (unsigned int n = 0; n < sets[i].count; n++) {
			if (sets[i].registers[n] != reg)
				continue;
			*number = n;
			*size = sets[i].size;
			*high = sets[i].registers == highs;
			return true;
		}
	}
	return false;
}

/* What capstone says, as decode() would. False: no move between memory and register or constant. */
static inline bool reference(const cs_insn *found, struct insn *insn)
{
	const cs_x86 *x86 = &found->detail->x86;
	const cs_x86_op *memory, *other;
	unsigned int number = 0, size = 0;
	bool high = false;

	memset(insn, 0, sizeof(*insn));
	switch (found->id) {
	case X86_INS_MOVSX:
	case X86_INS_MOVSXD:
		insn->sign_extend = true;
		break;
	case X86_INS_MOV:
	case X86_INS_MOVABS:
	case X86_INS_MOVZX:
	case X86_INS_MOVNTI:
		break;
	default:
		return false;
	}
	if (x86->op_count != 2)
		return false;
	insn->write = x86->operands[0].type == X86_OP_MEM;
	memory = &x86->operands[insn->write ? 0 : 1];
	other = &x86->operands[insn->write ? 1 : 0];
	if (memory->type != X86_OP_MEM)
		return false;
	insn->length = (uint8_t)found->size;
	insn->size = memory->size;
	if (other->type == X86_OP_IMM) {
		insn->immediate = true;
		insn->value = (uint64_t)other->imm;
		insn->result = insn->size;
		return true;
	}
	if (!find_register(other->reg, &number, &size, &high))
		return false; /* a segment register */
	insn->reg = (uint8_t)number;
	insn->high_byte = high;
	insn->result = (uint8_t)size;
	return true;
}

static inline bool is_prefix(uint8_t byte)
{
	static const uint8_t all[] = { 0x26, 0x2e, 0x36, 0x3e, 0x64, 0x65,
				       0x66, 0x67, 0xf0, 0xf2, 0xf3 };

	return memchr(all, byte, sizeof(all));
}

/* Strings on which the two cannot be compared. */
static inline bool excluded(const uint8_t *bytes, unsigned int code_bits)
{
	bool operand_size = false;
	unsigned int i;
	uint8_t rex = 0;

	for (i = 0; i < MAX_LENGTH && is_prefix(bytes[i]); i++) {
		operand_size |= bytes[i] == 0x66;
		/* LOCK is invalid and repeat prefixes mean nothing here (APM 1.2.5, 1.2.6):
		 * refused. */
		if (bytes[i] >= 0xf0)
			return true;
	}
	/* decode() reads no more prefixes: one of each kind is all that makes sense. */
	if (i > 3)
		return true;
	if (code_bits == 64 && (bytes[i] & 0xf0) == 0x40)
		rex = bytes[i++];
	/* A REX that is not right before the opcode is ignored by CPUs (APM 1.2.7): refused. */
	if (rex && (is_prefix(bytes[i]) || (bytes[i] & 0xf0) == 0x40))
		return true;
	/* Without REX.W a 32-bit move (see the table); capstone 4 takes it for one to 64 bits. */
	if (code_bits == 64 && bytes[i] == 0x63 && !(rex & 8))
		return true;
	/* The manual says nothing of MOVNTI with this prefix. */
	return operand_size && bytes[i] == 0x0f && bytes[i + 1] == 0xc3;
}

#endif
