/* SPDX-License-Identifier: GPL-2.0 */
/* Which access to memory an instruction makes; no state, also compiled on the host for tests. */
#ifndef X86_DECODE_H
#define X86_DECODE_H

#include <hv.h>

struct insn {
	uint8_t length;	    /* bytes of the instruction */
	uint8_t size;	    /* bytes of the access: 1, 2, 4, 8 */
	bool write;
	bool immediate;	    /* a write of `value`; else of register `reg` */
	uint8_t reg;	    /* 0..15: RAX, RCX, RDX, RBX, RSP, RBP, RSI, RDI, R8 .. R15 */
	bool high_byte;	    /* AH, CH, DH, BH: bits 15:8 of register `reg` */
	uint8_t result;	    /* reads: bytes of the register that change; 4 clears bits 63:32 */
	bool sign_extend;   /* reads: else zero extension from size to result */
	uint64_t value;
};

/* The bytes that decode() may look at, whatever count is. */
#define DECODE_BUFFER 24

/*
 * Decode a MOV, MOVZX, MOVSX, MOVSXD, MOVNTI or MOV with memory offset. bytes: DECODE_BUFFER bytes,
 * of which the first count are the guest's. code_bits: 16, 32 or 64. Returns false for any other
 * instruction, for one without memory operand, for a LOCK prefix and for one that does not end within
 * count bytes.
 */
bool decode(const uint8_t *bytes, unsigned int count, unsigned int code_bits, struct insn *insn);

#endif
