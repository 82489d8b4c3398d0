// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0
/*
 * Attacks by calls, repeatable by seed=N. Command line: what= one of
 *
 *   firmware	count=N SMCCC calls by SMC and by HVC: all ranges of functions, PSCI for CPUs of
 * others calls	count=N hypercalls with every number, unknown ones and random arguments immediates
 * HVC and SMC with every immediate
 */
#include "attack.h"

#define SMC(immediate) (0xd4000003 | (uint32_t)(immediate) << 5)
#define HVC(immediate) (0xd4000002 | (uint32_t)(immediate) << 5)

#define PSCI_64		 0x40000000U
#define PSCI_CPU_SUSPEND 0x84000001U
#define PSCI_MIGRATE	 0x84000006U
#define PSCI_FEATURES	 0x8400000aU
#define SMCCC_VERSION	 0x80000000U
#define SMCCC_FEATURES	 0x80000001U

#define VERSION_1_1	   0x10001
#define INVALID_PARAMETERS (-2)
#define ALREADY_ON	   (-4)

static const uint32_t workarounds[] = { 0x80008000, 0x80007fff, 0x80003fff };

static bool is_workaround(uint32_t function)
{
	unsigned int i;

	for (i = 0; i < 3; i++)
		if (function == workarounds[i])
			return true;
	return false;
}

/* Those after which this program would not go on. */
static bool ends(uint32_t function)
{
	function &= ~PSCI_64;
	return function == PSCI_CPU_SUSPEND || function == PSCI_CPU_OFF ||
	       function == PSCI_SYSTEM_OFF || function == PSCI_SYSTEM_RESET;
}

static uint32_t some_function(void)
{
	static const uint32_t known[] = { PSCI_VERSION,	 PSCI_CPU_ON,	PSCI_AFFINITY_INFO,
					  PSCI_MIGRATE,	 PSCI_FEATURES, SMCCC_VERSION,
					  SMCCC_FEATURES };
	uint64_t chance = random64();

	switch (chance & 3) {
	case 0:
		return known[chance / 4 % 7] ^ (chance & 0x100 ? PSCI_64 : 0);
	case 1: /* power, arch, SiP, OEM, trusted OS: by owner, with a low number */
		return (uint32_t)(chance >> 8 & 0xc0000000) |
		       (uint32_t)(chance >> 40 & 0x3f) << 24 | (uint32_t)(chance >> 4 & 0x3f);
	case 2: /* PSCI, known or not */
		return 0x84000000 | (uint32_t)(chance >> 8 & PSCI_64) | (chance >> 4 & 0x1f);
	default:
		return (uint32_t)(chance >> 16);
	}
}

static uint64_t some_argument(void)
{
	uint64_t chance = random64();

	switch (chance & 3) {
	case 0:
		return chance >> 2 & 7; /* CPUs */
	case 1:
		return chance >> (chance >> 2 & 63);
	case 2:
		return (chance >> 2 & 0xff) << (chance >> 10 & 0x38);
	default:
		return 0x80000000 | (chance >> 8 & 0xc4007fff);
	}
}

static bool is_own_cpu(uint32_t function, uint64_t mpidr)
{
	return (function & PSCI_64 ? mpidr : (uint32_t)mpidr) == hw_id_to_mpidr(cpu_hw_id());
}

/* What the answer to a call must be. */
static void judge(uint32_t function, const uint64_t *args, int64_t result)
{
	uint32_t plain = function & ~PSCI_64;

	if (is_workaround(function) || (function == SMCCC_FEATURES && is_workaround(args[1]))) {
		survived();
	} else if (plain == PSCI_VERSION || function == SMCCC_VERSION) {
		if (result == VERSION_1_1)
			survived();
		else
			succeeded("version", function, result);
	} else if (plain == PSCI_MIGRATE || plain == PSCI_FEATURES) {
		survived();
	} else if (plain == (PSCI_CPU_ON & ~PSCI_64)) {
		expect_refused(result == (is_own_cpu(function, args[1]) ? ALREADY_ON
									: INVALID_PARAMETERS) ||
				       (is_own_cpu(function, args[1]) && result == -9),
			       "CPU_ON", args[1], result);
	} else if (plain == (PSCI_AFFINITY_INFO & ~PSCI_64)) {
		if (is_own_cpu(function, args[1]) && !result)
			survived();
		else
			expect_refused(result == INVALID_PARAMETERS, "AFFINITY_INFO", args[1],
				       result);
	} else {
		expect_refused(result < 0, "firmware call", function, result);
	}
}

static void firmware(void)
{
	uint64_t count = cmdline_number("count", 200000), args[8], regs[8], i;
	unsigned int n;

	random_seed();
	for (i = 0; i < count; i++) {
		uint32_t function;

		do
			function = some_function();
		while (ends(function));
		/* Only the lower half is the function. */
		args[0] = function | (random64() & 1 ? random64() << 32 : 0);
		for (n = 1; n < 8; n++)
			args[n] = some_argument();
		for (n = 0; n < 8; n++)
			regs[n] = args[n];
		/* The word is changed rarely: that costs more than the call. */
		if (run_word(i / 1000 % 2 ? SMC(0) : HVC(0), regs))
			succeeded("exception by firmware call", function, 0);
		else
			judge(function, args, (int64_t)regs[0]);
	}
}

static void calls(void)
{
	uint64_t count = cmdline_number("count", 200000), i;

	random_seed();
	for (i = 0; i < count; i++) {
		uint64_t number = i % 4 ? i / 4 % (CL_HC_COUNT + 4) : random64();
		int64_t result =
			hypercall(number, some_argument(), some_argument(), some_argument());

		if (number == CL_HC_GET_INFO && result >= 0)
			survived();
		else
			expect_refused(result < 0, "hypercall", number, (uint64_t)result);
	}
}

static void immediates(void)
{
	uint32_t immediate;

	for (immediate = 0; immediate < 0x10000; immediate++) {
		struct outcome got = { 0 };

		if (immediate != CL_HVC_IMMEDIATE) {
			got = run_with(HVC(immediate), 0x8500ff00);
			expect_refused(!got.fault && (int64_t)got.value < 0, "HVC", immediate,
				       got.value);
		}
		if (immediate % 16)
			continue;
		got = run_with(SMC(immediate), 0x8500ff00);
		expect_refused(!got.fault && (int64_t)got.value < 0, "SMC", immediate, got.value);
	}
}

static const struct attack attacks[] = {
	{ "firmware", firmware },
	{ "calls", calls },
	{ "immediates", immediates },
};

void inmate_main(void)
{
	run_attack(attacks);
}
