// SPDX-License-Identifier: GPL-2.0
/* From the hyp stub to hv_entry(), and back to native Linux. */
#include <arm64.h>
#include <image.h>
#include <log.h>
#include <page.h>

void arm64_halt(void) __attribute__((noreturn));

/*
 * The hypervisor's memory: 4 KiB pages where the image and the CPUs' areas are, so that text, data
 * and private memory get different rights; larger memory behind that in 2 MiB blocks, up to the
 * 1 GiB that the config check allows. Registers of devices have the next GiB.
 */
#define FINE_TABLES 2
static uint64_t hv_l1[512] __aligned_page __ro_after_init;
static uint64_t hv_l2[512] __aligned_page __ro_after_init;
static uint64_t hv_l3[FINE_TABLES][512] __aligned_page __ro_after_init;
static uint64_t device_tables[2][512] __aligned_page __ro_after_init; /* L2, L3 */
static uint64_t exit_tables[3][512] __aligned_page __ro_after_init;   /* L1, L2, L3 */

static unsigned int first_taken __ro_after_init;
static struct lock start_lock __ro_after_init;

_Static_assert(sizeof(struct guest_regs) == GUEST_REGS_SIZE, "layout.h");
_Static_assert(offsetof(struct local_data, probe) == LOCAL_OFFSET_PROBE, "layout.h");

/* What -fstack-protector-strong compares; for it alone, and by name. */
extern uint64_t __stack_chk_guard;
uint64_t __stack_chk_guard __ro_after_init;
void __stack_chk_fail(void) __attribute__((noreturn));

#define PTE_MEMORY (PTE_VALID | PTE_AF | PTE_INNER | PTE_AP1 | PTE_ATTR(MAIR_NORMAL))
#define PTE_PAGE   (PTE_MEMORY | PTE_TABLE)
#define PTE_DEVICE \
	(PTE_VALID | PTE_TABLE | PTE_AF | PTE_INNER | PTE_AP1 | PTE_XN | PTE_ATTR(MAIR_DEVICE))

static uint64_t table_entry(const uint64_t *table)
{
	return virt_to_phys(table) | PTE_VALID | PTE_TABLE;
}

static unsigned int table_index(uint64_t virt, unsigned int level)
{
	return virt >> (PAGE_SHIFT + 9 * (level - 1)) & 511;
}

static void make_canary(void)
{
	/* A zero byte ends what copies strings. */
	__stack_chk_guard = read_sysreg(cntpct_el0) * 0x9e3779b97f4a7c15UL & ~0xffUL;
}

static void build_shared_tables(void)
{
	uint64_t text = (uint64_t)hv_text_end - HV_BASE;
	uint64_t rodata = (uint64_t)hv_rodata_end - HV_BASE;
	uint64_t areas = (uint64_t)hv_core_end - HV_BASE;
	uint64_t areas_end = areas + (uint64_t)cpu_count * AREA_PAGES * PAGE_SIZE;
	uint64_t exit = virt_to_phys(arm64_exit_start);

	hv_l1[0] = table_entry(hv_l2);
	hv_l1[1] = table_entry(device_tables[0]);
	device_tables[0][0] = table_entry(device_tables[1]);
	for (uint64_t offset = 0; offset < image_system.hv_size;) {
		uint64_t phys = image_system.hv_phys + offset;
		unsigned int table = (unsigned int)(offset >> 21);

		if (table >= FINE_TABLES) {
			hv_l2[table] = phys | PTE_MEMORY | PTE_XN;
			offset += 2 << 20;
			continue;
		}
		hv_l2[table] = table_entry(hv_l3[table]);
		if (offset < text)
			hv_l3[table][table_index(offset, 1)] = phys | PTE_PAGE | PTE_RO;
		else if (offset < rodata)
			hv_l3[table][table_index(offset, 1)] = phys | PTE_PAGE | PTE_RO | PTE_XN;
		else if (offset < areas || offset >= areas_end)
			hv_l3[table][table_index(offset, 1)] = phys | PTE_PAGE | PTE_XN;
		/* else private to a CPU */
		offset += PAGE_SIZE;
	}
	exit_tables[0][table_index(exit, 3)] = table_entry(exit_tables[1]);
	exit_tables[1][table_index(exit, 2)] = table_entry(exit_tables[2]);
	exit_tables[2][table_index(exit, 1)] = (exit & PAGE_MASK) | PTE_PAGE | PTE_RO;
}

/*
 * On the driver's tables. Builds this CPU's tables and returns their physical address. Nothing can
 * fail here.
 */
__no_canary uint64_t boot_cpu(unsigned int index, char *area, const struct linux_state *state)
{
	struct local_data *private = (struct local_data *)(area + AREA_PRIVATE * PAGE_SIZE);
	uint64_t *l0 = (uint64_t *)(area + AREA_L0 * PAGE_SIZE);
	uint64_t *l1 = (uint64_t *)(area + AREA_L1 * PAGE_SIZE);
	uint64_t *l2 = (uint64_t *)(area + AREA_L2 * PAGE_SIZE);
	uint64_t *l3 = (uint64_t *)(area + AREA_L3 * PAGE_SIZE);
	uint64_t stack;

	lock_take(&start_lock);
	if (!first_taken) {
		first_taken = index + 1;
		hv_phys = image_system.hv_phys;
		cpu_count = image_system.cpu_count;
		make_canary();
		build_shared_tables();
		for_each_cpu(i) {
			cpus[i].id = image_system.cpus[i].id;
			cpus[i].hw_id = image_system.cpus[i].hw_id;
		}
	}
	lock_drop(&start_lock);
	stack = virt_to_phys(area + AREA_STACK * PAGE_SIZE);

	private->linux_state.sctlr = state->sctlr;
	private->linux_state.tcr = state->tcr;
	private->linux_state.mair = state->mair;
	private->linux_state.ttbr0 = state->ttbr0;
	private->cpu = &cpus[index];
	private->exits = info.cpus[index].exits;

	l0[table_index(HV_BASE, 4)] = table_entry(hv_l1);
	l0[table_index(LOCAL_BASE, 4)] = table_entry(l1);
	l0[table_index(virt_to_phys(arm64_exit_start), 4)] = table_entry(exit_tables[0]);
	l1[table_index(LOCAL_BASE, 3)] = table_entry(l2);
	l2[table_index(LOCAL_BASE, 2)] = table_entry(l3);
	l3[LOCAL_PAGE_STACK] = stack | PTE_PAGE | PTE_XN;
	l3[LOCAL_PAGE_STACK + 1] = (stack + PAGE_SIZE) | PTE_PAGE | PTE_XN;
	l3[LOCAL_PAGE_PRIVATE] = virt_to_phys(private) | PTE_PAGE | PTE_XN;
	l3[LOCAL_PAGE_TABLE] = virt_to_phys(l3) | PTE_PAGE | PTE_XN;
	asm volatile("dsb ish" : : : "memory");
	return virt_to_phys(l0);
}

/* On this CPU's own tables and stack. */
void boot_continue(void)
{
	struct linux_state *state = &local->linux_state;

	state->vbar = read_sysreg(vbar_el2);
	state->hcr = read_sysreg(hcr_el2);
	state->cptr = read_sysreg(cptr_el2);
	state->mdcr = read_sysreg(mdcr_el2);
	state->cnthctl = read_sysreg(cnthctl_el2);
	state->vtcr = read_sysreg(vtcr_el2);
	state->vttbr = read_sysreg(vttbr_el2);
	state->tpidr = read_sysreg(tpidr_el2);
	write_sysreg(vbar_el2, arm64_vectors);
	/* What is writable is not executed, whatever the tables say. */
	write_sysreg(sctlr_el2, read_sysreg(sctlr_el2) | SCTLR_WXN);
	isb();
	hv_entry(local->cpu, local->cpu->id + 1 == first_taken);
}

/* X0 of guest_regs is the result; ELR_EL2 and SPSR_EL2 are those of the HVC that is to return. */
static void __attribute__((noreturn)) leave(void)
{
	const struct linux_state *state = &local->linux_state;

	write_sysreg(hcr_el2, state->hcr);
	write_sysreg(cptr_el2, state->cptr);
	write_sysreg(mdcr_el2, state->mdcr);
	write_sysreg(cnthctl_el2, state->cnthctl);
	write_sysreg(vtcr_el2, state->vtcr);
	write_sysreg(vttbr_el2, state->vttbr);
	write_sysreg(tpidr_el2, state->tpidr);
	write_sysreg(vbar_el2, state->vbar);
	isb();
	arm64_exit(state, virt_to_phys(arm64_exit_start));
}

void arch_leave_to_linux(int result)
{
	current_regs->x[0] = (uint64_t)(int64_t)result;
	leave();
}

void arch_leave_guest(void)
{
	arch_cpu_exit(local->cpu);
	arch_leave_to_linux(0);
}

volatile void *map_device(unsigned int page, uint64_t phys)
{
	uint64_t address = DEVICE_BASE + page * PAGE_SIZE;

	device_tables[1][page] = (phys & PAGE_MASK) | PTE_DEVICE;
	pte_publish();
	return (volatile void *)(address + (phys & ~PAGE_MASK));
}

void map_local_device(unsigned int page, uint64_t phys)
{
	((volatile uint64_t *)LOCAL_TABLE)[page] = phys | PTE_DEVICE;
	pte_publish();
}

void exception_fatal(uint64_t kind)
{
	if (local->cpu->info->state == CL_CPU_FAILED)
		arm64_halt(); /* once more, while that was logged */
	cell_cpu_lost();
	log_error("hypervisor exception %lu syndrome 0x%lx at 0x%lx address 0x%lx", kind,
		  read_sysreg(esr_el2), read_sysreg(elr_el2), read_sysreg(far_el2));
}

void __stack_chk_fail(void)
{
	if (local->cpu->info->state == CL_CPU_FAILED)
		arm64_halt();
	cell_cpu_lost();
	log_error("hypervisor stack overrun in the function that called 0x%lx",
		  (uint64_t)__builtin_return_address(0));
	arm64_halt();
}

void cpu_relax(void)
{
	asm volatile("yield" : : : "memory");
}

const void *arch_shared_tables(void)
{
	return hv_l1;
}

unsigned int arch_cpu_id(void)
{
	return local->cpu->id;
}

uint64_t arch_timestamp(void)
{
	return read_sysreg(cntpct_el0);
}

uint64_t arch_ticks_per_ms(void)
{
	return image_system.tsc_khz ? image_system.tsc_khz : 1000000;
}

void *arch_window(uint64_t phys)
{
	return (void *)window(WINDOW_COPY, phys, PTE_ATTR(MAIR_NORMAL));
}

void arch_window_close(void)
{
	window_close(WINDOW_COPY);
}

/*
 * What is __ro_after_init is read-only from now on, page tables included; before, it had to be
 * written by the first CPU. Every CPU does it, as each has to forget what it has cached. Not
 * undone: the way back to Linux writes none of it, and the next enable loads the image anew. To set
 * AP[2] of a valid entry needs no break before make (DDI 0487, D8.16.1).
 */
void arch_protect(void)
{
	uint64_t page = (uint64_t)hv_ro_after_init, end = (uint64_t)hv_ro_after_init_end;

	for (; page < end; page += PAGE_SIZE) {
		uint64_t entry = virt_to_phys(&hv_l3[0][(page - HV_BASE) / PAGE_SIZE]);
		char *table = arch_window(entry & PAGE_MASK);

		__atomic_fetch_or((uint64_t *)(table + (entry & ~PAGE_MASK)), PTE_RO,
				  __ATOMIC_SEQ_CST);
		asm volatile("dsb ishst\n\ttlbi vae2, %0\n\tdsb nsh\n\tisb"
			     :
			     : "r"(page >> PAGE_SHIFT)
			     : "memory");
	}
	arch_window_close();
}
