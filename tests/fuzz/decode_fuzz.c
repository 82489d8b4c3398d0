// SPDX-License-Identifier: GPL-2.0
/*
 * The decoder of memory accesses against capstone. Input: the code's mode, how many bytes there
 * are, then these bytes.
 */
#include "fuzz.h"
#include <decode.h>
#include "../unit/decode_reference.h"

static const struct {
	unsigned int bits;
	cs_mode mode;
} modes[] = { { 64, CS_MODE_64 }, { 32, CS_MODE_32 }, { 16, CS_MODE_16 } };

static csh capstone[ARRAY_SIZE(modes)];
static cs_insn *found;

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc;
	(void)argv;
	for (size_t i = 0; i < ARRAY_SIZE(modes); i++) {
		require(cs_open(CS_ARCH_X86, modes[i].mode, &capstone[i]) == CS_ERR_OK, "cs_open");
		cs_option(capstone[i], CS_OPT_DETAIL, CS_OPT_ON);
	}
	found = cs_malloc(capstone[0]);
	return 0;
}

static bool same(const struct insn *a, const struct insn *b)
{
	char text_a[64], text_b[64];

	return a->length == b->length &&
	       !strcmp(describe(a, text_a, sizeof(text_a)), describe(b, text_b, sizeof(text_b)));
}

/* The short way for writes to APIC registers agrees with decode(). */
static void check_store32(const uint8_t *bytes, bool accepted, const struct insn *insn)
{
	struct store32 store;

	if (!decode_store32(bytes, &store))
		return;
	require(accepted && insn->write && insn->size == 4 && !insn->high_byte,
		"decode_store32() alone takes it");
	require(store.length == insn->length && store.immediate == insn->immediate, "length %u, %u",
		store.length, insn->length);
	if (store.immediate)
		require(store.value == (uint32_t)insn->value, "value %#x", store.value);
	else
		require(store.reg == insn->reg, "register %u, %u", store.reg, insn->reg);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t bytes[DECODE_BUFFER], other_end[DECODE_BUFFER];
	const uint8_t *code = bytes;
	unsigned int mode, count;
	struct insn ours, again, theirs;
	bool accepted, reference_accepts;
	uint64_t address = 0;
	size_t left;

	if (size < 3 || size > 2 + MAX_LENGTH)
		return -1;
	mode = data[0] % ARRAY_SIZE(modes);
	count = (unsigned int)size - 2;
	if (data[1] < count)
		count = data[1]; /* the others stand behind the guest's bytes */
	memset(bytes, 0xcc, sizeof(bytes));
	memcpy(bytes, data + 2, size - 2);
	accepted = decode(bytes, count, modes[mode].bits, &ours);
	require(!accepted || (ours.length <= count && ours.length), "length %u of %u", ours.length,
		count);

	/* What stands behind must not matter. */
	memset(other_end, 0x5a, sizeof(other_end));
	memcpy(other_end, bytes, count);
	require(decode(other_end, count, modes[mode].bits, &again) == accepted, "bytes behind");
	require(!accepted || same(&ours, &again), "bytes behind");

	if (count == MAX_LENGTH && modes[mode].bits == 64)
		check_store32(bytes, accepted, &ours);

	if (excluded(bytes, modes[mode].bits) || excluded(other_end, modes[mode].bits))
		return 0;
	left = count;
	reference_accepts = cs_disasm_iter(capstone[mode], &code, &left, &address, found) &&
			    reference(found, &theirs);
	require(accepted == reference_accepts, "decode(): %d, capstone: %d (%s %s)", accepted,
		reference_accepts, found->mnemonic, found->op_str);
	require(!accepted || same(&ours, &theirs), "capstone: %s %s", found->mnemonic,
		found->op_str);
	return 0;
}
