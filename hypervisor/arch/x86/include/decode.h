/* SPDX-License-Identifier: GPL-2.0 */
/* Which access to memory an instruction makes; no state, also compiled on the host for tests. */
#ifndef X86_DECODE_H
#define X86_DECODE_H

#include <hv.h>

struct insn {
	uint8_t length; /* bytes of the instruction */
	uint8_t size;	/* bytes of the access: 1, 2, 4, 8 */
	bool write;
	bool immediate;	  /* a write of `value`; else of register `reg` */
	uint8_t reg;	  /* 0..15: RAX, RCX, RDX, RBX, RSP, RBP, RSI, RDI, R8 .. R15 */
	bool high_byte;	  /* AH, CH, DH, BH: bits 15:8 of register `reg` */
	uint8_t result;	  /* reads: bytes of the register that change; 4 clears bits 63:32 */
	bool sign_extend; /* reads: else zero extension from size to result */
	uint64_t value;
};

/* The bytes that decode() may look at, whatever count is. */
#define DECODE_BUFFER 24

/*
 * Decode a MOV, MOVZX, MOVSX, MOVSXD, MOVNTI or MOV with memory offset. bytes: DECODE_BUFFER bytes,
 * of which the first count are the guest's. code_bits: 16, 32 or 64. Returns false for any other
 * instruction, for one without memory operand, for a LOCK prefix and for one that does not end
 * within count bytes.
 */
bool decode(const uint8_t *bytes, unsigned int count, unsigned int code_bits, struct insn *insn);

/* A store of 32 bits in 64-bit code, as writel() of a driver is: the usual one. */
struct store32 {
	uint8_t length, reg;
	bool immediate;
	uint32_t value;
};

/*
 * The quick way for MOV m32, r32 and MOV m32, imm32 without prefixes other than REX. False says
 * nothing: decode() knows the rest. bytes as there, all of them the guest's but the last 9.
 */
static inline bool decode_store32(const uint8_t *bytes, struct store32 *store)
{
	unsigned int rex = 0, mod, rm, length = 2;
	uint8_t modrm;

	if ((bytes[0] & 0xf8) == 0x40) { /* REX without W */
		rex = *bytes++;
		length++;
	}
	modrm = bytes[1];
	mod = modrm >> 6;
	rm = modrm & 7;
	if ((bytes[0] != 0x89 && (bytes[0] != 0xc7 || modrm & 0x38)) || mod == 3)
		return false;
	if (mod == 1)
		length += 1;
	else if (mod == 2 || rm == 5 || (rm == 4 && (bytes[2] & 7) == 5))
		length += 4;
	length += rm == 4;
	store->immediate = bytes[0] == 0xc7;
	store->reg = (uint8_t)(modrm >> 3 & 7) | (uint8_t)((rex & 4) << 1);
	if (store->immediate) {
		memcpy(&store->value, bytes + length - !!rex, 4);
		length += 4;
	}
	store->length = (uint8_t)length;
	return length <= 15;
}

#endif
