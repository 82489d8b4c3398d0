// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0
/*
 * Attacks by what a CPU itself has. Command line: what= one of
 *
 *   control	every bit of CR0, CR4, CR8, EFER, XCR0, PAT and the debug registers
 *   cr4	a reserved bit of CR4
 *   svm	the instructions of SVM
 *   vmx	the instructions of VMX and SMX, and the hypercall of the other vendor's CPUs
 *   calls	count=N hypercalls with every number and random arguments
 *   registers	what the last run of this attack left in vector registers
 *   caches	WBINVD and INVD, count=N of each
 */
#include "attack.h"

#define MSR_EFER 0xc0000080U
#define MSR_PAT	 0x277U

#define CR0_PE 1UL
#define CR0_PG (1UL << 31)
/*
 * VME to DE, PSE, MCE to OSXMMEXCPT, FSGSBASE, OSXSAVE, SMEP, SMAP. Reserved ones: what=cr4, as
 * QEMU ends the guest there, where a CPU raises #GP.
 */
#define CR4_USUAL   0x003507dfUL
#define CR4_OSXSAVE (1UL << 18)
#define EFER_LMA    (1UL << 10)

static uint64_t xgetbv(void)
{
	uint32_t low, high;

	__asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
	return (uint64_t)high << 32 | low;
}

static unsigned int xsetbv(uint64_t value)
{
	return TRY("xsetbv", "a"((uint32_t)value), "d"((uint32_t)(value >> 32)), "c"(0));
}

#define READ_REGISTER(name)                                                    \
	({                                                                     \
		uint64_t register_value;                                       \
		__asm__ volatile("mov %%" name ", %0" : "=r"(register_value)); \
		register_value;                                                \
	})
#define WRITE_REGISTER(name, value) TRY("mov %1, %%" name, "r"((uint64_t)(value)))

/*
 * Flip a bit, then put the old value back: either the CPU refuses it, or it is the cell's own. Not
 * those in but: without paging, which QEMU switches off also in 64-bit mode, this program ends.
 */
#define FLIP_BITS(name, but)                                                    \
	do {                                                                    \
		uint64_t flip_old = READ_REGISTER(name);                        \
		unsigned int flip_bit;                                          \
                                                                                \
		for (flip_bit = 0; flip_bit < 64; flip_bit++) {                 \
			if ((but)&1UL << flip_bit)                              \
				continue;                                       \
			if (WRITE_REGISTER(name, flip_old ^ 1UL << flip_bit)) { \
				refused();                                      \
			} else {                                                \
				survived();                                     \
				WRITE_REGISTER(name, flip_old);                 \
			}                                                       \
		}                                                               \
	} while (0)

static void flip_msr(uint32_t msr)
{
	uint64_t old = rdmsr(msr);
	unsigned int bit;

	for (bit = 0; bit < 64; bit++) {
		if (wrmsr_safe(msr, old ^ 1UL << bit)) {
			refused();
			continue;
		}
		survived();
		wrmsr_safe(msr, old);
	}
	expect_refused(rdmsr(msr) == old, "left in MSR", msr, rdmsr(msr));
}

/* What CPUID does not announce cannot be switched on. */
static void efer_features(void)
{
	static const struct {
		uint32_t leaf;
		unsigned int reg, feature, bit;
	} features[] = {
		{ 0x80000001, 2, 2, 12 },  /* SVME, by SVM */
		{ 0x80000001, 3, 25, 14 }, /* FFXSR */
		{ 0x80000001, 2, 17, 15 }, /* TCE */
		{ 0x80000021, 0, 8, 21 },  /* automatic IBRS */
	};
	unsigned int i;

	for (i = 0; i < sizeof(features) / sizeof(features[0]); i++) {
		uint64_t old = rdmsr(MSR_EFER);
		uint32_t regs[4], highest, unused;

		cpuid(0x80000000, 0, &highest, &unused, &unused, &unused);
		cpuid(features[i].leaf, 0, &regs[0], &regs[1], &regs[2], &regs[3]);
		if (features[i].leaf <= highest &&
		    regs[features[i].reg] & 1U << features[i].feature) {
			survived();
			continue;
		}
		expect_refused(wrmsr_safe(MSR_EFER, old | 1UL << features[i].bit) == GP, "EFER bit",
			       features[i].bit, rdmsr(MSR_EFER));
	}
}

static volatile unsigned int debug_exceptions;

static void on_debug(void)
{
	debug_exceptions++;
	WRITE_REGISTER("dr7", 0x400);
}

static void control(void)
{
	uint64_t xcr0, cr4 = READ_REGISTER("cr4");
	unsigned int bit;

	interrupts_off();
	interrupt_handler(1, on_debug);
	efer_features();
	FLIP_BITS("cr0", CR0_PE | CR0_PG);
	FLIP_BITS("cr4", ~CR4_USUAL);
	FLIP_BITS("cr8", 0);
	FLIP_BITS("dr0", 0);
	FLIP_BITS("dr3", 0);
	FLIP_BITS("dr6", 0);
	/* General detect makes the next access a #DB; on_debug() ends that. */
	FLIP_BITS("dr7", 0);
	WRITE_REGISTER("dr7", 0x400);
	flip_msr(MSR_EFER);
	flip_msr(MSR_PAT);
	if (!WRITE_REGISTER("cr4", cr4 | CR4_OSXSAVE)) {
		xcr0 = xgetbv();
		for (bit = 0; bit < 64; bit++) {
			if (xsetbv(xcr0 ^ 1UL << bit))
				refused();
			else
				survived();
			xsetbv(xcr0);
		}
	}
	WRITE_REGISTER("cr4", cr4);
}

static void cr4(void)
{
	expect_refused(WRITE_REGISTER("cr4", READ_REGISTER("cr4") | 1UL << 63) == GP,
		       "reserved bit of CR4", 63, READ_REGISTER("cr4"));
}

/* Not the instruction's own exception but that of its operand: which comes first is the CPU's
 * affair. */
static bool is_refusal(unsigned int fault)
{
	return fault == UD || fault == GP;
}

static void svm(void)
{
	unsigned int i;

	random_seed();
	for (i = 0; i < 2000; i++) {
		uint64_t rax = i & 1 ? random64() : (uint64_t)i << 12;

		expect_refused(is_refusal(TRY("vmrun", "a"(rax))), "VMRUN", rax, 0);
		expect_refused(is_refusal(TRY("vmload", "a"(rax))), "VMLOAD", rax, 0);
		expect_refused(is_refusal(TRY("vmsave", "a"(rax))), "VMSAVE", rax, 0);
		expect_refused(TRY("stgi", "a"(rax)) == UD, "STGI", rax, 0);
		expect_refused(TRY("clgi", "a"(rax)) == UD, "CLGI", rax, 0);
		expect_refused(TRY("skinit", "a"(rax)) == UD, "SKINIT", rax, 0);
		expect_refused(TRY("invlpga", "a"(rax), "c"(1)) == UD, "INVLPGA", rax, 0);
	}
	wrmsr_safe(MSR_EFER, rdmsr(MSR_EFER) | 1UL << 12);
	expect_refused(TRY("vmload", "a"(0)) == UD, "VMLOAD after EFER.SVME", 0, 0);
	expect_refused(TRY("stgi", "a"(0)) == UD, "STGI after EFER.SVME", 0, 0);
}

#define CR4_VMXE (1UL << 13)

static void vmx(void)
{
	static uint64_t memory[512] __attribute__((aligned(4096)));
	static const uint64_t descriptor[2] = { 1, 0 };
	uint64_t address, cr4 = READ_REGISTER("cr4"), value = 0;
	unsigned int i;

	random_seed();
	/* Where CPUID announces no VMX, the bit is a reserved one; what QEMU makes of those: cr4. */
	if (has_vmcall)
		expect_refused(WRITE_REGISTER("cr4", cr4 | CR4_VMXE) == GP, "CR4.VMXE", 0,
			       READ_REGISTER("cr4"));
	for (i = 0; i < 1000; i++) {
		address = i & 1 ? random64() : (uint64_t)(uintptr_t)memory;
		/* QEMU's CPUs take these for RDRAND and RDSEED with an operand in memory. */
		if (has_vmcall) {
			expect_refused(TRY("vmxon %1", "m"(address)) == UD, "VMXON", address, 0);
			expect_refused(TRY("vmclear %1", "m"(address)) == UD, "VMCLEAR", address,
				       0);
			expect_refused(TRY("vmptrld %1", "m"(address)) == UD, "VMPTRLD", address,
				       0);
			expect_refused(TRY("vmptrst (%1)", "r"(memory)) == UD, "VMPTRST", 0, 0);
		}
		expect_refused(TRY("vmread %1, %%rax", "r"(address)) == UD, "VMREAD", address, 0);
		expect_refused(TRY("vmwrite %1, %%rax", "r"(value), "a"(address)) == UD, "VMWRITE",
			       address, 0);
		expect_refused(TRY("vmlaunch") == UD, "VMLAUNCH", 0, 0);
		expect_refused(TRY("vmresume") == UD, "VMRESUME", 0, 0);
		expect_refused(TRY("vmxoff") == UD, "VMXOFF", 0, 0);
		expect_refused(TRY("invept %1, %%rax", "m"(descriptor), "a"((uint64_t)(i & 3))) ==
				       UD,
			       "INVEPT", i & 3, 0);
		expect_refused(TRY("invvpid %1, %%rax", "m"(descriptor), "a"((uint64_t)(i & 3))) ==
				       UD,
			       "INVVPID", i & 3, 0);
		expect_refused(TRY("vmfunc", "a"(i & 1), "c"(i)) == UD, "VMFUNC", i, 0);
		expect_refused(is_refusal(TRY("getsec", "a"(i & 15), "b"(0))), "GETSEC", i & 15, 0);
		if (has_vmcall)
			expect_refused(TRY("vmmcall", "a"(CL_HC_GET_INFO), "D"(0)) == UD, "VMMCALL",
				       0, 0);
		else
			expect_refused(TRY("vmcall", "a"(CL_HC_GET_INFO), "D"(0)) == UD, "VMCALL",
				       0, 0);
	}
}

/* Version and number of cells are for everybody. */
static bool is_for_cells(uint64_t number, uint64_t type)
{
	return number == CL_HC_GET_INFO && (type == CL_INFO_ABI_VERSION || type == CL_INFO_CELLS);
}

static void call(uint64_t number, uint64_t a, uint64_t b, uint64_t c)
{
	int64_t result = hypercall(number, a, b, c);

	if (is_for_cells(number, a))
		survived();
	else
		expect_refused(result < 0, "hypercall", number, (uint64_t)result);
}

static void calls(void)
{
	uint64_t count = cmdline_number("count", 100000), i;

	random_seed();
	for (i = 0; i < count; i++) {
		uint64_t number = i % 4 ? i / 4 % (CL_HC_COUNT + 4) : random64();

		/* Small numbers hit ids and types, addresses of its own memory may be read. */
		call(number, random64() >> (random64() & 63), random64() >> (random64() & 63),
		     random64() >> (random64() & 63));
	}
}

#define LEFT_BEHIND 0x1eafULL

/* The CPU is reset at each start, vector registers included, whatever is enabled in XCR0. */
static void registers(void)
{
	static const uint64_t pattern[4] = { LEFT_BEHIND, LEFT_BEHIND, LEFT_BEHIND, LEFT_BEHIND };
	uint64_t found[4] = { 0 };
	unsigned int i;

	WRITE_REGISTER("cr4", READ_REGISTER("cr4") | CR4_OSXSAVE | 1UL << 9);
	if (xsetbv(7)) {
		printf("attack: no AVX here\n");
		return;
	}
	__asm__ volatile("vmovdqu %%ymm5, %0" : "=m"(found));
	for (i = 0; i < 4; i++)
		expect_refused(found[i] != LEFT_BEHIND, "YMM5 of the last owner", i, found[i]);
	__asm__ volatile("vmovdqu %0, %%ymm5" : : "m"(pattern));
	/* Vector registers that are switched off keep what they have. */
	xsetbv(1);
}

static void caches(void)
{
	uint64_t count = cmdline_number("count", 2000), i;
	static volatile uint64_t word;

	for (i = 1; i <= count; i++) {
		word = i;
		__asm__ volatile("wbinvd" ::: "memory");
		survived();
		word = ~i;
		/* Would lose the word, and other cells' data: it must do what WBINVD does. */
		__asm__ volatile("invd" ::: "memory");
		expect_refused(word == ~i, "INVD dropped a word", i, word);
	}
}

static const struct attack attacks[] = {
	{ "control", control }, { "cr4", cr4 },	    { "svm", svm },
	{ "vmx", vmx },		{ "calls", calls }, { "registers", registers },
	{ "caches", caches },
};

void inmate_main(void)
{
	run_attack(attacks);
}
