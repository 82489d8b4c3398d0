// SPDX-License-Identifier: GPL-2.0
/*
 * Interrupts on their way to the guest. EL2 acknowledges each one and drops its priority; the guest
 * finds it in a list register, and when it deactivates that, the hardware deactivates the real one:
 * one exit for an interrupt, none for its end. ARM IHI 0069, chapter 6.
 */
#include <gic_cpu.h>
#include <info_region.h>
#include <log.h>
#include <vpin.h>

#define INTID_SPECIAL 1020 /* to 1023 */
#define INTID_LPI     8192

#define CTLR_CBPR BIT(0)
#define CTLR_EOIM BIT(1)

#define SRE_ENABLED (BIT(0) | BIT(3))

/*
 * Between the hypervisor's CPUs one software-generated interrupt of the hardware is used. With one
 * security state it is an FIQ, which comes to EL2 also where a cell gets all IRQs itself.
 */
#define KICK_IRQ 0

static unsigned int kick_id(void)
{
	return gic_has_fiq() ? KICK_FIQ : KICK_IRQ;
}

#define LR_CASES(DO) \
	DO(0, 12, 0) \
	DO(1, 12, 1) \
	DO(2, 12, 2) \
	DO(3, 12, 3) \
	DO(4, 12, 4) \
	DO(5, 12, 5) \
	DO(6, 12, 6) \
	DO(7, 12, 7) \
	DO(8, 13, 0) \
	DO(9, 13, 1) \
	DO(10, 13, 2) DO(11, 13, 3) DO(12, 13, 4) DO(13, 13, 5) DO(14, 13, 6) DO(15, 13, 7)

/* GICv2: IHI 0048, 5.3.13 */
static uint64_t lr_of_v2(uint32_t lr)
{
	return (uint64_t)(lr >> 31) << 61 | (uint64_t)(lr >> 28 & 3) << 62 |
	       LR_PRIORITY(lr >> 20 & 0xf8) | LR_PINTID(lr >> 10 & 0x3ff) | (lr & 0x3ff);
}

static uint32_t lr_to_v2(uint64_t lr)
{
	return (uint32_t)(lr >> 61 & 1) << 31 | (uint32_t)(lr >> 62) << 28 |
	       (uint32_t)(lr >> 51 & 0x1f) << 23 | (uint32_t)(lr >> 32 & 0x3ff) << 10 |
	       (uint32_t)(lr & 0x3ff);
}

static uint64_t read_lr(unsigned int n)
{
	if (gic_is_v2)
		return lr_of_v2(mmio_read32(gich + GICH_LR + 4 * n));
	switch (n) {
#define DO(number, crm, op2) \
	case number:         \
		return read_sysreg(S3_4_C12_C##crm##_##op2);
		LR_CASES(DO)
#undef DO
	default:
		return 0;
	}
}

static void write_lr(unsigned int n, uint64_t value)
{
	if (gic_is_v2) {
		mmio_write32(gich + GICH_LR + 4 * n, lr_to_v2(value));
		return;
	}
	switch (n) {
#define DO(number, crm, op2)                                  \
	case number:                                          \
		write_sysreg(S3_4_C12_C##crm##_##op2, value); \
		break;
		LR_CASES(DO)
#undef DO
	default:
		break;
	}
}

/* With all list registers in use nothing but what the hypervisor itself needs is taken any more. */
static void update_room(void)
{
	bool full = !gic_free_lrs();

	gic_set_hcr(full ? ICH_HCR_EN | ICH_HCR_UIE : ICH_HCR_EN);
	gic_set_priority_mask(full ? LOWEST_PRIORITY_OF_GUESTS : 0xff);
}

static uint64_t all_lrs __ro_after_init; /* a bit for each list register */

/* There is a free one: update_room() sees to that. */
static inline __attribute__((always_inline)) void inject(bool v2, uint64_t value)
{
	unsigned int lr = (unsigned int)__builtin_ctzl(gic_free_lrs());

	/* Guests of GICv2 have one group, which is 0 there. */
	if (likely(!v2 && !lr))
		write_sysreg(ICH_LR0_EL2, value | LR_GROUP1);
	else
		write_lr(lr, v2 ? value : value | LR_GROUP1);
	if (unlikely(!gic_free_lrs()))
		update_room();
}

/* The list register that has this interrupt, which is not of the hardware; -1: none. */
static inline __attribute__((always_inline)) int look_for_lr(unsigned int intid)
{
	uint64_t in_use = ~gic_free_lrs() & all_lrs;

	for (; in_use; in_use &= in_use - 1) {
		unsigned int lr = (unsigned int)__builtin_ctzl(in_use);

		if ((read_lr(lr) & LR_VINTID) == intid)
			return (int)lr;
	}
	return -1;
}

static __attribute__((noinline)) int find_lr(unsigned int intid)
{
	return look_for_lr(intid);
}

/* Interrupts without an active state in the hardware: once more while in a list register is once. */
static bool inject_software(unsigned int intid, uint8_t priority)
{
	uint64_t free = gic_free_lrs();
	int lr = likely(free == all_lrs) ? -1 : look_for_lr(intid);

	if (lr >= 0)
		write_lr((unsigned int)lr, read_lr((unsigned int)lr) | LR_PENDING);
	else if (free)
		inject(gic_is_v2, LR_PENDING | LR_PRIORITY(priority) | intid);
	else
		return false;
	return true;
}

/*
 * Messages (LPIs) that a CPU has acknowledged and that its guest can no longer take there. They
 * have no active state, so acknowledging has ended them in the hardware. Only root has any. What is
 * left when Cloister is disabled is for the driver, see struct cl_info.
 */
static struct lock strays_lock;
static uint8_t stray_priorities[CL_MESSAGES_MAX];

static void add_stray(unsigned int intid, uint8_t priority)
{
	struct cl_info *head = &info.head;
	bool room;

	lock_take(&strays_lock);
	room = head->message_count < CL_MESSAGES_MAX;
	if (room) {
		stray_priorities[head->message_count] = priority;
		head->messages[head->message_count++] = intid;
	}
	lock_drop(&strays_lock);
	if (!room)
		log_error("interrupt %u of a device is lost: %u of them wait already", intid,
			  CL_MESSAGES_MAX);
}

/* Another CPU of root takes them; one is always running. */
static void post_strays(void)
{
	for_each_cpu_in(&root_cell, i) {
		if (&cpus[i] != local->cpu && !READ_ONCE(cpus[i].parked)) {
			cpu_post(&cpus[i], CPU_EV_ARCH);
			return;
		}
	}
}

/* What finds no room here is left to the maintenance interrupt. */
static void deliver_strays(void)
{
	struct cl_info *head = &info.head;

	if (!READ_ONCE(head->message_count) || local->cpu->cell != &root_cell)
		return;
	lock_take(&strays_lock);
	for (; head->message_count; head->message_count--) {
		uint32_t last = head->message_count - 1;

		if (!inject_software(head->messages[last], stray_priorities[last]))
			break;
	}
	lock_drop(&strays_lock);
}

bool vgic_inject_sgi(struct cpu *cpu, unsigned int sgi)
{
	return READ_ONCE(cpu->arch.sgi_enabled) & 1U << sgi &&
	       inject_software(sgi, cpu->arch.sgi_priority[index_nospec(sgi, SGIS)]);
}

void vgic_deliver_sgis(struct cpu *cpu)
{
	uint32_t bits = __atomic_load_n(&cpu->arch.sgi_pending, __ATOMIC_SEQ_CST) &
			READ_ONCE(cpu->arch.sgi_enabled);

	for (; bits; bits &= bits - 1) {
		unsigned int sgi = (unsigned int)__builtin_ctz(bits);

		/* Not pending any more before it is delivered: what is sent from now on is another.
		 */
		__atomic_fetch_and(&cpu->arch.sgi_pending, ~(1U << sgi), __ATOMIC_SEQ_CST);
		if (!inject_software(sgi, cpu->arch.sgi_priority[sgi])) {
			__atomic_fetch_or(&cpu->arch.sgi_pending, 1U << sgi, __ATOMIC_SEQ_CST);
			return; /* the maintenance interrupt comes back to it */
		}
	}
}

/*
 * A virtual pin is pending while it is active, and again when the guest has ended it, of which a
 * maintenance interrupt tells (LR_EOI).
 */
static __attribute__((cold)) void update_pin(struct cpu *cpu, unsigned int n)
{
	struct arch_cell *cell = &cpu->cell->arch;
	unsigned int intid = VPIN_FIRST + n;
	uint32_t bit = VPIN_BIT(intid);
	int lr = cpu->arch.pins_listed & bit ? find_lr(intid) : -1;
	uint64_t value = lr < 0 ? 0 : read_lr((unsigned int)lr);
	bool wanted;

	/* An edge is over when the guest has taken it. */
	if (intid == CL_BUTTON_INTID && lr >= 0 && !(value & LR_PENDING))
		__atomic_fetch_and(&cell->pins_active, ~bit, __ATOMIC_SEQ_CST);
	wanted = READ_ONCE(cell->pins_active) & READ_ONCE(cell->pins_enabled) & bit &&
		 READ_ONCE(cell->pins[n].target) == cpu->id;
	if (value & LR_ACTIVE || (value & LR_PENDING && wanted))
		return;
	if (lr >= 0) {
		write_lr((unsigned int)lr, 0);
		cpu->arch.pins_listed &= ~bit;
		update_room();
	}
	if (wanted && gic_free_lrs()) {
		inject(gic_is_v2, LR_PENDING | LR_EOI |
					  LR_PRIORITY(READ_ONCE(cell->pins[n].priority)) | intid);
		cpu->arch.pins_listed |= bit;
	} else if (wanted) {
		cpu->arch.pin_changed = true; /* the maintenance interrupt comes back to it */
	}
}

__attribute__((cold)) void vgic_update_pins(struct cpu *cpu)
{
	/* What changes from here on is told once more. */
	WRITE_ONCE(cpu->arch.pin_changed, false);
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	for (unsigned int n = 0; n < VPINS; n++)
		update_pin(cpu, n);
}

void vgic_deliver(struct cpu *cpu)
{
	vgic_deliver_sgis(cpu);
	deliver_strays();
	if (unlikely(READ_ONCE(cpu->arch.pin_changed)))
		vgic_update_pins(cpu);
}

static uint64_t sgi_to(const struct cpu *cpu, unsigned int sgi)
{
	uint64_t id = cpu->hw_id;

	return (id & 0xff000000) << 24 | (id & 0xff0000) << 16 | (id & 0xff00) << 8 |
	       (id & 0xf0) << 40 | BIT(id & 0xf) | (uint64_t)sgi << 24;
}

void vgic_kick(const struct cpu *cpu)
{
	barrier_before_sgi();
	if (gic_is_v2)
		gic_send_v2(cpu, KICK_IRQ);
	else if (gic_has_fiq())
		write_sysreg(ICC_SGI0R_EL1, sgi_to(cpu, KICK_FIQ));
	else
		write_sysreg(ICC_SGI1R_EL1, sgi_to(cpu, KICK_IRQ));
	isb();
}

void vgic_send_sgi(const struct cpu *cpu, unsigned int sgi)
{
	barrier_before_sgi();
	write_sysreg(ICC_SGI1R_EL1, sgi_to(cpu, sgi));
	isb();
}

static void kicked(struct cpu *cpu)
{
	local->exits[CL_EXIT_KICK]++;
	__atomic_store_n(&cpu->kick_pending, 0, __ATOMIC_SEQ_CST);
}

bool vgic_fiq(void)
{
	uint64_t intid;

	if (!gic_has_fiq())
		return false;
	intid = gic_intid(gic_is_v2, read_sysreg(ICC_IAR0_EL1));
	if (intid >= INTID_SPECIAL)
		return false;
	write_sysreg(ICC_EOIR0_EL1, intid);
	if (read_sysreg(ICC_CTLR_EL1) & CTLR_EOIM)
		write_sysreg(ICC_DIR_EL1, intid);
	kicked(local->cpu);
	return true;
}

/* A list register's bits for an interrupt of the hardware that is to be deactivated with it. */
static inline uint64_t hardware_lr(bool v2, unsigned int intid)
{
	return v2 && gic_needs_eoi ? LR_EOI | intid : LR_HW | LR_PINTID(intid) | intid;
}

static bool is_hardware(uint64_t lr)
{
	return lr & (LR_HW | LR_EOI) && (lr & LR_VINTID) >= SGIS;
}

/* Not only left over: with LR_HW, the bit of LR_EOI is one of the number's. */
static bool is_in_use(uint64_t lr)
{
	return lr & (LR_PENDING | LR_ACTIVE) || (lr & (LR_HW | LR_EOI)) == LR_EOI;
}

/* Nothing of the hardware's, although it looks like that. */
static bool is_listed_pin(const struct cpu *cpu, uint64_t lr)
{
	unsigned int intid = lr & LR_VINTID;

	return intid - VPIN_FIRST < VPINS && cpu->arch.pins_listed & VPIN_BIT(intid);
}

/* What the guest has ended without that the hardware knows, see gic_needs_eoi. */
static void deactivate_ended(void)
{
	uint32_t ended = mmio_read32(gich + GICH_EISR);

	for (; ended; ended &= ended - 1) {
		unsigned int n = (unsigned int)__builtin_ctz(ended);

		gic_deactivate(true, read_lr(n) & LR_VINTID);
		write_lr(n, 0);
	}
}

static __attribute__((noinline)) void take_rare(uint64_t acknowledged, unsigned int intid,
						uint8_t priority)
{
	if (intid == gic_maintenance_irq) {
		if (local->cpu->arch.pins_listed)
			vgic_update_pins(local->cpu); /* before others look who has ended */
		if (gic_is_v2 && gic_needs_eoi)
			deactivate_ended();
		update_room();
		vgic_deliver(local->cpu);
		gic_deactivate(gic_is_v2, acknowledged);
	} else if (unlikely(local->cpu->cell != &root_cell || local->cpu->parked)) {
		add_stray(intid, priority);
		post_strays();
	} else {
		(void)inject_software(intid,
				      priority); /* there is room, or it had not been taken */
	}
}

/* What follows the acknowledgement, for one version; this is each interrupt's way. */
static inline __attribute__((always_inline)) bool take(bool v2)
{
	uint64_t acknowledged = gic_acknowledge(v2);
	unsigned int intid = gic_intid(v2, acknowledged);
	uint8_t priority;

	if (unlikely(intid >= INTID_SPECIAL && intid < INTID_LPI))
		return false;
	priority = gic_running_priority(v2);
	gic_drop_priority(v2, acknowledged);
	if (intid < SGIS) {
		gic_deactivate(v2, acknowledged);
		kicked(local->cpu);
		return true;
	}
	local->exits[CL_EXIT_INTERRUPT]++;
	if (unlikely(intid == gic_maintenance_irq || intid >= INTID_LPI))
		take_rare(acknowledged, intid, priority);
	else
		inject(v2, LR_PENDING | LR_PRIORITY(priority) | hardware_lr(v2, intid));
	return false;
}

static __attribute__((noinline)) bool take_v2(void)
{
	return take(true);
}

__no_canary bool vgic_interrupt(void)
{
	return unlikely(gic_is_v2) ? take_v2() : take(false);
}

/* Physical side: all that the hypervisor wants to see, and in two steps: drop, then deactivate. */
static void own_interface(void)
{
	if (gic_is_v2) {
		mmio_write32(gicc + GICC_PMR, 0xff);
		mmio_write32(gicc + GICC_BPR, 0);
		mmio_write32(gicc + GICC_APR0, 0);
		mmio_write32(gicc + GICC_CTLR, GICC_CTLR_ENABLE | GICC_CTLR_EOIM);
		return;
	}
	write_sysreg(ICC_CTLR_EL1, CTLR_EOIM);
	write_sysreg(ICC_PMR_EL1, 0xff);
	write_sysreg(ICC_BPR1_EL1, 0);
	write_sysreg(ICC_AP1R0_EL1, 0);
	write_sysreg(ICC_IGRPEN1_EL1, 1);
	write_sysreg(ICC_IGRPEN0_EL1, gic_has_fiq());
	isb();
}

/* Physical side: the guest's, as after a reset. */
static void guests_interface(void)
{
	write_sysreg(ICC_CTLR_EL1, 0);
	write_sysreg(ICC_PMR_EL1, LOWEST_PRIORITY_OF_GUESTS);
	write_sysreg(ICC_IGRPEN1_EL1, 0);
	write_sysreg(ICH_HCR_EL2, ICH_HCR_TC);
	isb();
}

void vgic_park(void)
{
	if (is_direct(local->cpu->cell))
		write_sysreg(ICC_IGRPEN1_EL1, 0);
}

uint64_t vgic_read_common(uint32_t reg)
{
	switch (reg) {
	case SYSREG_PMR:
		return read_sysreg(ICC_PMR_EL1);
	case SYSREG_RPR:
		return read_sysreg(ICC_RPR_EL1);
	case SYSREG_CTLR:
		return read_sysreg(ICC_CTLR_EL1);
	default:
		return 0;
	}
}

void vgic_write_common(uint32_t reg, uint64_t value)
{
	uint64_t priority = value & 0xff;

	switch (reg) {
	case SYSREG_PMR:
		/* The kick always comes through. */
		if (priority < LOWEST_PRIORITY_OF_GUESTS)
			priority = LOWEST_PRIORITY_OF_GUESTS;
		write_sysreg(ICC_PMR_EL1, priority);
		break;
	case SYSREG_CTLR:
		write_sysreg(ICC_CTLR_EL1, value & (CTLR_EOIM | CTLR_CBPR));
		break;
	case SYSREG_DIR:
		if (gic_owns(local->cpu->cell, gic_intid(gic_is_v2, value)))
			write_sysreg(ICC_DIR_EL1, gic_intid(gic_is_v2, value));
		break;
	}
	isb();
}

/* Private interrupts that Linux has in work while it calls: it will deactivate them as a guest. */
static void take_over_private(struct cpu *cpu)
{
	volatile char *frame = gic_sgi_frame();
	uint32_t active = mmio_read32(frame + GIC_ISACTIVER);
	uint32_t sgis = (1U << SGIS) - 1;

	cpu->arch.sgi_enabled = mmio_read32(frame + GIC_ISENABLER) & sgis;
	cpu->arch.sgi_pending = mmio_read32(frame + GIC_ISPENDR) & sgis;
	gic_clear_sgis();
	for (unsigned int i = 0; i < SGIS; i++)
		cpu->arch.sgi_priority[i] = (uint8_t)frame[GIC_IPRIORITYR + i];
	mmio_write32(frame + GIC_ICACTIVER, sgis);
	for (; active; active &= active - 1) {
		uint64_t intid = (unsigned int)__builtin_ctz(active);

		if (!gic_free_lrs())
			break;
		inject(gic_is_v2,
		       LR_ACTIVE | LR_PRIORITY((uint8_t)frame[GIC_IPRIORITYR + intid]) |
			       (intid < SGIS ? intid
					     : hardware_lr(gic_is_v2, (unsigned int)intid)));
	}
	frame[GIC_IPRIORITYR + kick_id()] = 0;
	frame[GIC_IPRIORITYR + gic_maintenance_irq] = 0;
	if (gic_has_fiq())
		mmio_write32(frame + GIC_IGROUPR,
			     mmio_read32(frame + GIC_IGROUPR) & ~(1U << KICK_FIQ));
	mmio_write32(frame + GIC_ISENABLER, 1U << kick_id() | 1U << gic_maintenance_irq);
}

/* What the guest is to see of the CPU interface: what Linux has set up in the real one. */
static void take_over_interface(void)
{
	uint64_t control = read_sysreg(ICC_CTLR_EL1);

	local->linux_state.icc_igrpen0 = read_sysreg(ICC_IGRPEN0_EL1);
	write_sysreg(ICH_VMCR_EL2, VMCR_PMR(read_sysreg(ICC_PMR_EL1)) |
					   VMCR_BPR1(read_sysreg(ICC_BPR1_EL1)) |
					   (control & CTLR_EOIM ? VMCR_EOIM : 0) |
					   (control & CTLR_CBPR ? VMCR_CBPR : 0) |
					   (read_sysreg(ICC_IGRPEN1_EL1) & 1 ? VMCR_ENG1 : 0));
	write_sysreg(ICH_AP1R0_EL2, read_sysreg(ICC_AP1R0_EL1));
	isb();
}

static void take_over_interface_v2(void)
{
	uint32_t control = mmio_read32(gicc + GICC_CTLR);

	mmio_write32(gich + GICH_VMCR, (uint32_t)(VMCR_PMR(mmio_read32(gicc + GICC_PMR) & 0xf8) |
						  VMCR_BPR0(mmio_read32(gicc + GICC_BPR)) |
						  (control & GICC_CTLR_EOIM ? VMCR_EOIM : 0) |
						  (control & GICC_CTLR_CBPR ? VMCR_CBPR : 0) |
						  (control & GICC_CTLR_ENABLE ? VMCR_ENG0 : 0)));
	mmio_write32(gich + GICH_APR, mmio_read32(gicc + GICC_APR0));
}

static void give_back_interface(void)
{
	uint64_t vmcr = read_sysreg(ICH_VMCR_EL2);

	write_sysreg(ICC_AP1R0_EL1, read_sysreg(ICH_AP1R0_EL2));
	write_sysreg(ICC_CTLR_EL1,
		     (vmcr & VMCR_EOIM ? CTLR_EOIM : 0) | (vmcr & VMCR_CBPR ? CTLR_CBPR : 0));
	write_sysreg(ICC_BPR1_EL1, vmcr >> 18 & 7);
	write_sysreg(ICC_PMR_EL1, vmcr >> 24 & 0xff);
	write_sysreg(ICC_IGRPEN1_EL1, !!(vmcr & VMCR_ENG1));
	write_sysreg(ICC_IGRPEN0_EL1, local->linux_state.icc_igrpen0);
	isb();
}

static void give_back_interface_v2(void)
{
	uint32_t vmcr = mmio_read32(gich + GICH_VMCR);

	mmio_write32(gicc + GICC_APR0, mmio_read32(gich + GICH_APR));
	mmio_write32(gicc + GICC_BPR, vmcr >> 21 & 7);
	mmio_write32(gicc + GICC_PMR, vmcr >> 24 & 0xf8);
	mmio_write32(gicc + GICC_CTLR, (uint32_t)((vmcr & VMCR_ENG0 ? GICC_CTLR_ENABLE : 0) |
						  (vmcr & VMCR_EOIM ? GICC_CTLR_EOIM : 0) |
						  (vmcr & VMCR_CBPR ? GICC_CTLR_CBPR : 0)));
}

/* The guest's interface as after a reset: nothing enabled, nothing in work. */
static void reset_guests_view(void)
{
	for (unsigned int i = 0; i < gic_list_registers(); i++)
		write_lr(i, 0);
	if (gic_is_v2) {
		mmio_write32(gich + GICH_VMCR, 0);
		mmio_write32(gich + GICH_APR, 0);
		return;
	}
	write_sysreg(ICH_VMCR_EL2, 0);
	write_sysreg(ICH_AP1R0_EL2, 0);
	isb();
}

int vgic_init_cpu(struct cpu *cpu)
{
	if (!gic_is_v2 && (read_sysreg(ICC_SRE_EL2) & SRE_ENABLED) != SRE_ENABLED) {
		log_error("CPU %u: the GIC's system registers are not enabled (ICC_SRE_EL2)",
			  cpu->id);
		return -EIO;
	}
	gic_map_cpu(cpu);
	gic_use_fiq(true);
	all_lrs = BIT(gic_list_registers()) - 1;
	cpu->arch.self_sgi = sgi_to(cpu, 0);
	reset_guests_view();
	gic_set_hcr(ICH_HCR_EN);
	if (gic_is_v2)
		take_over_interface_v2();
	else
		take_over_interface();
	own_interface();
	take_over_private(cpu);
	vgic_deliver_sgis(cpu);
	return 0;
}

/*
 * What Linux has in work it deactivates itself; what it has not seen is to come once more. A
 * message cannot be made pending here: the driver has Linux' ITS driver do that.
 */
static void give_back_lr(uint64_t lr)
{
	uint64_t intid = lr & LR_VINTID;
	uint32_t bit = 1U << intid % 32;

	if (intid >= INTID_LPI) {
		if (lr & LR_PENDING)
			add_stray((unsigned int)intid, 0);
	} else if (intid < SGIS) {
		if (lr & LR_PENDING)
			gic_set_pending((unsigned int)intid);
		if (lr & LR_ACTIVE)
			mmio_write32(gic_sgi_frame() + GIC_ISACTIVER, bit);
	} else if (is_hardware(lr) && !(lr & LR_ACTIVE)) {
		if (lr & LR_PENDING)
			gic_set_pending((unsigned int)intid);
		gic_deactivate(gic_is_v2, intid);
	}
}

void vgic_exit_cpu(void)
{
	struct arch_cpu *arch = &local->cpu->arch;
	volatile char *frame = gic_sgi_frame();

	gic_set_hcr(0);
	isb();
	mmio_write32(frame + GIC_ICENABLER,
		     (((1U << SGIS) - 1) & ~arch->sgi_enabled) | 1U << gic_maintenance_irq);
	/* The reset of a CPU has switched them off in the hardware. */
	mmio_write32(frame + GIC_ISENABLER, arch->sgi_enabled);
	for (unsigned int i = 0; i < SGIS; i++)
		frame[GIC_IPRIORITYR + i] = (char)arch->sgi_priority[i];
	if (gic_has_fiq())
		mmio_write32(frame + GIC_IGROUPR,
			     mmio_read32(frame + GIC_IGROUPR) | 1U << KICK_FIQ);
	for (unsigned int i = 0; i < gic_list_registers(); i++) {
		uint64_t lr = read_lr(i);

		if (is_in_use(lr))
			give_back_lr(lr);
	}
	for (unsigned int i = 0; i < SGIS; i++)
		if (arch->sgi_pending & 1U << i)
			gic_set_pending(i);
	if (gic_is_v2)
		give_back_interface_v2();
	else
		give_back_interface();
	reset_guests_view();
}

/*
 * Nothing of the former owner is delivered, and what it had in work in the hardware ends. Messages
 * go to another CPU: Linux has directed them there before it switches a CPU off.
 */
void vgic_reset_cpu(struct cpu *cpu)
{
	for (unsigned int i = 0; i < gic_list_registers(); i++) {
		uint64_t lr = read_lr(i);

		if (!is_in_use(lr) || is_listed_pin(cpu, lr))
			continue;
		if (is_hardware(lr))
			gic_deactivate(gic_is_v2, lr & LR_VINTID);
		else if ((lr & LR_VINTID) >= INTID_LPI && lr & LR_PENDING)
			add_stray(lr & LR_VINTID, (uint8_t)(lr >> 48));
	}
	if (READ_ONCE(info.head.message_count))
		post_strays();
	cpu->arch.pins_listed = 0;
	reset_guests_view();
	own_interface();
	if (is_direct(cpu->cell))
		guests_interface();
	else
		update_room();
}
