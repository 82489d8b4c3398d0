// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0
/* The local APIC in either mode, and its timer. */
#include "../inmate.h"
#include "../internal.h"

#define APIC_BASE      0xfee00000UL
#define MSR_APIC_BASE  0x1b
#define APIC_BASE_X2   (1U << 10)
#define MSR_X2APIC     0x800 /* + register >> 4 */
#define MSR_X2APIC_ICR 0x830
#define MSR_DEADLINE   0x6e0

#define SVR_ENABLE    0x100
#define SVR_VECTOR    0xff
#define ICR_BUSY      0x1000
#define LVT_MASKED    0x10000
#define LVTT_PERIODIC 0x20000
#define LVTT_DEADLINE 0x40000
#define TDCR_BY_1     0xb

#define CPUID_1_ECX_DEADLINE (1U << 24)

#define CALIBRATION_US 10000

static bool x2apic;
static bool deadline_mode;
/* timer ticks in CALIBRATION_US, and how many ticks of the time-stamp counter that took */
static uint64_t calibration_ticks, calibration_tsc;

/* of each CPU */
static struct timer {
	uint64_t period_tsc;
	uint64_t deadline;
	uint32_t count;
	uint8_t vector;
} timers[CL_COMM_MAX_CPUS];

bool apic_is_x2(void)
{
	return x2apic;
}

uint32_t apic_read(uint32_t reg)
{
	return x2apic ? rdmsr(MSR_X2APIC + (reg >> 4)) : mmio_read32(APIC_BASE + reg);
}

void apic_write(uint32_t reg, uint32_t value)
{
	if (x2apic)
		wrmsr(MSR_X2APIC + (reg >> 4), value);
	else
		mmio_write32(APIC_BASE + reg, value);
}

uint32_t apic_id(void)
{
	uint32_t id = apic_read(APIC_ID);

	return x2apic ? id : id >> 24;
}

uint32_t cpu_hw_id(void)
{
	return apic_id();
}

void apic_send(uint32_t hw_id, uint32_t icr)
{
	if (x2apic) {
		/* writing this MSR does not wait for earlier stores (Intel SDM 11.12.3) */
		__asm__ volatile("mfence; lfence" ::: "memory");
		wrmsr(MSR_X2APIC_ICR, (uint64_t)hw_id << 32 | icr);
		return;
	}
	apic_write(APIC_ICR_HI, hw_id << 24);
	apic_write(APIC_ICR, icr);
	while (apic_read(APIC_ICR) & ICR_BUSY)
		cpu_relax();
}

void ipi_send(unsigned int index, unsigned int vector)
{
	apic_send(comm->hw_ids[index], ICR_FIXED | vector);
}

void apic_init_cpu(void)
{
	apic_write(APIC_TPR, 0);
	apic_write(APIC_SVR, SVR_ENABLE | SVR_VECTOR);
}

void apic_init(void)
{
	uint32_t eax, ebx, ecx, edx;

	/* in a cell the mode is as root Linux left it; alone it is as the firmware did */
	if (comm)
		x2apic = comm->flags & CL_COMM_X2APIC;
	else
		x2apic = rdmsr(MSR_APIC_BASE) & APIC_BASE_X2;
	cpuid(1, 0, &eax, &ebx, &ecx, &edx);
	deadline_mode = ecx & CPUID_1_ECX_DEADLINE;
	apic_init_cpu();
}

const char *timer_mode(void)
{
	return deadline_mode ? "TSC-deadline" : "periodic";
}

static void calibrate(void)
{
	uint64_t start;

	apic_write(APIC_LVTT, LVT_MASKED | SVR_VECTOR);
	apic_write(APIC_TDCR, TDCR_BY_1);
	apic_write(APIC_TMICT, 0xffffffff);
	start = rdtsc_ordered();
	calibration_ticks = apic_read(APIC_TMCCT);
	delay_us(CALIBRATION_US);
	calibration_ticks -= apic_read(APIC_TMCCT);
	calibration_tsc = rdtsc_ordered() - start;
	apic_write(APIC_TMICT, 0);
}

void timer_start(unsigned int vector, uint64_t period_tsc)
{
	struct timer *t = &timers[cpu_index()];
	uint64_t count;

	t->vector = vector;
	t->period_tsc = period_tsc;
	if (deadline_mode) {
		apic_write(APIC_LVTT, LVTT_DEADLINE | vector);
		/* the mode must be set before the deadline is (Intel SDM 11.5.4.1) */
		__asm__ volatile("mfence; lfence" ::: "memory");
		t->deadline = rdtsc() + period_tsc;
		wrmsr(MSR_DEADLINE, t->deadline);
		return;
	}
	if (!calibration_ticks)
		calibrate();
	count = period_tsc * calibration_ticks / calibration_tsc;
	if (!count)
		count = 1;
	t->count = count > 0xffffffff ? 0xffffffff : count;
	apic_write(APIC_TDCR, TDCR_BY_1);
	apic_write(APIC_LVTT, LVTT_PERIODIC | vector);
	apic_write(APIC_TMICT, t->count);
}

void timer_stop(void)
{
	struct timer *t = &timers[cpu_index()];

	if (deadline_mode)
		wrmsr(MSR_DEADLINE, 0);
	else
		apic_write(APIC_TMICT, 0);
	apic_write(APIC_LVTT, LVT_MASKED | t->vector);
}

/*
 * In periodic mode the counter began anew when it expired, so it tells how long ago that was. A
 * deadline that has passed is moved on by whole periods, so that being late does not add up.
 */
uint64_t timer_latency(void)
{
	struct timer *t = &timers[cpu_index()];
	uint64_t now, late;

	if (!deadline_mode)
		return (uint64_t)(t->count - apic_read(APIC_TMCCT)) * calibration_tsc /
		       calibration_ticks;
	now = rdtsc();
	late = now - t->deadline;
	do
		t->deadline += t->period_tsc;
	while (t->deadline <= now);
	wrmsr(MSR_DEADLINE, t->deadline);
	return late;
}
