/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
#ifndef ATTACK_ARCH_H
#define ATTACK_ARCH_H

/* Exceptions by class (ESR_EL1.EC) */
#define UNKNOWN	    (FAULTED | 0x00)
#define FETCH_ABORT (FAULTED | 0x21)
#define DATA_ABORT  (FAULTED | 0x25)

/*
 * Execute an instruction that may fault: 0, or FAULTED | class. The operands are those of an asm
 * statement with one output before them; X17 and X30 may change.
 */
#define TRY(instruction, ...)                                         \
	({                                                            \
		register uint64_t try_fault __asm__("x16") = 0;       \
		__asm__ volatile("1: " instruction "\n2:\n" CAN_FAULT \
				 : "+r"(try_fault)                    \
				 : __VA_ARGS__                        \
				 : "memory", "cc", "x17", "x30");     \
		(unsigned int)try_fault;                              \
	})

/*
 * Execute an instruction word, made at run time, with registers 0 to 7 as given; then they are what
 * they are behind it. It may change no others but vector registers. The result is as TRY's.
 */
extern uint32_t run_slot[];
uint64_t run_in_slot(uint64_t *regs);

__asm__(".pushsection .text.slot, \"ax\"\n"
	".globl run_in_slot, run_slot\n"
	"run_in_slot:\n"
	"	stp	x19, x30, [sp, #-16]!\n"
	"	mov	x19, x0\n"
	"	mov	x16, #0\n"
	"	ldp	x0, x1, [x19]\n"
	"	ldp	x2, x3, [x19, #16]\n"
	"	ldp	x4, x5, [x19, #32]\n"
	"	ldp	x6, x7, [x19, #48]\n"
	"run_slot:\n"
	"1:	nop\n"
	"2:	stp	x0, x1, [x19]\n"
	"	stp	x2, x3, [x19, #16]\n"
	"	stp	x4, x5, [x19, #32]\n"
	"	stp	x6, x7, [x19, #48]\n"
	"	mov	x0, x16\n"
	"	ldp	x19, x30, [sp], #16\n"
	"	ret\n"
	".popsection\n" CAN_FAULT);

static inline unsigned int run_word(uint32_t word, uint64_t *regs)
{
	if (*(volatile uint32_t *)run_slot != word) {
		*(volatile uint32_t *)run_slot = word;
		sync_code(run_slot, sizeof(word));
	}
	return run_in_slot(regs);
}

struct outcome {
	uint64_t value;
	unsigned int fault;
};

/* With X0 only. */
static inline struct outcome run_with(uint32_t word, uint64_t value)
{
	uint64_t regs[8] = { value };
	unsigned int fault = run_word(word, regs);

	return (struct outcome){ regs[0], fault };
}

/* MRS X0 and MSR from X0, by Op0 (2 or 3), Op1, CRn, CRm, Op2; SYS and SYSL with Op0 = 1 */
#define SYSTEM_REGISTER(op0, op1, crn, crm, op2) \
	((uint32_t)(op0) << 19 | (op1) << 16 | (crn) << 12 | (crm) << 8 | (op2) << 5)
#define MRS(reg) (0xd5200000 | (reg))
#define MSR(reg) (0xd5000000 | (reg))

#endif
