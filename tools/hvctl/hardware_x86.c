// SPDX-License-Identifier: GPL-2.0
/* hvctl hardware check on x86-64 */
#include <cpuid.h>
#include <string.h>
#include <unistd.h>
#include "hardware.h"

static void check_svm(struct report *r)
{
	unsigned int eax, ebx, ecx, edx;
	unsigned int svm = 0;

	if (!__get_cpuid(0x80000001, &eax, &ebx, &ecx, &edx))
		ecx = 0;
	required(r, ecx & 1U << 2, "CPU virtualisation (SVM)",
		 "enable SVM in the firmware's setup; in a virtual machine, nested virtualisation");
	if (ecx & 1U << 2 && __get_cpuid(0x8000000a, &eax, &ebx, &ecx, &edx))
		svm = edx;
	required(r, svm & 1, "nested paging", "the CPU is too old");
	optional(r, svm & 1U << 3, "next RIP saved on exit", "some exits cost more");
	optional(r, svm & 1U << 7, "decode assists", "xAPIC and MMIO exits cost more");
	optional(r, svm & 1U << 6, "flush by ASID",
		 "changes of a cell's memory flush the whole TLB");
	optional(r, svm & 1U << 5, "VMCB clean bits", "each exit reloads more state");
}

static void check_cpu(struct report *r)
{
	unsigned int eax, ebx, ecx, edx;
	char line[64];
	bool amd;

	__cpuid(0, eax, ebx, ecx, edx);
	amd = ebx == signature_AMD_ebx || ebx == 0x6f677948; /* AuthenticAMD, HygonGenuine */
	required(r, amd, "AMD or Hygon CPU", "Intel CPUs (VMX) are not supported by this release");
	if (amd)
		check_svm(r);
	__cpuid(1, eax, ebx, ecx, edx);
	optional(r, ecx & 1U << 21, "x2APIC",
		 "timer and interrupts of a cell cause exits in xAPIC mode");
	optional(r, ecx & 1U << 24, "TSC-deadline timer", "inmates use the APIC timer's counter");
	if (read_line("/sys/module/kvm_amd/refcnt", line, sizeof(line)))
		required(r, !strcmp(line, "0"), "KVM is idle", "stop all virtual machines");
}

void check_machine(struct report *r)
{
	check_cpu(r);
	optional(r, !access("/sys/devices/system/memory/block_size_bytes", R_OK),
		 "memory hot-remove",
		 "reserve memory on the kernel's command line (memmap=) and name it in the root "
		 "config");
	required(r, !iommu_in_use(), "IOMMU is not in use by Linux",
		 "boot with intel_iommu=off or amd_iommu=off: a live IOMMU cannot be taken over");
}
