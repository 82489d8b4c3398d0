// SPDX-License-Identifier: GPL-2.0
/* A CPU changes hands: what both vendors' virtualisation leaves to us. */
#include <x86.h>

/* XRSTOR from an area whose header says "all in initial state": APM vol. 1, 11.5. */
static void reset_fpu(void)
{
	static const struct {
		uint8_t legacy[24];
		uint32_t mxcsr, mxcsr_mask;
		uint8_t rest[480];
		uint64_t header[8];
	} __attribute__((aligned(64))) initial = { .mxcsr = 0x1f80 };

	asm volatile("fninit");
	if (read_cr4() & CR4_OSXSAVE) {
		uint32_t low, high, a, b, c, d;

		cpuid(0xd, 1, &a, &b, &c, &d);
		if (a & BIT(3)) /* XSAVES */
			wrmsr(MSR_XSS, 0);
		if (a & BIT(4)) {
			wrmsr(MSR_XFD, 0);
			wrmsr(MSR_XFD_ERR, 0);
		}
		/* All that there is: a guest can switch registers off in XCR0 that hold its data. */
		cpuid(0xd, 0, &low, &b, &c, &high);
		asm volatile("xsetbv" : : "c"(0), "a"(low), "d"(high));
		asm volatile("xrstor64 %0" : : "m"(initial), "a"(low), "d"(high));
		asm volatile("xsetbv" : : "c"(0), "a"(1), "d"(0));
	} else {
		asm volatile("fxrstor64 %0" : : "m"(initial));
	}
}

/* What the virtualisation of neither vendor keeps for the guest. */
void x86_reset_registers(struct guest_regs *regs)
{
	uint32_t a, b, c, d, amd;

	write_dr0(0);
	write_dr1(0);
	write_dr2(0);
	write_dr3(0);
	write_cr2(0);
	wrmsr(MSR_PAT, PAT_RESET);
	memset(regs, 0, sizeof(*regs));
	cpuid(1, 0, &a, &b, &c, &d);
	regs->rdx = a; /* family, model, stepping */
	/* FPU, SSE and AVX registers hold the former owner's data. */
	reset_fpu();
	cpuid(0x80000001, 0, &a, &b, &c, &d);
	if (d & BIT(27))
		wrmsr(MSR_TSC_AUX, 0);
	cpuid(0x80000008, 0, &a, &amd, &c, &d);
	cpuid(7, 0, &a, &b, &c, &d);
	/* CET of user mode, which the VMCB does not have (APM vol. 2, appendix B). */
	if (have_cet)
		wrmsr(MSR_U_CET, 0);
	if (c & BIT(7)) {
		for (uint32_t msr = MSR_PL0_SSP; msr <= MSR_PL3_SSP; msr++)
			wrmsr(msr, 0);
	}
	if (amd & (BIT(14) | BIT(15) | BIT(24)) ||
	    d & (BIT(26) | BIT(27) | BIT(31))) /* IBRS, STIBP, SSBD */
		wrmsr(MSR_SPEC_CTRL, 0);
	/* What the former owner taught the branch predictors is not for the next one: IBPB. */
	if (amd & BIT(12) || d & BIT(26))
		wrmsr(MSR_PRED_CMD, BIT(0));
	/* Nor what it left in the first-level data cache. */
	if (d & BIT(28))
		wrmsr(MSR_FLUSH_CMD, BIT(0));
}
