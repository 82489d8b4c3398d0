// SPDX-License-Identifier: GPL-2.0
/* AMD and Hygon: SVM. */
#include <linux/module.h>
#include <asm/msr.h>
#include <asm/processor.h>
#include "driver.h"
#include "x86.h"

#define IMAGE "cloister/cloister-amd.bin"

MODULE_FIRMWARE(IMAGE);

extern const char cloister_exit[];
int cloister_enter(const struct cl_entry_args *args);
int cloister_leave(void);

enum { FIT, NO_SVM, NO_NPT, SVM_DISABLED, SVM_IN_USE };

static int judge(void)
{
	u64 value;

	if (!(cpuid_ecx(0x80000001) & BIT(2)))
		return NO_SVM;
	if (!rdmsrl_safe(MSR_VM_CR, &value) && value & BIT(4)) /* SVMDIS */
		return SVM_DISABLED;
	if (!(cpuid_edx(0x8000000a) & BIT(0)))
		return NO_NPT;
	if (!rdmsrl_safe(MSR_EFER, &value) && value & EFER_SVME)
		return SVM_IN_USE;
	return FIT;
}

static int check(char *message)
{
	unsigned int cpu;

	switch (cl_x86_judge(judge, &cpu)) {
	case NO_SVM:
		cl_say(message,
		       "CPU %u has no SVM (CPUID 80000001 ECX bit 2 is 0): this machine cannot run Cloister's AMD image",
		       cpu);
		return -ENODEV;
	case NO_NPT:
		cl_say(message,
		       "CPU %u has no nested paging (CPUID 8000000a EDX bit 0 is 0), which Cloister needs",
		       cpu);
		return -ENODEV;
	case SVM_DISABLED:
		cl_say(message,
		       "CPU %u: SVM is disabled by the firmware (VM_CR.SVMDIS is 1): enable it in the BIOS setup",
		       cpu);
		return -ENODEV;
	case SVM_IN_USE:
		cl_say(message,
		       "CPU %u: another hypervisor uses SVM (EFER.SVME is 1): stop its virtual machines and unload kvm_amd",
		       cpu);
		return -EBUSY;
	}
	if (cl_x86_has_module("/sys/module/kvm_amd")) {
		cl_say(message,
		       "the module kvm_amd is loaded and may use SVM at any time: rmmod kvm_amd");
		return -EBUSY;
	}
	return 0;
}

static long hypercall(unsigned int number, unsigned long arg0, unsigned long arg1,
		      unsigned long arg2)
{
	long result;

	asm volatile("vmmcall"
		     : "=a"(result)
		     : "a"((unsigned long)number), "D"(arg0), "S"(arg1), "d"(arg2)
		     : "memory");
	return result;
}

const struct cl_x86_vendor cl_x86_amd = {
	.image = IMAGE,
	.check = check,
	.hypercall = hypercall,
	.enter = cloister_enter,
	.leave = cloister_leave,
	.exit = cloister_exit,
};
