/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
#ifndef ATTACK_ARCH_H
#define ATTACK_ARCH_H

/*
 * Execute an instruction that may fault: 0, or FAULTED | vector. The operands are those of an asm
 * statement with one output before them.
 */
#define TRY(instruction, ...)                                         \
	({                                                            \
		register uint64_t try_fault __asm__("r8") = 0;        \
		__asm__ volatile("1: " instruction "\n2:\n" CAN_FAULT \
				 : "+r"(try_fault)                    \
				 : __VA_ARGS__                        \
				 : "memory", "cc");                   \
		(unsigned int)try_fault;                              \
	})

#define EXCEPTION(vector) (FAULTED | (vector))
#define UD		  EXCEPTION(6)
#define GP		  EXCEPTION(13)

#endif
