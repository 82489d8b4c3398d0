/* SPDX-License-Identifier: GPL-2.0 */
/* Loads and stores for which a data abort has no syndrome: those that write back, and pairs. */
#ifndef ARM64_DECODE_H
#define ARM64_DECODE_H

#include <hv.h>

struct insn {
	bool write;
	bool sign_extend;
	bool wide;	   /* of a load: the whole X register, else its low half, and zeros above */
	bool writeback;	   /* base + offset goes to the base register */
	bool post;	   /* the address is the base register alone */
	uint8_t size;	   /* bytes of each register: 1, 2, 4, 8 */
	uint8_t count;	   /* registers: 1 or 2 */
	uint8_t target[2]; /* Rt, Rt2; 31: the zero register */
	uint8_t base;	   /* Rn; 31: the stack pointer */
	int16_t offset;	   /* bytes */
};

/*
 * False: not one of those, or one whose result the architecture leaves open (write-back to a
 * register that is also loaded or stored).
 */
bool decode(uint32_t word, struct insn *insn);

#endif
