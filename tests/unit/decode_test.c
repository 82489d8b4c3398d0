// SPDX-License-Identifier: GPL-2.0
/*
 * The decoder of memory accesses: by a table made from the AMD manual (APM vol. 3), and against
 * capstone. SEED=NUMBER in the environment repeats or varies the random test, RUNS=NUMBER its
 * length.
 */
#include <decode.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "decode_reference.h"

/* What stands behind the guest's bytes must not matter; decode() may look at it. */
static void pad(uint8_t *buffer, unsigned int count, uint8_t with)
{
	memset(buffer + count, with, DECODE_BUFFER - count);
}

static unsigned int parse_bytes(const char *hex, uint8_t *bytes)
{
	unsigned int count = 0;
	int used;

	for (unsigned int byte; sscanf(hex, "%2x%n", &byte, &used) == 1; hex += used)
		bytes[count++] = (uint8_t)byte;
	return count;
}

/*
 * meaning: "write SIZE REGISTER", "write SIZE = VALUE", "read SIZE REGISTER", with zx (zero) or sx
 * (sign extension) and the size of the result where it is another. r4: number 4, h0: AH. NULL:
 * refused.
 */
static const struct {
	unsigned int code_bits;
	const char *bytes;
	const char *meaning;
} table[] = {
	/* MOV, 64-bit code */
	{ 64, "88 03", "write 1 r0" },	     /* mov [rbx], al */
	{ 64, "88 23", "write 1 h0" },	     /* mov [rbx], ah */
	{ 64, "88 3b", "write 1 h3" },	     /* mov [rbx], bh */
	{ 64, "40 88 23", "write 1 r4" },    /* mov [rbx], spl */
	{ 64, "44 88 23", "write 1 r12" },   /* mov [rbx], r12b */
	{ 64, "89 03", "write 4 r0" },	     /* mov [rbx], eax */
	{ 64, "89 23", "write 4 r4" },	     /* mov [rbx], esp */
	{ 64, "66 89 0b", "write 2 r1" },    /* mov [rbx], cx */
	{ 64, "48 89 3b", "write 8 r7" },    /* mov [rbx], rdi */
	{ 64, "4d 89 3f", "write 8 r15" },   /* mov [r15], r15 */
	{ 64, "66 48 89 03", "write 8 r0" }, /* REX.W is stronger than 66 */
	{ 64, "8a 03", "read 1 r0" },
	{ 64, "8a 2b", "read 1 h1" },	 /* mov ch, [rbx] */
	{ 64, "41 8a 28", "read 1 r5" }, /* mov bpl, [r8] */
	{ 64, "8b 03", "read 4 r0" },
	{ 64, "66 8b 03", "read 2 r0" },
	{ 64, "4c 8b 03", "read 8 r8" },
	/* addressing: SIB, displacements, RIP-relative */
	{ 64, "8b 43 10", "read 4 r0" },	     /* [rbx + 0x10] */
	{ 64, "8b 83 10 00 00 00", "read 4 r0" },    /* [rbx + 0x10], 32-bit displacement */
	{ 64, "8b 05 10 00 00 00", "read 4 r0" },    /* [rip + 0x10] */
	{ 64, "67 8b 05 10 00 00 00", "read 4 r0" }, /* [eip + 0x10] */
	{ 64, "8b 04 24", "read 4 r0" },	     /* [rsp] */
	{ 64, "8b 44 24 08", "read 4 r0" },	     /* [rsp + 8] */
	{ 64, "8b 84 24 08 00 00 00", "read 4 r0" },
	{ 64, "8b 04 25 00 00 e0 fe", "read 4 r0" }, /* [0xfee00000]: SIB without base */
	{ 64, "43 8b 44 bd 00", "read 4 r0" },	     /* [r13 + r15 * 4 + 0] */
	{ 64, "41 8b 45 00", "read 4 r0" },	     /* [r13 + 0] */
	{ 64, "41 8b 04 24", "read 4 r0" },	     /* [r12]: needs SIB as RSP does */
	{ 64, "67 8b 03", "read 4 r0" },	     /* [ebx] */
	{ 64, "65 8b 03", "read 4 r0" },	     /* gs: */
	{ 64, "65 67 66 8b 03", "read 2 r0" },
	/* memory offsets */
	{ 64, "a0 00 00 e0 fe 00 00 00 00", "read 1 r0" },
	{ 64, "a1 00 00 e0 fe 00 00 00 00", "read 4 r0" },
	{ 64, "48 a1 00 00 e0 fe 00 00 00 00", "read 8 r0" },
	{ 64, "a2 00 00 e0 fe 00 00 00 00", "write 1 r0" },
	{ 64, "66 a3 00 00 e0 fe 00 00 00 00", "write 2 r0" },
	{ 64, "67 a3 00 00 e0 fe", "write 4 r0" },
	{ 32, "a1 00 00 e0 fe", "read 4 r0" },
	{ 32, "67 a1 00 10", "read 4 r0" },
	{ 16, "a1 00 10", "read 2 r0" },
	{ 16, "67 a1 00 00 e0 fe", "read 2 r0" },
	{ 16, "66 a3 00 10", "write 4 r0" },
	/* immediates */
	{ 64, "c6 03 80", "write 1 = 0x80" },
	{ 64, "66 c7 03 34 12", "write 2 = 0x1234" },
	{ 64, "c7 03 78 56 34 12", "write 4 = 0x12345678" },
	{ 64, "48 c7 03 ff ff ff ff", "write 8 = 0xffffffffffffffff" },
	{ 64, "48 c7 03 78 56 34 12", "write 8 = 0x12345678" },
	{ 64, "c7 84 24 b0 00 00 00 00 00 00 00", "write 4 = 0" },
	{ 64, "66 67 65 48 c7 84 24 b0 00 00 00 01 00 00 00", "write 8 = 0x1" }, /* 15 bytes */
	{ 32, "c7 05 b0 00 e0 fe 00 00 00 00", "write 4 = 0" },
	{ 16, "c7 06 00 10 cd ab", "write 2 = 0xabcd" },
	{ 16, "66 c7 06 00 10 cd ab 01 00", "write 4 = 0x1abcd" },
	/* extensions */
	{ 64, "0f b6 03", "read 1 r0 zx 4" }, /* movzx eax, byte */
	{ 64, "0f b6 23", "read 1 r4 zx 4" }, /* esp, never AH */
	{ 64, "48 0f b6 03", "read 1 r0 zx 8" },
	{ 64, "66 0f b6 03", "read 1 r0 zx 2" },
	{ 64, "0f b7 0b", "read 2 r1 zx 4" },
	{ 64, "4c 0f b7 0b", "read 2 r9 zx 8" },
	{ 64, "0f be 03", "read 1 r0 sx 4" },
	{ 64, "0f bf 03", "read 2 r0 sx 4" },
	{ 64, "48 0f bf 03", "read 2 r0 sx 8" },
	{ 64, "48 63 03", "read 4 r0 sx 8" }, /* movsxd rax, dword */
	{ 64, "63 03", "read 4 r0" },
	{ 16, "0f b6 07", "read 1 r0 zx 2" },
	{ 16, "66 0f b6 07", "read 1 r0 zx 4" },
	/* MOVNTI: 4 or 8 bytes, never 2 */
	{ 64, "0f c3 03", "write 4 r0" },
	{ 64, "66 0f c3 03", "write 4 r0" },
	{ 64, "4c 0f c3 03", "write 8 r8" },
	{ 32, "0f c3 03", "write 4 r0" },
	{ 16, "0f c3 07", "write 4 r0" },
	/* 32-bit code */
	{ 32, "89 03", "write 4 r0" },
	{ 32, "66 89 03", "write 2 r0" },
	{ 32, "88 23", "write 1 h0" },
	{ 32, "8b 05 10 00 00 00", "read 4 r0" }, /* an address, not RIP-relative: as long */
	{ 32, "67 8b 07", "read 4 r0" },	  /* [bx] */
	{ 32, "67 8b 47 10", "read 4 r0" },	  /* [bx + 0x10] */
	{ 32, "67 8b 87 10 00", "read 4 r0" },
	{ 32, "67 8b 06 00 10", "read 4 r0" }, /* [0x1000] */
	/* 16-bit code */
	{ 16, "89 07", "write 2 r0" },
	{ 16, "66 89 07", "write 4 r0" },
	{ 16, "8b 04", "read 2 r0" },	 /* [si]: no SIB with 16-bit addresses */
	{ 16, "8b 46 00", "read 2 r0" }, /* [bp + 0] */
	{ 16, "8b 80 00 10", "read 2 r0" },
	{ 16, "67 8b 04 24", "read 2 r0" }, /* [esp] */
	{ 16, "67 66 89 85 00 00 00 00", "write 4 r0" },
	{ 16, "26 8a 07", "read 1 r0" }, /* es: */

	/* register forms: no access */
	{ 64, "88 c3", NULL },
	{ 64, "89 c3", NULL },
	{ 64, "8b c3", NULL },
	{ 64, "c7 c0 00 00 00 00", NULL },
	{ 64, "0f b6 c3", NULL },
	{ 64, "48 63 c3", NULL },
	/* LOCK and repeat prefixes */
	{ 64, "f0 89 03", NULL },
	{ 64, "66 f0 89 03", NULL },
	{ 64, "f2 89 03", NULL },
	{ 64, "f3 89 03", NULL },
	/* others of the groups C6 and C7 */
	{ 64, "c6 0b 80", NULL },
	{ 64, "c7 3b 00 00 00 00", NULL },
	/* REX anywhere but right before the opcode; and it exists in 64-bit code only */
	{ 64, "48 66 89 03", NULL },
	{ 64, "48 48 89 03", NULL },
	{ 32, "48 89 03", NULL }, /* dec eax */
	{ 32, "63 03", NULL },	  /* arpl */
	/* accesses that are not moves, and what is none */
	{ 64, "01 03", NULL },	  /* add */
	{ 64, "87 03", NULL },	  /* xchg */
	{ 64, "ff 03", NULL },	  /* inc */
	{ 64, "a4", NULL },	  /* movs */
	{ 64, "ab", NULL },	  /* stos */
	{ 64, "0f 11 03", NULL }, /* movups */
	{ 64, "0f 0b", NULL },
	{ 64, "8c 03", NULL }, /* mov from segment register */
	{ 64, "90", NULL },
	{ 64, "66 66 66 66 89 03", NULL }, /* more prefixes than there is use for */
};

static void manual(void **state)
{
	char text[64];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		uint8_t bytes[DECODE_BUFFER];
		unsigned int count = parse_bytes(table[i].bytes, bytes);
		const char *found = NULL;
		struct insn insn;

		pad(bytes, count, 0xcc);
		if (decode(bytes, MAX_LENGTH, table[i].code_bits, &insn))
			found = describe(&insn, text, sizeof(text));
		if (!found != !table[i].meaning || (found && strcmp(found, table[i].meaning)))
			fail_msg("%u-bit %s: %s, expected %s", table[i].code_bits, table[i].bytes,
				 found ? found : "refused",
				 table[i].meaning ? table[i].meaning : "refused");
		if (found && insn.length != count)
			fail_msg("%u-bit %s: length %u", table[i].code_bits, table[i].bytes,
				 insn.length);
	}
}

/* One byte less is refused, whatever stands behind; all bytes are enough. */
static void truncated(void **state)
{
	static const uint8_t behind[] = { 0x00, 0x03, 0x24, 0x66, 0x89, 0xff };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		uint8_t bytes[DECODE_BUFFER];
		unsigned int count = parse_bytes(table[i].bytes, bytes);
		struct insn insn;

		if (!table[i].meaning)
			continue;
		pad(bytes, count, 0xcc);
		assert_true(decode(bytes, count, table[i].code_bits, &insn));
		for (unsigned int less = 1; less < count; less++) {
			for (size_t j = 0; j < ARRAY_SIZE(behind); j++) {
				uint8_t cut[DECODE_BUFFER];

				memcpy(cut, bytes, less);
				pad(cut, less, behind[j]);
				if (decode(cut, less, table[i].code_bits, &insn))
					fail_msg("%s cut to %u bytes was taken", table[i].bytes,
						 less);
			}
		}
	}
}

/* xorshift64*: the same numbers everywhere */
static uint64_t random_state;

static uint64_t random_number(void)
{
	random_state ^= random_state >> 12;
	random_state ^= random_state << 25;
	random_state ^= random_state >> 27;
	return random_state * 0x2545f4914f6cdd1dUL;
}

#define PICK(array) ((array)[random_number() % ARRAY_SIZE(array)])

/* Half of them are noise, the others begin as an instruction that we know could. */
static void random_bytes(uint8_t *bytes)
{
	static const uint8_t prefixes[] = { 0x26, 0x2e, 0x36, 0x3e, 0x64, 0x65, 0x66,
					    0x66, 0x67, 0x67, 0xf0, 0xf2, 0xf3 };
	static const uint8_t opcodes[] = { 0x63, 0x88, 0x89, 0x8a, 0x8b, 0xa0, 0xa1,
					   0xa2, 0xa3, 0xc6, 0xc7, 0x0f, 0x0f, 0x0f };
	static const uint8_t two_byte[] = { 0xb6, 0xb7, 0xbe, 0xbf, 0xc3 };
	unsigned int position = 0;

	for (unsigned int i = 0; i < DECODE_BUFFER; i++)
		bytes[i] = (uint8_t)random_number();
	if (random_number() & 1)
		return;
	while (position < 3 && random_number() % 3 == 0)
		bytes[position++] = PICK(prefixes);
	if (random_number() & 1)
		bytes[position++] = 0x40 | (random_number() & 15);
	bytes[position] = PICK(opcodes);
	if (bytes[position++] == 0x0f)
		bytes[position++] = PICK(two_byte);
	/* Half of the groups C6 and C7 as MOV. */
	if (random_number() & 1)
		bytes[position] &= ~0x38;
}

static void against_capstone(void **state)
{
	static const struct {
		unsigned int bits;
		cs_mode mode;
	} modes[] = { { 64, CS_MODE_64 }, { 32, CS_MODE_32 }, { 16, CS_MODE_16 } };
	const char *seed = getenv("SEED"), *runs_text = getenv("RUNS");
	unsigned int runs = runs_text ? (unsigned int)strtoul(runs_text, NULL, 0) : 200000;
	unsigned int accepted = 0, failures = 0;
	csh capstone[ARRAY_SIZE(modes)];
	cs_insn *found;

	(void)state;
	random_state = seed ? strtoul(seed, NULL, 0) : 20240229;
	print_message("SEED=%lu RUNS=%u\n", random_state, runs);
	assert_int_not_equal(random_state, 0);
	for (size_t i = 0; i < ARRAY_SIZE(modes); i++) {
		assert_int_equal(cs_open(CS_ARCH_X86, modes[i].mode, &capstone[i]), CS_ERR_OK);
		cs_option(capstone[i], CS_OPT_DETAIL, CS_OPT_ON);
	}
	found = cs_malloc(capstone[0]);

	for (unsigned int run = 0; run < runs; run++) {
		size_t mode = run % 4 < 2 ? 0 : run % 4 - 1; /* half of them 64-bit code */
		struct insn insn, other;
		char text[64] = "refused", other_text[64] = "not a move";
		uint8_t bytes[DECODE_BUFFER];
		const uint8_t *code = bytes;
		size_t left = MAX_LENGTH;
		uint64_t address = 0;
		bool ours, theirs;

		random_bytes(bytes);
		if (excluded(bytes, modes[mode].bits))
			continue;
		ours = decode(bytes, MAX_LENGTH, modes[mode].bits, &insn);
		theirs = cs_disasm_iter(capstone[mode], &code, &left, &address, found) &&
			 reference(found, &other);
		accepted += ours;
		if (ours)
			describe(&insn, text, sizeof(text));
		if (theirs)
			describe(&other, other_text, sizeof(other_text));
		if (ours == theirs &&
		    (!ours || (!strcmp(text, other_text) && insn.length == other.length)))
			continue;
		failures++;
		if (failures > 20)
			continue;
		print_error("%u-bit", modes[mode].bits);
		for (unsigned int i = 0; i < MAX_LENGTH; i++)
			print_error(" %02x", bytes[i]);
		print_error(": decode: %s (%u bytes); capstone: %s (%u bytes)\n", text,
			    ours ? insn.length : 0, other_text, theirs ? other.length : 0);
	}
	cs_free(found, 1);
	for (size_t i = 0; i < ARRAY_SIZE(modes); i++)
		cs_close(&capstone[i]);
	/* Else the test has compared nothing. */
	if (accepted < runs / 8)
		fail_msg("only %u of %u strings were accepted", accepted, runs);
	if (failures)
		fail_msg("%u disagreements, %u accepted", failures, accepted);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(manual),
		cmocka_unit_test(truncated),
		cmocka_unit_test(against_capstone),
	};

	return cmocka_run_group_tests_name("decode", tests, NULL, NULL);
}
