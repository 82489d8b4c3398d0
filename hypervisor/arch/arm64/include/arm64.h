/* SPDX-License-Identifier: GPL-2.0 */
/* What the arm64 files offer each other. */
#ifndef ARM64_H
#define ARM64_H

#include <arch.h>
#include <asm.h>
#include <cell.h>
#include <layout.h>

/* At the top of the stack while the hypervisor runs; x[31] is not a register. */
struct guest_regs {
	uint64_t x[32];
};

#define current_regs ((struct guest_regs *)GUEST_REGS)

/* EL2 as it was at the driver's call, on this CPU. */
struct linux_state {
	uint64_t sctlr, tcr, mair, ttbr0; /* offsets 0 to 24: entry.S */
	uint64_t icc_igrpen0;
	uint64_t vbar, hcr, cptr, mdcr, cnthctl, vtcr, vttbr, tpidr;
};

/* The CPU's private page, mapped at LOCAL_PRIVATE on every CPU. */
struct local_data {
	struct cpu *cpu;
	uint64_t *exits; /* counters in the info region */
	uint32_t probe;	 /* PROBE_*: an access at which nothing may answer */
	struct linux_state linux_state;
};

#define local ((struct local_data *)local_base())

/* platform.c */
extern uint8_t phys_bits;      /* of stage 2 as well */
uint64_t pa_range(void);       /* the same as ID_AA64MMFR0_EL1.PARange says it */
uint64_t stage2_control(void); /* VTCR_EL2 */

/* entry.S */
void arm64_resume(void) __attribute__((noreturn)); /* into the guest, with guest_regs */
extern char arm64_vectors[], arm64_exit_start[];
void arm64_exit(const struct linux_state *state, uint64_t address) __attribute__((noreturn));
uint64_t boot_cpu(unsigned int index, char *area, const struct linux_state *state);
void boot_continue(void);
/* Exits in two parts, see entry.S. */
bool trap_sync(struct guest_regs *regs);
void trap_sync_rest(struct guest_regs *regs);
bool trap_irq(void);
bool trap_fiq(void);
bool trap_serror(void);
void trap_serror_rest(void);
#define EARLY_REGS 19 /* X0 to X18 are in the frame at once */
void exception_fatal(uint64_t kind);

/* A temporary mapping per use. */
enum { WINDOW_COPY, WINDOW_MMIO };

/* attributes: PTE_ATTR(), PTE_RO */
static inline volatile void *window(unsigned int slot, uint64_t phys, uint64_t attributes)
{
	volatile uint64_t *entry = (uint64_t *)LOCAL_TABLE + LOCAL_PAGE_WINDOWS + slot;
	uint64_t address = LOCAL_WINDOWS + slot * PAGE_SIZE;
	uint64_t value = phys | attributes | PTE_VALID | PTE_TABLE | PTE_AF | PTE_INNER | PTE_AP1 |
			 PTE_XN;

	if (*entry != value) {
		if (*entry) {
			*entry = 0;
			own_page_unmapped(address);
		}
		*entry = value;
		own_page_mapped(address);
	}
	return (volatile void *)address;
}

static inline void window_close(unsigned int slot)
{
	volatile uint64_t *entry = (uint64_t *)LOCAL_TABLE + LOCAL_PAGE_WINDOWS + slot;

	if (!*entry)
		return;
	*entry = 0;
	own_page_unmapped(LOCAL_WINDOWS + slot * PAGE_SIZE);
}

/* boot.c: map a page of device registers for all CPUs; first CPU, before the others go on */
volatile void *map_device(unsigned int page, uint64_t phys);
/* and for this one */
void map_local_device(unsigned int page, uint64_t phys);

/* trap.c: the guest gets "undefined instruction" at the instruction that has trapped */
void inject_undefined(void);
static inline void guest_skip(void)
{
	write_sysreg(elr_el2, read_sysreg(elr_el2) + 4);
}

/* System registers in the order of ISS: Op0, Op2, Op1, CRn, CRm; Rt and direction left out. */
#define SYSREG(op0, op1, crn, crm, op2) \
	((uint32_t)(op0) << 20 | (op2) << 17 | (op1) << 14 | (crn) << 10 | (crm) << 1)
#define SYSREG_MASK  0x3ffc1eU
#define SYSREG_SGI1R SYSREG(3, 0, 12, 11, 5)
#define SYSREG_PMR   SYSREG(3, 0, 4, 6, 0)
#define SYSREG_DIR   SYSREG(3, 0, 12, 11, 1)
#define SYSREG_RPR   SYSREG(3, 0, 12, 11, 3)
#define SYSREG_CTLR  SYSREG(3, 0, 12, 12, 4)

#define PSCI_VERSION	 0x84000000
#define PSCI_VERSION_1_1 0x10001

/* psci.c: SMC, or HVC #0: a call by the SMC calling convention */
void smccc_call(struct guest_regs *regs, bool smc);

/* gic.c: the interrupt controller as cells see it */
int gic_init(const struct cl_config *config);
int gic_init_cell(struct cell *cell);
void gic_move(const struct cell *cell, bool to_cell); /* its pins, from root or back */
struct inspection;
void gic_inspect(struct inspection *inspection, const struct cell *cell);
int64_t gic_misdirect(const struct cell *cell, unsigned int intid); /* damage.c: to a CPU of cell */
void gic_stop(const struct cell *cell); /* its shared interrupts as after a reset */
void gic_fill_comm(struct cl_comm *comm);
bool gic_owns(const struct cell *cell, uint64_t intid); /* may it end this one? */
bool gic_is_at(uint64_t address);
extern uint64_t gic_dist_phys;
#define gicd ((volatile char *)(DEVICE_BASE + DEVICE_PAGE_GICD * PAGE_SIZE))
/* An access by the guest at an address for which gic_is_at() */
void gic_access(uint64_t address, bool write, unsigned int size, uint64_t *value);
void gic_reset_cpu(
	struct cpu *cpu);	   /* this CPU's redistributor: nothing enabled, pending, active */
void gic_send_sgi(uint64_t value); /* the guest's write to ICC_SGI1R_EL1 */
void gic_map_cpu(struct cpu *cpu); /* where this CPU's private registers are */
void gic_set_pending(unsigned int intid); /* shared, or private to this CPU */
void gic_clear_sgis(void);		  /* none is pending at this CPU */
void gic_send_v2(const struct cpu *cpu, unsigned int sgi);
const struct cpu *gic_first_cpu(const struct cell *cell);
uint8_t gic_guest_priority(uint8_t priority); /* this one, or the highest that guests have */
extern unsigned int gic_maintenance_irq;
/* Registers of this CPU's private interrupts, laid out as below. */
volatile char *gic_sgi_frame(void);
uint32_t gic_guest_ppis(void); /* bits of the private interrupts that guests have */

/* Offsets in the SGI frame and, for what is shared, in the distributor; IHI 0069, 12.9 and 12.11 */
#define GIC_IGROUPR    0x080
#define GIC_ISENABLER  0x100
#define GIC_ICENABLER  0x180
#define GIC_ISPENDR    0x200
#define GIC_ICPENDR    0x280
#define GIC_ISACTIVER  0x300
#define GIC_ICACTIVER  0x380
#define GIC_IPRIORITYR 0x400
#define GIC_ICFGR      0xc00

static inline uint32_t mmio_read32(volatile char *address)
{
	return *(volatile uint32_t *)address;
}

static inline void mmio_write32(volatile char *address, uint32_t value)
{
	*(volatile uint32_t *)address = value;
}

/*
 * its.c: what root does with the ITSs of the config. Nothing where there is none.
 */
int its_init(const struct cl_gic *gic); /* first CPU during enable; or a refusal */
bool its_is_at(uint64_t address);
/*
 * An access by root, to registers or to memory that it can read only. False: it is about no ITS.
 */
bool its_access(uint64_t address, bool write, unsigned int size, uint64_t *value);

/*
 * smmu.c: memory accesses of devices. Does nothing where the root config has no SMMU. Under the
 * management lock, but for enable and disable.
 */
int smmu_init(void); /* first CPU during enable: check and prepare; nothing of the device changes */
int smmu_enter(void);			      /* each CPU during enable */
void smmu_exit(void);			      /* each CPU before native Linux */
int smmu_init_cell(const struct cell *cell);  /* -ENOMEM */
void smmu_exit_cell(const struct cell *cell); /* its functions are root's again */
void smmu_stop(const struct cell *cell);      /* its functions reach nothing */
int smmu_start(const struct cell *cell);      /* ... its memory; -EIO */
void smmu_flush_root(void);		      /* after root's stage-2 table has lost something */
void smmu_poll(void);			      /* log what was refused */
bool smmu_is_at(uint64_t address);
void smmu_inspect(struct inspection *inspection); /* of all cells */
/* damage.c: a PCI function reaches the cell's memory, NULL: all */
int64_t smmu_misdirect(uint32_t stream, const struct cell *cell);

/* With one security state: interrupts of group 0 are FIQs, and the hypervisor's alone. */
bool gic_has_fiq(void);
void gic_use_fiq(bool on); /* or as Linux had the distributor */

/* vgic.c: interrupts on their way to the guest of this CPU */
int vgic_init_cpu(
	struct cpu *cpu); /* takes over what Linux has; -EIO: not the expected CPU interface */
void vgic_exit_cpu(void); /* and gives it back */
void vgic_reset_cpu(struct cpu *cpu);
bool vgic_interrupt(void); /* one that is pending at the CPU; true: it was a kick */
bool vgic_fiq(void);	   /* the same for group 0, where it is used */
void vgic_kick(const struct cpu *cpu);
void vgic_park(void); /* nothing that is the guest's wakes this CPU any more, until its reset */
void vgic_send_sgi(const struct cpu *cpu, unsigned int sgi); /* a real one, group 1 */
/* Registers of the CPU interface that trap where a cell gets its interrupts directly. */
uint64_t vgic_read_common(uint32_t reg);
void vgic_write_common(uint32_t reg, uint64_t value);
/* SGIs that the cell's software can use are real ones. */
static inline bool is_direct(const struct cell *cell)
{
	return cell->config->flags & CL_CELL_DIRECT_IRQ;
}
#define KICK_FIQ 15 /* the SGI between CPUs of the hypervisor where gic_has_fiq() */
void vgic_deliver_sgis(struct cpu *cpu);
/* What waits for this CPU: SGIs, messages of others, the virtual pins. */
void vgic_deliver(struct cpu *cpu);
void vgic_update_pins(struct cpu *cpu); /* a virtual pin has changed; on this CPU */
/* An SGI of this CPU to itself. False: it is off, or there is no room; it has to wait. */
bool vgic_inject_sgi(struct cpu *cpu, unsigned int sgi);

/* No interrupt of a guest has a lower number: what the hypervisor itself needs goes first. */
#define LOWEST_PRIORITY_OF_GUESTS 0x10

#endif
