// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0
/*
 * Calls to the firmware. Command line: function=N, count=N, way=smc|hvc. Says what the last call
 * has returned, and in how many of them another register than X0 to X3 was changed.
 */
#include <inmate.h>

#define REGISTERS 18
#define RESULTS	  4
#define PATTERN	  0x1111111111111111ULL

#define CALL(instruction)                                                                            \
	asm volatile(                                                                                \
		"ldp x16, x17, [%0, #128]\n\tldp x14, x15, [%0, #112]\n\t"                           \
		"ldp x12, x13, [%0, #96]\n\tldp x10, x11, [%0, #80]\n\t"                             \
		"ldp x8, x9, [%0, #64]\n\tldp x6, x7, [%0, #48]\n\t"                                 \
		"ldp x4, x5, [%0, #32]\n\tldp x2, x3, [%0, #16]\n\tldp x0, x1, [%0]\n\t" instruction \
		" #0\n\t"                                                                            \
		"stp x16, x17, [%0, #128]\n\tstp x14, x15, [%0, #112]\n\t"                           \
		"stp x12, x13, [%0, #96]\n\tstp x10, x11, [%0, #80]\n\t"                             \
		"stp x8, x9, [%0, #64]\n\tstp x6, x7, [%0, #48]\n\t"                                 \
		"stp x4, x5, [%0, #32]\n\tstp x2, x3, [%0, #16]\n\tstp x0, x1, [%0]"                 \
		:                                                                                    \
		: "r"(pointer)                                                                       \
		: "memory", "x0", "x1", "x2", "x3", "x4", "x5", "x6", "x7", "x8", "x9", "x10",       \
		  "x11", "x12", "x13", "x14", "x15", "x16", "x17")

void inmate_main(void)
{
	uint64_t count = cmdline_number("count", 1), changed = 0, regs[REGISTERS] = { 0 };
	uint32_t function = cmdline_number("function", 0);
	register uint64_t *pointer asm("x19") = regs;
	unsigned int i;
	char way[4];
	bool hvc;

	cmdline_string("way", way, sizeof(way));
	hvc = way[0] == 'h';
	for (uint64_t n = 0; n < count; n++) {
		bool same = true;

		regs[0] = function;
		for (i = 1; i < REGISTERS; i++)
			regs[i] = i * PATTERN;
		if (hvc)
			CALL("hvc");
		else
			CALL("smc");
		for (i = RESULTS; i < REGISTERS; i++)
			same &= regs[i] == i * PATTERN;
		changed += !same;
	}
	printf("firmware: 0x%x by %s: %lld, %llu changed\n", function, hvc ? "hvc" : "smc",
	       (long long)regs[0], (unsigned long long)changed);
}
