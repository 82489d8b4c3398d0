// SPDX-License-Identifier: GPL-2.0
/* hvctl hardware check on x86-64 */
#include <cpuid.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cloister/vmx_needs.h>
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

/* Is a word in the line of /proc/cpuinfo with that name, of the first CPU? */
static bool cpuinfo_has(const char *name, const char *word)
{
	FILE *f = fopen("/proc/cpuinfo", "r");
	size_t length = strlen(name), size = 0;
	char *line = NULL;
	bool found = false;

	while (f && getline(&line, &size, f) > 0) {
		char *at = strchr(line, ':');

		if (strncmp(line, name, length) || (line[length] != '\t' && line[length] != ':') ||
		    !at)
			continue;
		for (at = strtok(at + 1, " \n"); at && !found; at = strtok(NULL, " \n"))
			found = !strcmp(at, word);
		break;
	}
	free(line);
	if (f)
		fclose(f);
	return found;
}

/* What all CPUs have set in a register; false: they cannot be asked. */
static bool read_msr(uint32_t msr, uint64_t *value)
{
	char path[64];
	uint64_t one;
	int cpu, fd;

	*value = UINT64_MAX;
	for (cpu = 0;; cpu++) {
		bool got;

		snprintf(path, sizeof(path), "/dev/cpu/%d/msr", cpu);
		fd = open(path, O_RDONLY);
		if (fd < 0)
			return cpu > 0;
		got = pread(fd, &one, sizeof(one), msr) == sizeof(one);
		close(fd);
		if (!got)
			return false;
		*value &= one;
	}
}

/* Without the registers, Linux' summary of them has some. */
static void check_vmx_needs(struct report *r, bool registers)
{
	size_t i;

	for (i = 0; i < CL_VMX_NEEDS; i++) {
		const struct cl_vmx_need *need = &cl_vmx_needs[i];
		uint64_t value;

		if (registers)
			required(r, read_msr(need->msr, &value) && value >> need->bit & 1,
				 need->name,
				 "the CPU is too old; a virtual machine may not offer it");
		else if (need->flag)
			required(r, cpuinfo_has("vmx flags", need->flag), need->name,
				 "the CPU is too old; a virtual machine may not offer it");
	}
}

static void check_vmx(struct report *r)
{
	const uint64_t enabled = CL_FEATURE_CONTROL_LOCK | CL_FEATURE_CONTROL_VMXON;
	unsigned int eax, ebx, ecx, edx;
	uint64_t control;
	bool registers;

	__cpuid(1, eax, ebx, ecx, edx);
	required(r, ecx & 1U << 5, "CPU virtualisation (VMX)",
		 "enable VMX (VT-x) in the firmware's setup; in a virtual machine, nested "
		 "virtualisation");
	if (!(ecx & 1U << 5))
		return;
	registers = read_msr(CL_MSR_FEATURE_CONTROL, &control);
	/* Linux hides the flag where the register does not allow VMX. */
	if (registers)
		required(
			r, (control & enabled) == enabled, "VMX is enabled",
			control & CL_FEATURE_CONTROL_LOCK
				? "the firmware has disabled it: enable it (VT-x) in its setup"
				: "neither firmware nor kernel has set IA32_FEATURE_CONTROL: boot a "
				  "kernel with CONFIG_IA32_FEAT_CTL and CONFIG_KVM_INTEL");
	else
		required(r, cpuinfo_has("flags", "vmx"), "VMX is enabled",
			 "the firmware has disabled it: enable it (VT-x) in its setup");
	optional(r, registers, "registers of VMX can be read",
		 "for more than Linux' summary of them: as root, modprobe msr");
	check_vmx_needs(r, registers);
	optional(r, cpuinfo_has("vmx flags", "ept_1gb"), "EPT with 1 GiB pages",
		 "more page tables, more TLB misses");
	required(r, !cpuinfo_has("flags", "fred"), "FRED is off", "boot with fred=off");
}

enum vendor { AMD, INTEL, OTHER };

static enum vendor find_vendor(void)
{
	unsigned int eax, ebx, ecx, edx;

	__cpuid(0, eax, ebx, ecx, edx);
	switch (ebx) {
	case signature_AMD_ebx:
	case 0x6f677948: /* HygonGenuine */
		return AMD;
	case signature_INTEL_ebx:
	case signature_CENTAUR_ebx:
	case 0x68532020: /* "  Shanghai  ", Zhaoxin */
		return INTEL;
	default:
		return OTHER;
	}
}

static void check_cpu(struct report *r, enum vendor vendor)
{
	unsigned int eax, ebx, ecx, edx;

	required(r, vendor != OTHER, "AMD, Hygon or Intel CPU", "CPUs of others are not supported");
	if (vendor == AMD)
		check_svm(r);
	if (vendor == INTEL)
		check_vmx(r);
	__cpuid(1, eax, ebx, ecx, edx);
	optional(r, ecx & 1U << 21, "x2APIC",
		 "timer and interrupts of a cell cause exits in xAPIC mode");
	optional(r, ecx & 1U << 24, "TSC-deadline timer", "inmates use the APIC timer's counter");
	if (vendor == INTEL)
		required(r, access("/sys/module/kvm_intel", F_OK), "KVM is not loaded",
			 "rmmod kvm_intel");
	else
		required(r, access("/sys/module/kvm_amd", F_OK), "KVM is not loaded",
			 "rmmod kvm_amd");
}

void check_machine(struct report *r)
{
	enum vendor vendor = find_vendor();

	check_cpu(r, vendor);
	optional(r, !access("/sys/devices/system/memory/block_size_bytes", R_OK),
		 "memory hot-remove",
		 "reserve memory on the kernel's command line (memmap=) and name it in the root "
		 "config");
	required(
		r, !iommu_in_use(), "IOMMU is not in use by Linux",
		vendor == INTEL
			? "boot with intel_iommu=off (Debian switches it on): a live IOMMU cannot be "
			  "taken over"
			: "boot with amd_iommu=off: a live IOMMU cannot be taken over");
}
