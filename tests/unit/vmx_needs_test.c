// SPDX-License-Identifier: GPL-2.0
/* What Cloister needs of VMX: each single thing is missed, and named as it should be. */
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>
#include <cloister/ioctl.h>
#include <cloister/vmx_needs.h>

#define LENGTH(array) (sizeof(array) / sizeof((array)[0]))

/* A CPU that has everything but one bit, or one register. */
static uint32_t without_msr;
static uint64_t without_bits;
static bool without_register;

static bool read_msr(uint32_t msr, uint64_t *value)
{
	if (without_register && msr == without_msr)
		return false;
	*value = msr == without_msr ? ~without_bits : UINT64_MAX;
	return true;
}

static void nothing_is_missing(void **state)
{
	(void)state;
	without_msr = 0;
	without_register = false;
	assert_int_equal(cl_vmx_missing(read_msr), CL_VMX_NEEDS);
	/* nothing that is not needed */
	without_msr = CL_MSR_VMX_BASIC;
	without_bits = ~(1ULL << 55);
	assert_int_equal(cl_vmx_missing(read_msr), CL_VMX_NEEDS);
}

static void each_bit_is_looked_at(void **state)
{
	(void)state;
	without_register = false;
	for (size_t i = 0; i < CL_VMX_NEEDS; i++) {
		without_msr = cl_vmx_needs[i].msr;
		without_bits = 1ULL << cl_vmx_needs[i].bit;
		assert_int_equal(cl_vmx_missing(read_msr), i);
	}
}

static void a_register_that_is_not_there_has_nothing(void **state)
{
	(void)state;
	without_register = true;
	for (size_t i = 0; i < CL_VMX_NEEDS; i++) {
		size_t first = 0;

		without_msr = cl_vmx_needs[i].msr;
		while (cl_vmx_needs[first].msr != without_msr)
			first++;
		assert_int_equal(cl_vmx_missing(read_msr), first);
	}
}

/* Registers that need not be there are read behind the bit that says so (SDM 3, A.2 to A.10). */
static void what_says_so_comes_first(void **state)
{
	static const struct {
		uint32_t msr, of;
		unsigned int bit;
	} order[] = {
		{ CL_MSR_VMX_TRUE_PINBASED, CL_MSR_VMX_BASIC, 55 },
		{ CL_MSR_VMX_TRUE_PROCBASED, CL_MSR_VMX_BASIC, 55 },
		{ CL_MSR_VMX_TRUE_EXIT, CL_MSR_VMX_BASIC, 55 },
		{ CL_MSR_VMX_TRUE_ENTRY, CL_MSR_VMX_BASIC, 55 },
		{ CL_MSR_VMX_PROCBASED2, CL_MSR_VMX_TRUE_PROCBASED, 63 },
		{ CL_MSR_VMX_EPT_VPID_CAP, CL_MSR_VMX_PROCBASED2, 33 },
	};

	(void)state;
	for (size_t i = 0; i < LENGTH(order); i++) {
		bool said = false;

		for (size_t j = 0; j < CL_VMX_NEEDS; j++) {
			said |= cl_vmx_needs[j].msr == order[i].of &&
				cl_vmx_needs[j].bit == order[i].bit;
			if (cl_vmx_needs[j].msr == order[i].msr)
				assert_true(said);
		}
		assert_true(said);
	}
}

static void sentences(void **state)
{
	char text[CL_MESSAGE_LEN];

	(void)state;
	for (size_t i = 0; i < CL_VMX_NEEDS; i++) {
		int length = cl_vmx_need_format(text, sizeof(text), UINT_MAX, &cl_vmx_needs[i]);

		assert_in_range(length, 1, sizeof(text) - 1);
		assert_null(strstr(text, "unknown"));
	}
	cl_vmx_need_format(text, sizeof(text), 3, &cl_vmx_needs[2]);
	assert_string_equal(
		text, "CPU 3 has no virtual NMIs (bit 37 of IA32_VMX_TRUE_PINBASED_CTLS, MSR "
		      "0x48d, is 0), which Cloister needs: the CPU is too old, or the virtual "
		      "machine that this is does not offer it");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_is_missing),
		cmocka_unit_test(each_bit_is_looked_at),
		cmocka_unit_test(a_register_that_is_not_there_has_nothing),
		cmocka_unit_test(what_says_so_comes_first),
		cmocka_unit_test(sentences),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
