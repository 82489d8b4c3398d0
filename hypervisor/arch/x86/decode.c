// SPDX-License-Identifier: GPL-2.0
/* AMD APM vol. 3, chapter 1: instruction encoding. */
#include <decode.h>

struct cursor {
	const uint8_t *bytes;
	unsigned int count, position;
	bool overrun;
};

static inline uint8_t next(struct cursor *cursor)
{
	if (unlikely(cursor->position >= cursor->count)) {
		cursor->overrun = true;
		return 0;
	}
	return cursor->bytes[cursor->position++];
}

static uint64_t immediate(struct cursor *cursor, unsigned int size)
{
	uint64_t value = 0;

	for (unsigned int i = 0; i < size; i++)
		value |= (uint64_t)next(cursor) << (8 * i);
	return value;
}

/* Pass over ModRM's addressing bytes; the address itself is known from the exit. */
static inline void skip_address(struct cursor *cursor, uint8_t modrm, unsigned int address_bits)
{
	unsigned int mod = modrm >> 6, rm = modrm & 7, displacement = 0;

	if (address_bits == 16) {
		if (mod == 1)
			displacement = 1;
		else if (mod == 2 || rm == 6)
			displacement = 2;
	} else {
		if (rm == 4) {
			uint8_t sib = next(cursor);

			if (mod == 0 && (sib & 7) == 5)
				displacement = 4;
		}
		if (mod == 1)
			displacement = 1;
		else if (mod == 2 || (mod == 0 && rm == 5))
			displacement = 4;
	}
	cursor->position += displacement;
}

/* Operand size, address size and segment overrides; all are 0x26 to 0x67 with these bits. */
static inline bool is_prefix(uint8_t byte)
{
	return (byte & 0xe7) == 0x26 || (byte >= 0x64 && byte <= 0x67);
}

bool decode(const uint8_t *bytes, unsigned int count, unsigned int code_bits, struct insn *insn)
{
	struct cursor cursor = { bytes, MIN(count, 15U), 0, false };
	bool operand_prefix = false, address_prefix = false, has_modrm = true, byte = false;
	unsigned int operand_size, address_bits;
	uint8_t rex = 0, opcode, modrm = 0;

	for (opcode = next(&cursor); is_prefix(opcode); opcode = next(&cursor)) {
		operand_prefix |= opcode == 0x66;
		address_prefix |= opcode == 0x67;
	}
	if (code_bits == 64 && (opcode & 0xf0) == 0x40) {
		rex = opcode;
		opcode = next(&cursor);
	}
	if (code_bits == 16)
		operand_size = operand_prefix ? 4 : 2;
	else
		operand_size = rex & 8 ? 8 : operand_prefix ? 2 : 4;
	if (code_bits == 64)
		address_bits = address_prefix ? 32 : 64;
	else
		address_bits = (code_bits == 16) != address_prefix ? 16 : 32;

	*insn = (struct insn){ .size = (uint8_t)operand_size, .result = (uint8_t)operand_size };

	switch (opcode) {
	case 0x88: /* MOV r/m8, r8 */
	case 0xc6: /* MOV r/m8, imm8 */
		byte = true;
		/* fall through */
	case 0x89: /* MOV r/m, r */
	case 0xc7: /* MOV r/m, imm */
		insn->write = true;
		insn->immediate = opcode >= 0xc6;
		break;
	case 0x8a: /* MOV r8, r/m8 */
		byte = true;
		/* fall through */
	case 0x8b: /* MOV r, r/m */
		break;
	case 0xa0: /* MOV AL, moffs; A1 MOV rAX, moffs; A2 and A3: the other direction */
	case 0xa1:
	case 0xa2:
	case 0xa3:
		byte = !(opcode & 1);
		insn->write = opcode & 2;
		has_modrm = false;
		break;
	case 0x63: /* MOVSXD r, r/m32 */
		if (code_bits != 64)
			return false;
		insn->size = 4;
		insn->sign_extend = true;
		break;
	case 0x0f:
		opcode = next(&cursor);
		switch (opcode) {
		case 0xb6: /* MOVZX r, r/m8 */
		case 0xbe: /* MOVSX r, r/m8 */
			insn->size = 1;
			insn->sign_extend = opcode == 0xbe;
			break;
		case 0xb7: /* MOVZX r, r/m16 */
		case 0xbf: /* MOVSX r, r/m16 */
			insn->size = 2;
			insn->sign_extend = opcode == 0xbf;
			break;
		case 0xc3: /* MOVNTI m, r */
			insn->write = true;
			break;
		default:
			return false;
		}
		break;
	default:
		return false;
	}
	if (byte)
		insn->size = insn->result = 1;

	if (has_modrm) {
		modrm = next(&cursor);
		if (modrm >> 6 == 3)
			return false; /* register to register */
		if (insn->immediate && modrm >> 3 & 7)
			return false;
		insn->reg = (uint8_t)((modrm >> 3 & 7) | (rex & 4) << 1);
		/* Without REX, byte registers 4 to 7 are AH, CH, DH, BH. */
		if (byte && !rex && !insn->immediate && insn->reg >= 4) {
			insn->high_byte = true;
			insn->reg -= 4;
		}
		skip_address(&cursor, modrm, address_bits);
	} else {
		cursor.position += address_bits / 8;
	}
	if (insn->immediate) {
		insn->value = immediate(&cursor, MIN(insn->size, 4));
		if (insn->size == 8) /* imm32, sign-extended */
			insn->value = (uint64_t)(int64_t)(int32_t)insn->value;
	}
	insn->length = (uint8_t)cursor.position;
	return !cursor.overrun && cursor.position <= cursor.count;
}
