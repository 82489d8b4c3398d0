// SPDX-License-Identifier: GPL-2.0
/* The arm64 side of cells, of CPUs and of the machine: what the core asks for in arch.h. */
#include <arm64.h>
#include <image.h>
#include <log.h>
#include <mmio.h>
#include <page.h>
#include <pci.h>
#include <vpin.h>

void arm64_clear_fp(void);
void arm64_clear_sve(void);

uint8_t phys_bits __ro_after_init;

/* Bits of HCR_EL2 that are the machine's, as Linux' start code has found them to be right. */
#define HCR_KEPT (HCR_API | HCR_APK)

/* Physical addresses and those of stage 2 are of the same width: ID_AA64MMFR0_EL1.PARange. */
uint64_t pa_range(void)
{
	return MIN(read_sysreg(id_aa64mmfr0_el1) & 0xf, 5);
}

static void find_features(void)
{
	static const uint8_t widths[] = { 32, 36, 40, 42, 44, 48 };

	phys_bits = widths[pa_range()];
}

void arch_limits(struct cl_limits *limits)
{
	if (!phys_bits)
		find_features(); /* while enabling */
	memset(limits, 0, sizeof(*limits));
	limits->arch = CL_ARCH_ARM64;
	limits->phys_bits = phys_bits;
	limits->max_cpus = cpu_count;
	limits->hv_phys = image_system.hv_phys;
	limits->hv_size = image_system.hv_size;
}

int arch_init(const struct cl_platform *platform, struct cl_finding *finding)
{
	int err;

	(void)finding;
	if (image_system.flags & CL_SYSTEM_FWB)
		info.head.features |= CL_FEATURE_FWB;
	pci_init(platform);
	err = gic_init(root_cell.config);
	return err ? err : smmu_init();
}

/*
 * Stage 2 of the 4 KiB granule (DDI 0487, D8.2.9): up to 43 bits start at level 1 with as many
 * tables side by side as the bits above 39 count; more start at level 0, which exists from 44 on.
 */
static unsigned int stage2_levels(void)
{
	return phys_bits > 43 ? 4 : 3;
}

uint64_t stage2_control(void)
{
	uint64_t start = phys_bits > 43 ? 2 : 1;

	/* T0SZ, SL0, write-back inner shareable walks, 4 KiB granule, PS, 8-bit VMIDs */
	return VTCR_RES1 | (64U - phys_bits) | start << 6 | 1 << 8 | 1 << 10 | 3 << 12 |
	       pa_range() << 16;
}

/*
 * A cell without devices sees its RAM as root has loaded it, and as other cells do, whether its MMU
 * is on or not. With devices, which may not look into caches, the memory types are its own affair,
 * as they are root's; and an SMMU does not know this format of the tables.
 */
static bool wants_forced_types(const struct cell *cell)
{
	struct cl_memory region;

	if (!(image_system.flags & CL_SYSTEM_FWB) || cell == &root_cell ||
	    cl_find_section(cell->config, CL_SEC_PCI))
		return false;
	for_each_region(cell->config, i, region)
		if (region.flags & CL_MEM_IO)
			return false;
	return true;
}

int arch_cell_init(struct cell *cell)
{
	struct arch_cell *arch = &cell->arch;
	unsigned int root_pages = phys_bits > 39 && phys_bits <= 43 ? 1U << (phys_bits - 39) : 1;
	struct cl_memory region;
	int err;

	err = paging_init(&arch->stage2, stage2_levels(), root_pages, 3, PTE_VALID | PTE_TABLE);
	if (err)
		return err;
	arch->vttbr = virt_to_phys(arch->stage2.root) | (uint64_t)(cell->id + 1) << 48;
	arch->hcr = wants_forced_types(cell) ? HCR_FWB : 0;
	for_each_region(cell->config, i, region)
		if (region.flags & CL_MEM_COMM)
			arch->comm_address = region.virt;
	err = gic_init_cell(cell);
	if (!err)
		err = smmu_init_cell(cell);
	if (err) {
		paging_exit(&arch->stage2);
		return err;
	}
	if (cell != &root_cell) {
		gic_move(cell, true);
		pci_move(cell, true);
	}
	return 0;
}

void arch_cell_exit(struct cell *cell)
{
	gic_move(cell, false);
	pci_move(cell, false);
	smmu_exit_cell(cell);
	paging_exit(&cell->arch.stage2);
}

void arch_cell_entry(struct cell *cell, struct arch_start *start)
{
	vpin_reset(cell);
	start->address = cell->config->entry;
	start->argument = cell->arch.comm_address;
}

void arch_fill_comm(struct cl_comm *comm)
{
	gic_fill_comm(comm);
	/* Its CPUs may read it before they have caches on. */
	arch_sync_uncached(comm, PAGE_SIZE);
}

/*
 * Where types are not forced (wants_forced_types()), an access of the guest as to a device does not
 * look into caches, in which this CPU has the same memory (DDI 0487, "Mismatched memory
 * attributes").
 */
void arch_sync_uncached(const volatile void *start, uint64_t size)
{
	flush_caches(start, size);
}

void arch_stop_devices(const struct cell *cell)
{
	pci_stop(cell);
	smmu_stop(cell);
	gic_stop(cell);
}

int arch_start_devices(const struct cell *cell)
{
	return smmu_start(cell);
}

void arch_flush_devices(void)
{
	smmu_flush_root();
}

void arch_poll_devices(void)
{
	smmu_poll();
}

static uint64_t stage2_bits(const struct cell *cell, uint64_t flags)
{
	uint64_t bits = PTE_VALID | PTE_AF;

	if (flags & CL_MEM_IO)
		bits |= S2_DEVICE;
	else
		bits |= PTE_INNER | (cell->arch.hcr & HCR_FWB ? S2_FORCED : S2_NORMAL);
	if (flags & CL_MEM_READ)
		bits |= S2_READ;
	if (flags & CL_MEM_WRITE)
		bits |= S2_WRITE;
	if (!(flags & CL_MEM_EXECUTE))
		bits |= S2_XN;
	return bits;
}

/* A page of this size is split while devices may just use it: see arch_map(). */
#define UNSPLIT 0x200000UL

static uint64_t largest_step(const struct cell *cell, const struct cl_memory *region)
{
	bool used_by_devices = cell == &root_cell && !(region->flags & CL_MEM_IO) &&
			       cl_find_section(cell->config, CL_SEC_IOMMU);

	return used_by_devices ? UNSPLIT : ~0UL;
}

/*
 * Behind an SMMU an access fails that meets an entry while it is being split, and no device tries
 * again as CPUs do. So root's memory has no larger pages than 2 MiB there: what cells are made of,
 * the pool, consists of whole ones.
 */
int arch_map(struct cell *cell, const struct cl_memory *region)
{
	uint64_t step = largest_step(cell, region), done = 0;
	int err = 0;

	/* Registers that share a page with foreign ones are reached one by one, in mmio.c. */
	if ((region->phys | region->virt | region->size) & ~PAGE_MASK)
		return 0;
	while (!err && done < region->size) {
		uint64_t piece =
			MIN(region->size - done, step - ((region->virt + done) & (step - 1)));

		err = paging_update(&cell->arch.stage2, region->virt + done, region->phys + done,
				    piece, stage2_bits(cell, region->flags));
		done += piece;
	}
	return err;
}

int arch_unmap(struct cell *cell, uint64_t virt, uint64_t size)
{
	return paging_update(&cell->arch.stage2, virt, 0, size, 0);
}

uint64_t arch_translate(const struct cell *cell, uint64_t virt, uint64_t flags)
{
	uint64_t page_size;
	uint64_t entry = paging_lookup(&cell->arch.stage2, virt, &page_size);

	if (!entry || (flags & CL_MEM_READ && !(entry & S2_READ)) ||
	    (flags & CL_MEM_WRITE && !(entry & S2_WRITE)))
		return ~0UL;
	return (entry & PTE_ADDRESS & ~(page_size - 1)) | (virt & (page_size - 1));
}

bool arch_is_moderated(uint64_t address)
{
	return gic_is_at(address) || its_is_at(address) || smmu_is_at(address) ||
	       (address >= ecam_start && address < ecam_end);
}

static void use_cell(const struct cell *cell)
{
	uint64_t mdcr = local->linux_state.mdcr;

	/* Debug registers and performance counters are root's. */
	if (cell != &root_cell)
		mdcr |= MDCR_TDRA | MDCR_TDOSA | MDCR_TDA | MDCR_TPM | MDCR_TPMCR;
	write_sysreg(hcr_el2, (local->linux_state.hcr & HCR_KEPT) | HCR_VM | HCR_SWIO | HCR_PTW |
				      HCR_FMO | (is_direct(cell) ? 0 : HCR_IMO) | HCR_AMO |
				      HCR_TSC | HCR_TIDCP | HCR_TACR | HCR_RW | cell->arch.hcr);
	write_sysreg(mdcr_el2, mdcr);
	write_sysreg(vttbr_el2, cell->arch.vttbr);
	isb();
	asm volatile("tlbi vmalls12e1\n\tdsb nsh\n\tic iallu\n\tdsb nsh\n\tisb" : : : "memory");
}

int arch_cpu_init(struct cpu *cpu)
{
	int err = smmu_enter();

	if (!err)
		err = vgic_init_cpu(cpu);
	if (err) {
		smmu_exit();
		return err;
	}
	write_sysreg(vtcr_el2, stage2_control());
	use_cell(cpu->cell);
	/* The physical timer and counter are the guest's. */
	write_sysreg(cnthctl_el2, local->linux_state.cnthctl | 3);
	isb();
	return 0;
}

void arch_cpu_exit(struct cpu *cpu)
{
	(void)cpu;
	smmu_exit();
	vgic_exit_cpu();
	gic_use_fiq(false);
	/* No translation by stage 2 may be left when Linux runs without it. */
	asm volatile("tlbi vmalls12e1\n\tdsb nsh\n\tisb" : : : "memory");
}

void arch_cpu_run(struct cpu *cpu)
{
	(void)cpu;
	current_regs->x[0] = 0;
	arm64_resume();
}

/* Break- and watchpoints: as many of each as ID_AA64DFR0_EL1 says there are, 16 at most. */
static void reset_debug(void)
{
	uint64_t features = read_sysreg(id_aa64dfr0_el1);
	unsigned int breakpoints = (features >> 12 & 0xf) + 1;
	unsigned int watchpoints = (features >> 20 & 0xf) + 1;

#define RESET_DEBUG(n)                                    \
	do {                                              \
		if ((n) < breakpoints) {                  \
			write_sysreg(dbgbcr##n##_el1, 0); \
			write_sysreg(dbgbvr##n##_el1, 0); \
		}                                         \
		if ((n) < watchpoints) {                  \
			write_sysreg(dbgwcr##n##_el1, 0); \
			write_sysreg(dbgwvr##n##_el1, 0); \
		}                                         \
	} while (0)
	RESET_DEBUG(0);
	RESET_DEBUG(1);
	RESET_DEBUG(2);
	RESET_DEBUG(3);
	RESET_DEBUG(4);
	RESET_DEBUG(5);
	RESET_DEBUG(6);
	RESET_DEBUG(7);
	RESET_DEBUG(8);
	RESET_DEBUG(9);
	RESET_DEBUG(10);
	RESET_DEBUG(11);
	RESET_DEBUG(12);
	RESET_DEBUG(13);
	RESET_DEBUG(14);
	RESET_DEBUG(15);
#undef RESET_DEBUG
	write_sysreg(mdscr_el1, 0);
	/* PMUv3, ID_AA64DFR0_EL1.PMUVer: not there (0) or not that (0xf) */
	if ((features >> 8 & 0xf) - 1 < 0xe) {
		write_sysreg(pmcntenclr_el0, 0xffffffff);
		write_sysreg(pmintenclr_el1, 0xffffffff);
		write_sysreg(pmovsclr_el0, 0xffffffff);
		write_sysreg(pmuserenr_el0, 0);
		write_sysreg(pmselr_el0, 0);
		write_sysreg(pmccfiltr_el0, 0);
		write_sysreg(pmcr_el0, 6); /* counters to zero, off */
	}
}

/* Of pointer authentication: ID_AA64ISAR1_EL1 and ID_AA64ISAR2_EL1 say what there is. */
static void reset_keys(void)
{
	uint64_t isar1 = read_sysreg(id_aa64isar1_el1), isar2 = read_sysreg(S3_0_C0_C6_2);

	if (isar1 & 0xff0 || isar2 & 0xf000) {
		write_sysreg(S3_0_C2_C1_0, 0); /* APIAKeyLo_EL1, APIAKeyHi_EL1 */
		write_sysreg(S3_0_C2_C1_1, 0);
		write_sysreg(S3_0_C2_C1_2, 0); /* APIB */
		write_sysreg(S3_0_C2_C1_3, 0);
		write_sysreg(S3_0_C2_C2_0, 0); /* APDA */
		write_sysreg(S3_0_C2_C2_1, 0);
		write_sysreg(S3_0_C2_C2_2, 0); /* APDB */
		write_sysreg(S3_0_C2_C2_3, 0);
	}
	if (isar1 & 0xff000000 || isar2 & 0xf00) {
		write_sysreg(S3_0_C2_C3_0, 0); /* APGA */
		write_sysreg(S3_0_C2_C3_1, 0);
	}
}

void arch_cpu_reset(struct cpu *cpu)
{
	__atomic_store_n(&cpu->arch.starting, false, __ATOMIC_SEQ_CST);
	gic_reset_cpu(cpu);
	vgic_reset_cpu(cpu);
	memset(current_regs, 0, sizeof(*current_regs));
	arm64_clear_fp();
	/* SVE is there, and does not trap here. */
	if (read_sysreg(id_aa64pfr0_el1) >> 32 & 0xf && !(read_sysreg(cptr_el2) & CPTR_TZ))
		arm64_clear_sve();
	reset_keys();
	write_sysreg(sctlr_el1, SCTLR_EL1_RESET);
	write_sysreg(cpacr_el1, 0);
	write_sysreg(ttbr0_el1, 0);
	write_sysreg(ttbr1_el1, 0);
	write_sysreg(tcr_el1, 0);
	write_sysreg(mair_el1, 0);
	write_sysreg(amair_el1, 0);
	write_sysreg(vbar_el1, 0);
	write_sysreg(esr_el1, 0);
	write_sysreg(far_el1, 0);
	write_sysreg(afsr0_el1, 0);
	write_sysreg(afsr1_el1, 0);
	write_sysreg(par_el1, 0);
	write_sysreg(contextidr_el1, 0);
	write_sysreg(tpidr_el0, 0);
	write_sysreg(tpidrro_el0, 0);
	write_sysreg(tpidr_el1, 0);
	write_sysreg(sp_el0, 0);
	write_sysreg(sp_el1, 0);
	write_sysreg(elr_el1, 0);
	write_sysreg(spsr_el1, 0);
	write_sysreg(csselr_el1, 0);
	write_sysreg(cntkctl_el1, 0);
	write_sysreg(cntp_ctl_el0, 0);
	write_sysreg(cntv_ctl_el0, 0);
	write_sysreg(cntp_cval_el0, 0);
	write_sysreg(cntv_cval_el0, 0);
	write_sysreg(cntvoff_el2, 0);
	reset_debug();
	asm volatile("clrex");
	use_cell(cpu->cell);
	asm volatile("tlbi vmalle1\n\tdsb nsh\n\tisb" : : : "memory");
}

void arch_cpu_start(struct cpu *cpu, const struct arch_start *start)
{
	/* What was sent to it while it was off is lost, as with real ones. */
	__atomic_store_n(&cpu->arch.sgi_pending, 0, __ATOMIC_SEQ_CST);
	vgic_update_pins(cpu); /* a level is still there */
	current_regs->x[0] = start->argument;
	__atomic_store_n(&cpu->arch.starting, false, __ATOMIC_SEQ_CST);
	write_sysreg(elr_el2, start->address);
	write_sysreg(spsr_el2, SPSR_EL1H | SPSR_DAIF);
}

void arch_cpu_event(struct cpu *cpu)
{
	vgic_deliver(cpu);
}

/* An interrupt that is pending ends WFI although it is masked here: no wake-up is lost. */
void arch_cpu_idle(void)
{
	vgic_park();
	asm volatile("dsb sy\n\twfi" : : : "memory");
	/* After a kick the caller looks for events. */
	(void)vgic_fiq();
	(void)vgic_interrupt();
}

void arch_cpu_kick(struct cpu *cpu)
{
	vgic_kick(cpu);
}

void arch_flush_guest_tlb(struct cpu *cpu)
{
	(void)cpu;
	asm volatile("dsb ish\n\ttlbi vmalls12e1\n\tdsb nsh\n\tisb" : : : "memory");
}

uint64_t arch_guest_pc(void)
{
	return read_sysreg(elr_el2);
}

/*
 * Where nothing answers, reads give ones; the exception that says so would overwrite where the
 * guest is. (An error that comes later is taken for the guest's.)
 */
bool arch_access_registers(uint64_t address, bool write, unsigned int size, uint64_t *value)
{
	uint64_t pc = read_sysreg(elr_el2), state = read_sysreg(spsr_el2);
	volatile char *registers;

	/* The window is one page. */
	if ((address & ~PAGE_MASK) + size > PAGE_SIZE)
		return false;
	registers = window(WINDOW_MMIO, address & PAGE_MASK, PTE_ATTR(MAIR_DEVICE));
	registers += address & ~PAGE_MASK;
	WRITE_ONCE(local->probe, PROBE_ON);
	switch (size) {
#define ACCESS(bytes, type)                                         \
	case bytes:                                                 \
		if (write)                                          \
			*(volatile type *)registers = (type)*value; \
		else                                                \
			*value = *(volatile type *)registers;       \
		break
		ACCESS(1, uint8_t);
		ACCESS(2, uint16_t);
		ACCESS(4, uint32_t);
		ACCESS(8, uint64_t);
#undef ACCESS
	}
	asm volatile("dsb sy" : : : "memory");
	if (unlikely(READ_ONCE(local->probe) == PROBE_FAILED)) {
		*value = ~0UL;
		write_sysreg(elr_el2, pc);
		write_sysreg(spsr_el2, state);
	}
	WRITE_ONCE(local->probe, PROBE_OFF);
	return true;
}

/* There is no other way than ECAM. */
uint32_t arch_pci_access(uint32_t bdf, unsigned int offset, unsigned int size, bool write,
			 uint32_t value)
{
	return pci_ecam_access(bdf, offset, size, write, value);
}

/* Messages go to an ITS, which is root's alone. */
bool arch_msi_allowed(const struct cell *cell, uint64_t address, uint16_t data)
{
	(void)cell;
	(void)address;
	(void)data;
	return false;
}
