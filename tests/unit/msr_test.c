// SPDX-License-Identifier: GPL-2.0
/* Model-specific registers, with Intel's bitmap: which accesses exit, and what is refused then. */
#include "../host/machine.h"
#include <vendor.h>
#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

#define MSR_IA32_XSS 0xda0

struct cell root_cell;
bool x2apic_mode;
uint8_t phys_bits = 36;

static struct cell cell;
static struct cpu cpu;
static uint64_t exits[64], written;
static unsigned int writes, denied;
static unsigned char bitmap[MSR_BITMAP_BYTES];

void machine_window(uint64_t phys, bool writable)
{
	(void)phys;
	(void)writable;
}

uint64_t rdmsr(uint32_t msr)
{
	(void)msr;
	return 0;
}

static uint64_t tsc;

uint64_t rdtsc(void)
{
	return tsc++;
}

void cpuid(uint32_t leaf, uint32_t sub, uint32_t *a, uint32_t *b, uint32_t *c, uint32_t *d)
{
	(void)leaf;
	(void)sub;
	*a = *b = *c = *d = 0;
}

bool x86_wrmsr_safe(uint32_t msr, uint64_t value)
{
	if (msr == MSR_TSC || msr == MSR_TSC_ADJUST)
		tsc += value;
	else
		assert_int_equal(msr, MSR_IA32_XSS);
	written = value;
	writes++;
	return true;
}

bool kvm_clock_write(uint32_t msr, uint64_t value)
{
	(void)msr;
	(void)value;
	return false;
}

bool apic_msr_write(uint32_t msr, uint64_t value)
{
	(void)msr;
	(void)value;
	return false;
}

void cell_denied_slow(struct cell *by, const char *what, uint64_t address, uint64_t value)
{
	(void)by;
	(void)what;
	(void)address;
	(void)value;
	denied++;
}

static int setup(void **state)
{
	(void)state;
	machine_reset();
	cpu.cell = &root_cell;
	local->cpu = &cpu;
	local->exits = exits;
	writes = denied = 0;
	return 0;
}

static bool exits_on(uint32_t msr, bool write)
{
	int bit = vendor_msr_bit(msr, write);

	assert_true(bit >= 0 && (size_t)bit < sizeof(bitmap) * 8);
	return bitmap[bit / 8] >> bit % 8 & 1;
}

/* As arch_timestamp() has it. */
static uint64_t timestamp(void)
{
	return tsc - local->tsc_moved;
}

/* The clock by which the hypervisor judges cells does not advance when root sets its own. */
static void roots_clock(void **state)
{
	static const uint32_t msrs[] = { MSR_TSC, MSR_TSC_ADJUST };

	(void)state;
	msr_policy(bitmap, true);
	for (unsigned int i = 0; i < ARRAY_SIZE(msrs); i++) {
		uint64_t before = timestamp(), was = tsc;

		assert_true(exits_on(msrs[i], true));
		assert_false(exits_on(msrs[i], false));
		assert_true(msr_write(msrs[i], 1UL << 50));
		assert_true(tsc > was + (1UL << 50));
		assert_true(timestamp() - before <= 2);
		assert_true(msr_write(msrs[i], -(1UL << 50)));
		assert_true(tsc < was + 10);
		assert_true(timestamp() - before <= 4);
	}
	cpu.cell = &cell;
	cell.info = NULL;
	assert_false(msr_write(MSR_TSC_ADJUST, 1));
}

/* What could change the ground under the hypervisor is never written without an exit. */
static void roots_writes(void **state)
{
	static const uint32_t exiting[] = {
		MSR_APIC_BASE,
		MSR_FEATURE_CONTROL,
		0x79 /* microcode */,
		0x9e /* SMBASE */,
		MSR_MISC_ENABLE,
		MSR_PEBS_ENABLE,
		MSR_VMX_BASIC,
		MSR_VMX_LAST,
		0x560 /* processor trace: where to */,
		MSR_RTIT_CTL,
		MSR_IA32_XSS,
		MSR_EFER,
		0x17d0 /* feedback: where to */
	};
	static const uint32_t free[] = { 0xe1 /* UMWAIT_CONTROL */, 0x1c4 /* XFD */, 0x1c5, MSR_PAT,
					 MSR_DEBUGCTL };

	(void)state;
	msr_policy(bitmap, true);
	for (unsigned int i = 0; i < ARRAY_SIZE(exiting); i++)
		assert_true(exits_on(exiting[i], true));
	for (unsigned int i = 0; i < ARRAY_SIZE(free); i++)
		assert_false(exits_on(free[i], true));
	assert_false(exits_on(MSR_IA32_XSS, false));
}

static void a_cells_registers(void **state)
{
	static const uint32_t exiting[] = { 0xe1,	  MSR_DEBUGCTL,	       MSR_IA32_XSS,
					    MSR_RTIT_CTL, MSR_FEATURE_CONTROL, 0x600 };

	(void)state;
	msr_policy(bitmap, false);
	for (unsigned int i = 0; i < ARRAY_SIZE(exiting); i++) {
		assert_true(exits_on(exiting[i], true));
		assert_true(exits_on(exiting[i], false));
	}
	assert_false(exits_on(0x1c4, true));
}

/* With bit 8, XRSTORS would load the registers of processor trace. */
static void extended_states(void **state)
{
	(void)state;
	assert_true(msr_write(MSR_IA32_XSS, BIT(11) | BIT(12) | BIT(15)));
	assert_int_equal(written, BIT(11) | BIT(12) | BIT(15));
	assert_true(msr_write(MSR_IA32_XSS, 0));
	assert_int_equal(writes, 2);
	assert_false(msr_write(MSR_IA32_XSS, BIT(8)));
	assert_false(msr_write(MSR_IA32_XSS, BIT(11) | BIT(8)));
	assert_false(msr_write(MSR_IA32_XSS, BIT(63)));
	assert_int_equal(denied, 3);
	cpu.cell = &cell;
	assert_false(msr_write(MSR_IA32_XSS, 0));
	assert_int_equal(writes, 2);
}

/* What stands for registers that a cell does not have: SDM vol. 2A, CPUID. */
static void intels_features(void **state)
{
	static const struct {
		uint32_t leaf, hidden_a, hidden_b, hidden_c, hidden_d;
	} expected[] = {
		{ 1, 0, 0, BIT(5) | BIT(6) | BIT(7) | BIT(8) | BIT(15), BIT(22) | BIT(29) },
		{ 6, ~0U - BIT(2), ~0U, ~0U, ~0U },
		{ 7, 0, 0, BIT(31), BIT(5) },
		{ 0xd, 0, 0, 0, 0 },
	};

	(void)state;
	for (unsigned int i = 0; i < sizeof(expected) / sizeof(expected[0]); i++) {
		uint32_t a = ~0U, b = ~0U, c = ~0U, d = ~0U;

		vendor_cpuid_filter(expected[i].leaf, 0, &a, &b, &c, &d);
		assert_int_equal(~a, expected[i].hidden_a);
		assert_int_equal(~b, expected[i].hidden_b);
		assert_int_equal(~c, expected[i].hidden_c);
		assert_int_equal(~d, expected[i].hidden_d);
	}
	assert_false(cpuid_is_filtered(0));
	for (uint32_t leaf = 1; leaf <= 7; leaf++)
		assert_int_equal(cpuid_is_filtered(leaf), true);
	assert_false(cpuid_is_filtered(8));
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(roots_clock, setup),
		cmocka_unit_test_setup(roots_writes, setup),
		cmocka_unit_test_setup(a_cells_registers, setup),
		cmocka_unit_test_setup(extended_states, setup),
		cmocka_unit_test_setup(intels_features, setup),
	};

	return cmocka_run_group_tests_name("msr", tests, NULL, NULL);
}
