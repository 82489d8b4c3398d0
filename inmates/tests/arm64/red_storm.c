// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0
/*
 * Attacks that never end, after which the CPU has to be taken back. Command line: what= one of
 *
 *   masked		a loop with everything masked and switched off
 *   vectors		an exception whose vector raises the next one
 *   no-stack		the same by a stack that is not there
 *   svc		SVC for ever
 *   illegal		ERET to a state that does not exist
 *   user		SVC of EL0 for ever, AArch64; user32: AArch32
 *   wfi, wfe		sleep with everything masked
 *   sgi-flood		interrupts to itself
 *   no-end		interrupts that it never ends
 *   timer-flood	a timer that has expired whenever it is looked at
 *   hypercall, firmware, sysreg, gic, console, comm, barriers
 *			exits of all kinds, output, random bytes in the comm region
 *   tlbs, caches	what other CPUs have to take part in; sets and ways
 *   exclusive		an exclusive access that never ends
 * and, with two CPUs,
 *   race		one CPU changes the instruction with which the other one accesses registers;
 *			may end the cell
 *   on-off		one CPU starts the other one, which switches itself off
 *   both-fail		both break a rule at once
 */
#include "attack.h"

#define DAIF	  0x3c0UL
#define EL0T	  0UL
#define USER_A32  0x10UL
#define TIMER_CTL 1UL

static void for_ever(void)
{
	for (;;)
		cpu_relax();
}

static void masked(void)
{
	__asm__ volatile("msr daifset, #15");
	if (comm->gic_version == 3) {
		write_sysreg(icc_pmr_el1, 0);
		write_sysreg(icc_igrpen1_el1, 0);
		write_sysreg(s3_0_c12_c12_6, 0); /* ICC_IGRPEN0 */
	}
	for_ever();
}

/* Each entry is that of the next exception. */
__asm__(".pushsection .text.bad, \"ax\"\n"
	".balign 0x800\n"
	"bad_vectors: .rept 512\n"
	"	brk #0\n"
	".endr\n"
	".balign 0x800\n"
	"user_vectors: .rept 16\n"
	".balign 0x80\n"
	"	eret\n"
	".endr\n"
	".balign 0x800\n"
	/* of EL0: SVC and a branch back, and the same for AArch32 */
	"user_code:\n"
	"1:	svc #0\n"
	"	b 1b\n"
	"user32_code:\n"
	"	.inst 0xef000000, 0xeafffffd\n"
	".popsection\n");
extern const char bad_vectors[], user_vectors[], user_code[], user32_code[];

static void vectors(void)
{
	write_sysreg(vbar_el1, bad_vectors);
	isb();
	__asm__ volatile("brk #0");
}

static void no_stack(void)
{
	/* Behind what the library maps. */
	__asm__ volatile("mov sp, %0; brk #0" ::"r"(8UL << 30));
}

static void svc(void)
{
	write_sysreg(vbar_el1, user_vectors);
	isb();
	for (;;)
		__asm__ volatile("svc #0");
}

/* Whatever is raised there, ERET comes back. */
static void leave_to(uint64_t state, const char *code)
{
	write_sysreg(vbar_el1, user_vectors);
	write_sysreg(spsr_el1, state);
	write_sysreg(elr_el1, code);
	isb();
	__asm__ volatile("eret");
}

static void illegal(void)
{
	leave_to(DAIF | 0xf, user_code);
}

static void user(void)
{
	leave_to(EL0T, user_code);
}

static void user32(void)
{
	leave_to(USER_A32, user32_code);
}

static void wfi(void)
{
	__asm__ volatile("msr daifset, #15");
	for (;;)
		__asm__ volatile("wfi");
}

static void wfe(void)
{
	__asm__ volatile("msr daifset, #15");
	for (;;)
		__asm__ volatile("wfe");
}

static void nothing(void)
{
}

static void sgi_flood(void)
{
	unsigned int sgi;

	for (sgi = 0; sgi < 16; sgi++)
		interrupt_handler(sgi, nothing);
	interrupts_on();
	for (;;)
		for (sgi = 0; sgi < 16; sgi++)
			ipi_send(cpu_index(), sgi);
}

static void no_end(void)
{
	unsigned int sgi;

	/* The handler is reached with interrupts off, and stays there. */
	for (sgi = 0; sgi < 16; sgi++)
		interrupt_handler(sgi, for_ever);
	for (sgi = 0; sgi < 16; sgi++)
		ipi_send(cpu_index(), sgi);
	interrupts_on();
	for_ever();
}

static void timer_flood(void)
{
	interrupt_handler(TIMER_VECTOR, nothing);
	timer_start(TIMER_VECTOR, ns_to_tsc(1000000));
	/* Now it is level, and always there. */
	write_sysreg(cntv_cval_el0, 0);
	write_sysreg(cntv_ctl_el0, TIMER_CTL);
	interrupts_on();
	for_ever();
}

static void hypercall_storm(void)
{
	uint64_t i;

	for (i = 0;; i++)
		hypercall(i, i, i, i);
}

static void firmware_storm(void)
{
	uint64_t i;

	for (i = 0;; i++)
		firmware_call(0x8500ff00 + (i & 0xff), i, i, i);
}

static void sysreg_storm(void)
{
	for (;;)
		TRY("mrs x17, hcr_el2", "r"(0));
}

static void gic_storm(void)
{
	uint64_t i;

	for (i = 0;; i += 4) {
		mmio_write32(comm->gic_dist + i % 0x1000, ~0U);
		mmio_read32(comm->gic_dist + i % 0x1000);
	}
}

static void console_storm(void)
{
	for (;;)
		printf("0123456789012345678901234567890123456789\n");
}

static void comm_storm(void)
{
	volatile uint64_t *words = (volatile uint64_t *)comm;
	uint64_t i;

	random_seed();
	for (i = 0;; i++)
		words[i % 512] = random64();
}

static void barriers(void)
{
	for (;;)
		__asm__ volatile("dsb sy; isb; dmb sy; sev" ::: "memory");
}

static void tlbs(void)
{
	for (;;)
		__asm__ volatile("tlbi vmalle1is; tlbi vmalle1; dsb sy; isb" ::: "memory");
}

static void caches(void)
{
	static uint64_t line[8] __attribute__((aligned(64)));
	uint64_t i;

	for (i = 0;; i += 64)
		__asm__ volatile(
			"dc cisw, %0; dc isw, %0; dc civac, %1; ic ialluis" ::"r"(i & 0xffffffc2),
			"r"(line)
			: "memory");
}

static void exclusive(void)
{
	static uint64_t word __attribute__((aligned(64)));

	for (;;)
		__asm__ volatile("ldaxr x17, [%0]; stlxr w16, x17, [%0]" ::"r"(&word)
				 : "x16", "x17", "memory");
}

#define STR_FORM 0xb8004420 /* str w0, [x1], #4: has to be looked at */
#define LDR_FORM 0xb8404420 /* ldr w0, [x1], #4 */
#define LDP_FORM 0x28c10820 /* ldp w0, w2, [x1], #8 */

static void change_code(unsigned int index)
{
	static const uint32_t words[] = { STR_FORM, LDR_FORM, LDP_FORM, LDR_FORM };
	uint64_t i;

	(void)index;
	for (i = 0;; i++) {
		*(volatile uint32_t *)run_slot = words[i % 4];
		sync_code(run_slot, 4);
	}
}

static void race(void)
{
	uint64_t regs[8];

	smp_start(change_code);
	for (;;) {
		regs[1] = comm->gic_dist + 8;
		regs[0] = 0;
		sync_code(run_slot, 4);
		run_in_slot(regs);
	}
}

static void switch_off(unsigned int index)
{
	(void)index;
	firmware_call(PSCI_CPU_OFF, 0, 0, 0);
}

static void on_off(void)
{
	unsigned int i;

	smp_start(switch_off);
	for (i = 0;; i++) {
		firmware_call(PSCI_CPU_ON, hw_id_to_mpidr(comm->hw_ids[1]),
			      (uintptr_t)switch_off & ~3UL, i);
		firmware_call(PSCI_AFFINITY_INFO, hw_id_to_mpidr(comm->hw_ids[1]), 0, 0);
	}
}

static volatile bool go;

static void fail_now(unsigned int index)
{
	while (!go)
		cpu_relax();
	*(volatile uint32_t *)(0x50000000UL + index * 0x1000) = 0;
}

static void both_fail(void)
{
	smp_start(fail_now);
	go = true;
	fail_now(0);
}

static const struct attack attacks[] = {
	{ "masked", masked },
	{ "vectors", vectors },
	{ "no-stack", no_stack },
	{ "svc", svc },
	{ "illegal", illegal },
	{ "user", user },
	{ "user32", user32 },
	{ "wfi", wfi },
	{ "wfe", wfe },
	{ "sgi-flood", sgi_flood },
	{ "no-end", no_end },
	{ "timer-flood", timer_flood },
	{ "hypercall", hypercall_storm },
	{ "firmware", firmware_storm },
	{ "sysreg", sysreg_storm },
	{ "gic", gic_storm },
	{ "console", console_storm },
	{ "comm", comm_storm },
	{ "barriers", barriers },
	{ "tlbs", tlbs },
	{ "caches", caches },
	{ "exclusive", exclusive },
	{ "race", race },
	{ "on-off", on_off },
	{ "both-fail", both_fail },
};

void inmate_main(void)
{
	printf("storm\n");
	run_attack(attacks);
}
