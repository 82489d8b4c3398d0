// SPDX-License-Identifier: GPL-2.0
/* Intel, and others that have VMX. */
#include <linux/module.h>
#include <asm/msr.h>
#include <asm/processor.h>
#include <asm/special_insns.h>
#include <cloister/vmx_needs.h>
#include "driver.h"
#include "x86.h"

#define CR4_FRED BIT_ULL(32) /* older headers do not know it */

enum { FIT, NO_VMX, NOT_LOCKED, VMX_DISABLED, VMX_IN_USE, FRED, LACKING };

static bool read_msr(u32 msr, u64 *value)
{
	return !rdmsrl_safe(msr, value);
}

/* LACKING + index of a capability of cl_vmx_needs[] that is not there. */
static int judge(void)
{
	size_t missing;
	u64 control;

	if (!(cpuid_ecx(1) & BIT(5)))
		return NO_VMX;
	if (rdmsrl_safe(CL_MSR_FEATURE_CONTROL, &control) || !(control & CL_FEATURE_CONTROL_LOCK))
		return NOT_LOCKED;
	if (!(control & CL_FEATURE_CONTROL_VMXON))
		return VMX_DISABLED;
	if (__read_cr4() & X86_CR4_VMXE)
		return VMX_IN_USE;
	if (__read_cr4() & CR4_FRED)
		return FRED;
	missing = cl_vmx_missing(read_msr);
	return missing < CL_VMX_NEEDS ? LACKING + missing : FIT;
}

static int check(char *message)
{
	unsigned int cpu;
	int answer = cl_x86_judge(judge, &cpu);

	switch (answer) {
	case FIT:
		break;
	case NO_VMX:
		cl_say(message,
		       "CPU %u has no VMX (CPUID 1 ECX bit 5 is 0): this machine cannot run Cloister's Intel image",
		       cpu);
		return -ENODEV;
	case NOT_LOCKED:
		cl_say(message,
		       "CPU %u: VMX is not enabled (IA32_FEATURE_CONTROL, MSR 0x3a, bit 0 is 0): neither firmware nor kernel has set the register; update the firmware, or boot a kernel with CONFIG_IA32_FEAT_CTL and CONFIG_KVM_INTEL",
		       cpu);
		return -ENODEV;
	case VMX_DISABLED:
		cl_say(message,
		       "CPU %u: VMX is disabled by the firmware (IA32_FEATURE_CONTROL, MSR 0x3a, is locked with bit 2 = 0): enable it (VT-x, virtualisation) in the BIOS setup",
		       cpu);
		return -ENODEV;
	case VMX_IN_USE:
		cl_say(message,
		       "CPU %u: another hypervisor uses VMX (CR4.VMXE is 1): stop its virtual machines and unload kvm_intel",
		       cpu);
		return -EBUSY;
	case FRED:
		cl_say(message,
		       "CPU %u: events are delivered by FRED (CR4 bit 32 is 1), which Cloister does not support: boot with fred=off",
		       cpu);
		return -ENODEV;
	default:
		cl_vmx_need_format(message, CL_MESSAGE_LEN, cpu, &cl_vmx_needs[answer - LACKING]);
		return -ENODEV;
	}
	if (cl_x86_has_module("/sys/module/kvm_intel")) {
		cl_say(message,
		       "the module kvm_intel is loaded and may use VMX at any time: rmmod kvm_intel");
		return -EBUSY;
	}
	return 0;
}

static long hypercall(unsigned int number, unsigned long arg0, unsigned long arg1,
		      unsigned long arg2)
{
	long result;

	asm volatile("vmcall"
		     : "=a"(result)
		     : "a"((unsigned long)number), "D"(arg0), "S"(arg1), "d"(arg2)
		     : "memory");
	return result;
}

/* No image yet. */
const struct cl_x86_vendor cl_x86_intel = {
	.check = check,
	.hypercall = hypercall,
};
