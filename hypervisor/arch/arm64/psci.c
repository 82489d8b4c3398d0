// SPDX-License-Identifier: GPL-2.0
/*
 * Calls by the SMC calling convention (ARM DEN 0028): power state coordination (PSCI, DEN 0022) is
 * the hypervisor's; what is known to be harmless and what the config lists goes to the firmware;
 * the rest is not there.
 */
#include <arm64.h>
#include <firmware.h>
#include <log.h>

#define SMCCC_VERSION	    0x80000000
#define SMCCC_ARCH_FEATURES 0x80000001
#define SMCCC_WORKAROUND_1  0x80008000
#define SMCCC_WORKAROUND_2  0x80007fff
#define SMCCC_WORKAROUND_3  0x80003fff

#define PSCI_CPU_SUSPEND   0x84000001
#define PSCI_CPU_OFF	   0x84000002
#define PSCI_CPU_ON	   0x84000003
#define PSCI_AFFINITY_INFO 0x84000004
#define PSCI_MIGRATE_INFO  0x84000006
#define PSCI_SYSTEM_OFF	   0x84000008
#define PSCI_SYSTEM_RESET  0x84000009
#define PSCI_FEATURES	   0x8400000a
#define PSCI_SYSTEM_RESET2 0x84000012

#define SUCCESS		   0
#define NOT_SUPPORTED	   (-1)
#define INVALID_PARAMETERS (-2)
#define ALREADY_ON	   (-4)
#define ON_PENDING	   (-5)
#define INVALID_ADDRESS	   (-9)

#define SMCCC_VERSION_1_1 0x10001
#define MPIDR_AFFINITY	  0xff00ffffffUL
#define STATE_ON	  0
#define STATE_OFF	  1
#define STATE_ON_PENDING  2
#define NO_TRUSTED_OS	  2

/* A CPU of the caller's cell by its MPIDR; all others are not present. */
static struct cpu *find_cpu(uint64_t mpidr)
{
	uint64_t hw_id = (mpidr & 0xffffff) | (mpidr >> 8 & 0xff000000);
	const struct cell *cell = local->cpu->cell;

	if (mpidr & ~MPIDR_AFFINITY)
		return NULL;
	for_each_cpu_in(cell, i)
		if (cpus[i].hw_id == hw_id)
			return &cpus[i];
	return NULL;
}

/* A CPU that has just come back from another cell may not have heard yet that it is to wait. */
static bool is_off(const struct cpu *cpu)
{
	return READ_ONCE(cpu->waiting) || READ_ONCE(cpu->events) & CPU_EV_WAIT;
}

static int64_t cpu_on(uint64_t mpidr, uint64_t address, uint64_t argument)
{
	struct cpu *cpu = find_cpu(mpidr);
	bool free = false;

	if (!cpu)
		return INVALID_PARAMETERS;
	if (address & 3 || address >> phys_bits)
		return INVALID_ADDRESS;
	if (!is_off(cpu))
		return READ_ONCE(cpu->events) & CPU_EV_START ? ON_PENDING : ALREADY_ON;
	/* One caller at a time fills in where it starts. */
	if (!__atomic_compare_exchange_n(&cpu->arch.starting, &free, true, false, __ATOMIC_SEQ_CST,
					 __ATOMIC_SEQ_CST))
		return ON_PENDING;
	cpu->start = (struct arch_start){ .address = address, .argument = argument };
	cpu_post(cpu, CPU_EV_START);
	return SUCCESS;
}

static int64_t affinity_info(uint64_t mpidr, uint64_t level)
{
	const struct cpu *cpu = find_cpu(mpidr);

	if (!cpu || level)
		return INVALID_PARAMETERS; /* PSCI 1.0: levels above 0 need not be there */
	if (!is_off(cpu))
		return STATE_ON;
	return READ_ONCE(cpu->events) & CPU_EV_START ? STATE_ON_PENDING : STATE_OFF;
}

/* This CPU waits for CPU_ON, registers as after a reset. Returns when it has come. */
static void cpu_off(void)
{
	__atomic_fetch_or(&local->cpu->events, CPU_EV_WAIT, __ATOMIC_SEQ_CST);
	cpu_handle_events();
}

/* Light sleep whatever was asked for: DEN 0022, 5.4.3 allows to return at once. */
static int64_t cpu_suspend(void)
{
	wait_for_interrupt();
	return SUCCESS;
}

/* Root ends the machine; another cell itself. */
static void end_system(struct guest_regs *regs, bool reset)
{
	if (local->cpu->cell == &root_cell)
		firmware_call(regs->x);
	else if (reset)
		cell_reset();
	else
		cell_shut_down();
}

static int64_t psci_features(uint32_t function)
{
	switch (function & ~SMCCC_64) {
	case PSCI_VERSION:
	case PSCI_CPU_SUSPEND:
	case PSCI_CPU_OFF:
	case PSCI_CPU_ON:
	case PSCI_AFFINITY_INFO:
	case PSCI_MIGRATE_INFO:
	case PSCI_SYSTEM_OFF:
	case PSCI_SYSTEM_RESET:
	case PSCI_FEATURES:
	case SMCCC_VERSION & ~SMCCC_64:
		return SUCCESS;
	default:
		return NOT_SUPPORTED;
	}
}

static bool is_workaround(uint32_t function)
{
	return function == SMCCC_WORKAROUND_1 || function == SMCCC_WORKAROUND_2 ||
	       function == SMCCC_WORKAROUND_3;
}

static bool psci_call(struct guest_regs *regs, uint32_t function)
{
	uint64_t *x = regs->x;
	bool is_64 = function & SMCCC_64;
	uint64_t arg1 = is_64 ? x[1] : (uint32_t)x[1];
	uint64_t arg2 = is_64 ? x[2] : (uint32_t)x[2];
	uint64_t arg3 = is_64 ? x[3] : (uint32_t)x[3];

	switch (function & ~SMCCC_64) {
	case PSCI_VERSION:
		x[0] = PSCI_VERSION_1_1;
		return true;
	case PSCI_CPU_SUSPEND:
		x[0] = (uint64_t)cpu_suspend();
		return true;
	case PSCI_CPU_OFF:
		cpu_off();
		return true;
	case PSCI_CPU_ON:
		x[0] = (uint64_t)cpu_on(arg1, arg2, arg3);
		return true;
	case PSCI_AFFINITY_INFO:
		x[0] = (uint64_t)affinity_info(arg1, arg2);
		return true;
	case PSCI_MIGRATE_INFO:
		x[0] = NO_TRUSTED_OS;
		return true;
	case PSCI_SYSTEM_OFF:
	case PSCI_SYSTEM_RESET:
		end_system(regs, (function & ~SMCCC_64) == PSCI_SYSTEM_RESET);
		return true;
	case PSCI_FEATURES:
		x[0] = (uint64_t)psci_features((uint32_t)arg1);
		return true;
	default:
		return false;
	}
}

void smccc_call(struct guest_regs *regs, bool smc)
{
	uint32_t function = (uint32_t)regs->x[0];

	local->exits[CL_EXIT_FIRMWARE]++;
	if (psci_call(regs, function))
		return;
	if (function == SMCCC_VERSION) {
		regs->x[0] = SMCCC_VERSION_1_1;
	} else if (is_workaround(function) ||
		   (function == SMCCC_ARCH_FEATURES && is_workaround((uint32_t)regs->x[1]))) {
		firmware_call(regs->x);
	} else if (function == SMCCC_ARCH_FEATURES) {
		regs->x[0] = (uint64_t)(int64_t)NOT_SUPPORTED; /* asked, not called */
	} else if (!smc || !firmware_forward(local->cpu->cell, regs->x)) {
		cell_denied("firmware call", function, regs->x[1]);
		regs->x[0] = (uint64_t)(int64_t)NOT_SUPPORTED;
	}
}
