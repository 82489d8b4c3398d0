// SPDX-License-Identifier: GPL-2.0
/* AMD APM vol. 3, chapter 1: instruction encoding. */
#include <decode.h>

#define MODRM	  0x01
#define WRITE	  0x02
#define BYTE	  0x04 /* 8-bit operands */
#define IMMEDIATE 0x08
#define OFFSET	  0x10 /* a memory offset instead of ModRM, register AL/AX/EAX/RAX */
#define PREFIX	  0x20
#define FROM_32	  0x40 /* MOVSXD */

/* What follows the opcode; 0: not emulated. */
static const uint8_t forms[256] = {
	[0x26] = PREFIX, /* segments */
	[0x2e] = PREFIX,
	[0x36] = PREFIX,
	[0x3e] = PREFIX,
	[0x64] = PREFIX,
	[0x65] = PREFIX,
	[0x66] = PREFIX,			   /* operand size */
	[0x67] = PREFIX,			   /* address size */
	[0x63] = MODRM | FROM_32,		   /* MOVSXD r, r/m32 */
	[0x88] = MODRM | WRITE | BYTE,		   /* MOV r/m8, r8 */
	[0x89] = MODRM | WRITE,			   /* MOV r/m, r */
	[0x8a] = MODRM | BYTE,			   /* MOV r8, r/m8 */
	[0x8b] = MODRM,				   /* MOV r, r/m */
	[0xa0] = OFFSET | BYTE,			   /* MOV AL, moffs8 */
	[0xa1] = OFFSET,			   /* MOV rAX, moffs */
	[0xa2] = OFFSET | WRITE | BYTE,		   /* MOV moffs8, AL */
	[0xa3] = OFFSET | WRITE,		   /* MOV moffs, rAX */
	[0xc6] = MODRM | WRITE | BYTE | IMMEDIATE, /* MOV r/m8, imm8 */
	[0xc7] = MODRM | WRITE | IMMEDIATE,	   /* MOV r/m, imm */
};

/* Prefixes that an instruction can usefully have: one of each of the three groups above. */
#define MAX_PREFIXES 3

/* Bytes of SIB and displacement behind ModRM with 32- or 64-bit addresses. */
static inline unsigned int address_length(uint8_t modrm, uint8_t sib)
{
	unsigned int mod = modrm >> 6, rm = modrm & 7;
	unsigned int length = rm == 4;

	if (mod == 1)
		return length + 1;
	if (mod == 2 || rm == 5 || (rm == 4 && (sib & 7) == 5))
		return length + 4;
	return length;
}

static unsigned int address_length_16(uint8_t modrm)
{
	unsigned int mod = modrm >> 6;

	return mod == 0 && (modrm & 7) == 6 ? 2 : mod;
}

/* Opcodes behind 0x0f. */
static uint8_t two_byte_form(uint8_t opcode, struct insn *insn)
{
	switch (opcode) {
	case 0xb6: /* MOVZX r, r/m8 */
	case 0xbe: /* MOVSX r, r/m8 */
		insn->size = 1;
		break;
	case 0xb7: /* MOVZX r, r/m16 */
	case 0xbf: /* MOVSX r, r/m16 */
		insn->size = 2;
		break;
	case 0xc3: /* MOVNTI m, r: 4 or 8 bytes, also in 16-bit code */
		insn->size = insn->size == 8 ? 8 : 4;
		return MODRM | WRITE;
	default:
		return 0;
	}
	insn->sign_extend = opcode >= 0xbe;
	return MODRM;
}

bool decode(const uint8_t *bytes, unsigned int count, unsigned int code_bits, struct insn *insn)
{
	bool operand_prefix = false, address_prefix = false;
	unsigned int position = 0, address_bits;
	uint8_t rex = 0, modrm = 0, form;

	while (unlikely((form = forms[bytes[position]]) == PREFIX)) {
		operand_prefix |= bytes[position] == 0x66;
		address_prefix |= bytes[position] == 0x67;
		if (++position > MAX_PREFIXES)
			return false;
	}
	if (code_bits == 64 && (bytes[position] & 0xf0) == 0x40) {
		rex = bytes[position++];
		form = forms[bytes[position]];
	}
	insn->size = code_bits == 16 ? 2 : 4;
	if (operand_prefix)
		insn->size ^= 6; /* 2 for 4, 4 for 2 */
	if (rex & 8)
		insn->size = 8;
	insn->result = insn->size;
	insn->sign_extend = insn->high_byte = false;
	address_bits = code_bits;
	if (address_prefix)
		address_bits = code_bits == 32 ? 16 : 32;

	if (unlikely(bytes[position] == 0x0f)) {
		position++;
		form = two_byte_form(bytes[position], insn);
	} else if (form & BYTE) {
		insn->size = insn->result = 1;
	} else if (form & FROM_32) {
		if (code_bits != 64)
			return false;
		insn->size = 4;
		insn->sign_extend = true;
	}
	if (!(form & (MODRM | OFFSET)))
		return false;
	position++;
	insn->write = form & WRITE;
	insn->immediate = form & IMMEDIATE;
	insn->reg = 0;

	if (form & MODRM) {
		modrm = bytes[position++];
		if (modrm >> 6 == 3)
			return false; /* register to register */
		insn->reg = (uint8_t)((modrm >> 3 & 7) | (rex & 4) << 1);
		/* Without REX, byte registers 4 to 7 are AH, CH, DH, BH. */
		if (unlikely(form & BYTE && !rex && insn->reg >= 4 && !insn->immediate)) {
			insn->high_byte = true;
			insn->reg -= 4;
		}
		position += address_bits == 16 ? address_length_16(modrm)
					       : address_length(modrm, bytes[position]);
	} else {
		position += address_bits / 8;
	}
	if (insn->immediate) {
		unsigned int length = MIN(insn->size, 4);
		int32_t value;

		if (modrm >> 3 & 7)
			return false; /* another instruction of the group */
		memcpy(&value, bytes + position, sizeof(value));
		position += length;
		/* imm32 is sign-extended for 64-bit operands; the other sizes take their low bits. */
		insn->value = (uint64_t)(int64_t)value;
	}
	insn->length = (uint8_t)position;
	return position <= count;
}
