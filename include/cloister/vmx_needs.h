/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
/*
 * What Cloister needs of an Intel CPU's VMX, for the driver, which looks at every CPU before it
 * changes anything, and for hvctl hardware check. Registers and bits: Intel SDM volume 3,
 * appendix A.
 */
#ifndef CLOISTER_VMX_NEEDS_H
#define CLOISTER_VMX_NEEDS_H

#include <cloister/types.h>
#ifdef __KERNEL__
#include <linux/kernel.h>
#else
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#endif

/* IA32_FEATURE_CONTROL: where firmware and kernel say whether VMX may be used. */
#define CL_MSR_FEATURE_CONTROL	 0x3a
#define CL_FEATURE_CONTROL_LOCK	 (1 << 0)
#define CL_FEATURE_CONTROL_VMXON (1 << 2) /* outside of SMX operation */

#define CL_MSR_VMX_BASIC	  0x480
#define CL_MSR_VMX_PROCBASED2	  0x48b
#define CL_MSR_VMX_EPT_VPID_CAP	  0x48c
#define CL_MSR_VMX_TRUE_PINBASED  0x48d
#define CL_MSR_VMX_TRUE_PROCBASED 0x48e
#define CL_MSR_VMX_TRUE_EXIT	  0x48f
#define CL_MSR_VMX_TRUE_ENTRY	  0x490

/* Bit n of a control can be 1 if bit 32 + n of its register is (A.2). */
#define CL_VMX_ALLOWED_1(n) (32 + (n))

struct cl_vmx_need {
	uint32_t msr;
	uint32_t bit;
	const char *name;
	const char *flag; /* in Linux' "vmx flags" of /proc/cpuinfo, NULL if it is not there */
};

/* A register is there if what stands before its first line is (A.2, A.3.2, A.10). */
static const struct cl_vmx_need cl_vmx_needs[] = {
	{ CL_MSR_VMX_BASIC, 55, "TRUE control registers", NULL },
	{ CL_MSR_VMX_TRUE_PINBASED, CL_VMX_ALLOWED_1(3), "NMI exiting", NULL },
	{ CL_MSR_VMX_TRUE_PINBASED, CL_VMX_ALLOWED_1(5), "virtual NMIs", "vnmi" },
	{ CL_MSR_VMX_TRUE_PINBASED, CL_VMX_ALLOWED_1(6), "preemption timer", "preemption_timer" },
	{ CL_MSR_VMX_TRUE_PROCBASED, CL_VMX_ALLOWED_1(3), "TSC offsetting", "tsc_offset" },
	{ CL_MSR_VMX_TRUE_PROCBASED, CL_VMX_ALLOWED_1(22), "NMI-window exiting", NULL },
	{ CL_MSR_VMX_TRUE_PROCBASED, CL_VMX_ALLOWED_1(25), "I/O bitmaps", NULL },
	{ CL_MSR_VMX_TRUE_PROCBASED, CL_VMX_ALLOWED_1(28), "MSR bitmaps", NULL },
	{ CL_MSR_VMX_TRUE_PROCBASED, CL_VMX_ALLOWED_1(31), "secondary controls", NULL },
	{ CL_MSR_VMX_PROCBASED2, CL_VMX_ALLOWED_1(1), "EPT", "ept" },
	{ CL_MSR_VMX_PROCBASED2, CL_VMX_ALLOWED_1(5), "VPID", "vpid" },
	{ CL_MSR_VMX_PROCBASED2, CL_VMX_ALLOWED_1(7), "unrestricted guest", "unrestricted_guest" },
	{ CL_MSR_VMX_TRUE_EXIT, CL_VMX_ALLOWED_1(2), "saving of debug controls", NULL },
	{ CL_MSR_VMX_TRUE_EXIT, CL_VMX_ALLOWED_1(9), "64-bit host", NULL },
	{ CL_MSR_VMX_TRUE_EXIT, CL_VMX_ALLOWED_1(18), "saving of PAT", NULL },
	{ CL_MSR_VMX_TRUE_EXIT, CL_VMX_ALLOWED_1(19), "loading of PAT on exit", NULL },
	{ CL_MSR_VMX_TRUE_EXIT, CL_VMX_ALLOWED_1(20), "saving of EFER", NULL },
	{ CL_MSR_VMX_TRUE_EXIT, CL_VMX_ALLOWED_1(21), "loading of EFER on exit", NULL },
	{ CL_MSR_VMX_TRUE_ENTRY, CL_VMX_ALLOWED_1(2), "loading of debug controls", NULL },
	{ CL_MSR_VMX_TRUE_ENTRY, CL_VMX_ALLOWED_1(9), "64-bit guest", NULL },
	{ CL_MSR_VMX_TRUE_ENTRY, CL_VMX_ALLOWED_1(14), "loading of PAT on entry", NULL },
	{ CL_MSR_VMX_TRUE_ENTRY, CL_VMX_ALLOWED_1(15), "loading of EFER on entry", NULL },
	{ CL_MSR_VMX_EPT_VPID_CAP, 6, "EPT with 4 levels", NULL },
	{ CL_MSR_VMX_EPT_VPID_CAP, 14, "EPT in write-back memory", NULL },
	{ CL_MSR_VMX_EPT_VPID_CAP, 16, "EPT with 2 MiB pages", NULL },
	{ CL_MSR_VMX_EPT_VPID_CAP, 20, "INVEPT", NULL },
	{ CL_MSR_VMX_EPT_VPID_CAP, 25, "INVEPT of a single context", NULL },
	{ CL_MSR_VMX_EPT_VPID_CAP, 32, "INVVPID", "invvpid" },
	{ CL_MSR_VMX_EPT_VPID_CAP, 42, "INVVPID of all contexts", NULL },
};

#define CL_VMX_NEEDS (sizeof(cl_vmx_needs) / sizeof(cl_vmx_needs[0]))

/* The SDM's name of the register. */
static inline const char *cl_vmx_register(uint32_t msr)
{
	switch (msr) {
	case CL_MSR_VMX_BASIC:
		return "IA32_VMX_BASIC";
	case CL_MSR_VMX_PROCBASED2:
		return "IA32_VMX_PROCBASED_CTLS2";
	case CL_MSR_VMX_EPT_VPID_CAP:
		return "IA32_VMX_EPT_VPID_CAP";
	case CL_MSR_VMX_TRUE_PINBASED:
		return "IA32_VMX_TRUE_PINBASED_CTLS";
	case CL_MSR_VMX_TRUE_PROCBASED:
		return "IA32_VMX_TRUE_PROCBASED_CTLS";
	case CL_MSR_VMX_TRUE_EXIT:
		return "IA32_VMX_TRUE_EXIT_CTLS";
	case CL_MSR_VMX_TRUE_ENTRY:
		return "IA32_VMX_TRUE_ENTRY_CTLS";
	default:
		return "unknown";
	}
}

/*
 * The first of cl_vmx_needs[] that this CPU does not have, CL_VMX_NEEDS if it has all. read() gets
 * a register's value; false: there is none, and nothing in it.
 */
static inline size_t cl_vmx_missing(bool (*read)(uint32_t msr, uint64_t *value))
{
	size_t i;

	for (i = 0; i < CL_VMX_NEEDS; i++) {
		uint64_t value = 0;

		if (!read(cl_vmx_needs[i].msr, &value) || !(value >> cl_vmx_needs[i].bit & 1))
			break;
	}
	return i;
}

/* The sentence about one that is missing; the length of it, as snprintf() has it. */
static inline int cl_vmx_need_format(char *buf, size_t size, unsigned int cpu,
				     const struct cl_vmx_need *need)
{
	return snprintf(
		buf, size,
		"CPU %u has no %s (bit %u of %s, MSR %#x, is 0), which Cloister needs: the CPU is "
		"too old, or the virtual machine that this is does not offer it",
		cpu, need->name, need->bit, cl_vmx_register(need->msr), need->msr);
}

#endif
