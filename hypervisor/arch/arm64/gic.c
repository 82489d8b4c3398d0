// SPDX-License-Identifier: GPL-2.0
/*
 * The interrupt controller, GICv3 (ARM IHI 0069) or GICv2 (IHI 0048), as cells see it. Its
 * registers are the real ones; each access is let through for those interrupts only that the cell
 * owns. Private interrupts belong to the CPU's cell, but for those of the hypervisor.
 * Software-generated interrupts exist in software only: one of the hardware's, the kick, carries
 * them all, and the state of the others is in struct arch_cpu.
 */
#include <gic_cpu.h>
#include <inspect.h>
#include <mmio.h>
#include <vpin.h>

#define GICD_SIZE	   0x10000
#define GICD_CTLR	   0x0000
#define GICD_TYPER	   0x0004
#define GICD_IIDR	   0x0008
#define GICD_IROUTER	   0x6000
#define GICD_IROUTER_END   0x8000
#define GIC_IDS		   0xffd0
#define GIC_PIDR2	   0xffe8
#define CTLR_ARE_NS	   BIT(4) /* as non-secure software sees it; with one security state the same */
#define CTLR_ENABLE_GRP0   BIT(0)
#define CTLR_DS		   BIT(6) /* one security state */
#define TYPER_LINES(typer) (32 * (((typer)&0x1f) + 1))
#define TYPER_MESSAGES	   (BIT(16) | BIT(17)) /* MBIS, LPIS */
#define IROUTER_IRM	   BIT(31)

/* GICv2 */
#define GICD_V2_SIZE   0x1000
#define GICV_SIZE      0x2000
#define GICD_V2_PIDR2  0xfe8
#define GICD_V2_IDS    0xfd0
#define GICD_ITARGETSR 0x800
#define GICD_SGIR      0xf00
#define GICD_CPENDSGIR 0xf10
#define GICD_SPENDSGIR 0xf20

#define IIDR_IMPLEMENTER 0xfffU /* GICD_IIDR; above it product, variant and revision */

#define GICR_FRAME	 0x10000
#define GICR_CTLR	 0x0000
#define GICR_IIDR	 0x0004
#define GICR_TYPER	 0x0008
#define GICR_CTLR_LPIS	 BIT(0) /* EnableLPIs */
#define GICR_CTLR_CES	 BIT(1) /* ... can be cleared */
#define GICR_CTLR_RWP	 BIT(3)
#define GICR_PROPBASER	 0x0070
#define GICR_PENDBASER	 0x0078
#define GICR_TYPER_PLPIS BIT(0)
#define GICR_TYPER_VLPIS BIT(1)
#define GICR_TYPER_LAST	 BIT(4)

#define FIRST_SPI  32
#define SGI_BITS   0xffffU
#define SGI_NUMBER (0xfUL << 24) /* ICC_SGI1R_EL1.INTID */

/* EL2's own timers, physical and virtual: BSA, "PPI assignments" */
#define EL2_TIMERS (BIT(26) | BIT(28))

unsigned int gic_maintenance_irq __ro_after_init;
bool gic_is_v2 __ro_after_init, gic_needs_eoi __ro_after_init;
uint64_t gic_dist_phys __ro_after_init;
static struct cl_gic gic __ro_after_init;
static uint32_t dist_control __ro_after_init; /* as Linux had it */
static uint64_t dist_size __ro_after_init;
static uint32_t redist_stride __ro_after_init;
static uint64_t redists_size __ro_after_init; /* behind it nothing answers */
static unsigned int lines __ro_after_init;    /* INTIDs below this exist */

/* Registers of which several interrupts share one byte are read, changed and written. */
static struct lock config_lock;

static uint64_t read_redist(uint64_t phys, uint32_t offset)
{
	uint64_t value = 0;

	(void)arch_access_registers(phys + offset, false, 8, &value);
	return value;
}

/* The CPUs' redistributors, by the affinity in GICR_TYPER. */
static int find_redists(void)
{
	uint64_t typer = read_redist(gic.redist_phys, GICR_TYPER);

	/* Redistributors of GICv4 have two frames more. */
	redist_stride = (typer & GICR_TYPER_VLPIS ? 4 : 2) * GICR_FRAME;
	for (uint64_t offset = 0; offset + redist_stride <= gic.redist_size;
	     offset += redist_stride) {
		typer = read_redist(gic.redist_phys + offset, GICR_TYPER);
		for_each_cpu(i) {
			if (cpus[i].hw_id == typer >> 32) {
				cpus[i].arch.redist_phys = gic.redist_phys + offset;
				cpus[i].arch.redist_number = (uint16_t)(typer >> 8);
			}
		}
		redists_size = offset + redist_stride;
		if (typer & GICR_TYPER_LAST)
			break;
	}
	for_each_cpu(i)
		if (!cpus[i].arch.redist_phys)
			return cell_refuse(ENODEV, "GIC", "redist_size", gic.redist_size, 0,
					   "a range with the redistributors of all CPUs");
	return 0;
}

static int init_v2(void)
{
	for (unsigned int i = 0; i < 2; i++)
		map_device(DEVICE_PAGE_GICC + i, gic.cpu_phys + i * PAGE_SIZE);
	map_device(DEVICE_PAGE_GICH, gic.hyp_phys);
	/* Only QEMU's names no product; that of old ones not even who has made it. */
	gic_needs_eoi = !(mmio_read32(gicd + GICD_IIDR) & ~IIDR_IMPLEMENTER);
	if ((mmio_read32(gicd + GICD_V2_PIDR2) >> 4 & 0xf) != 2)
		return cell_refuse(ENODEV, "GIC", "dist_phys", mmio_read32(gicd + GICD_V2_PIDR2), 2,
				   "registers of a distributor of version 2 (GICD_PIDR2)");
	return 0;
}

static int init_v3(void)
{
	uint32_t version = mmio_read32(gicd + GIC_PIDR2) >> 4 & 0xf;
	int err;

	if (version != 3 && version != 4)
		return cell_refuse(ENODEV, "GIC", "dist_phys", version, 3,
				   "registers of a distributor of version 3 or 4 (GICD_PIDR2)");
	if (!(mmio_read32(gicd + GICD_CTLR) & CTLR_ARE_NS))
		return cell_refuse(ENODEV, "GIC", "version", mmio_read32(gicd + GICD_CTLR),
				   CTLR_ARE_NS,
				   "a GIC that does not run in compatibility mode (GICD_CTLR.ARE)");
	err = find_redists();
	return err ? err : its_init(&gic);
}

int gic_init(const struct cl_config *config)
{
	int err;

	cl_get_entry(cl_find_section(config, CL_SEC_GIC), 0, &gic, sizeof(gic));
	info.head.gic = gic;
	gic_is_v2 = gic.version == 2;
	gic_dist_phys = gic.dist_phys;
	dist_size = gic_is_v2 ? GICD_V2_SIZE : GICD_SIZE;
	gic_maintenance_irq = gic.maintenance_irq;
	for (unsigned int i = 0; i < dist_size / PAGE_SIZE; i++)
		map_device(DEVICE_PAGE_GICD + i, gic.dist_phys + i * PAGE_SIZE);
	err = gic_is_v2 ? init_v2() : init_v3();
	if (err)
		return err;
	dist_control = mmio_read32(gicd + GICD_CTLR);
	lines = (unsigned int)MIN(TYPER_LINES(mmio_read32(gicd + GICD_TYPER)), 1020);
	return 0;
}

void gic_fill_comm(struct cl_comm *comm)
{
	comm->gic_version = gic.version;
	comm->gic_dist = gic.dist_phys;
	comm->gic_cpu = gic_is_v2 ? gic.cpu_phys : gic.redist_phys;
}

bool gic_has_fiq(void)
{
	return !gic_is_v2 && dist_control & CTLR_DS;
}

void gic_use_fiq(bool on)
{
	if (gic_has_fiq())
		mmio_write32(gicd + GICD_CTLR, dist_control | (on ? CTLR_ENABLE_GRP0 : 0));
}

uint32_t gic_guest_ppis(void)
{
	return ~(SGI_BITS | (uint32_t)EL2_TIMERS | 1U << gic_maintenance_irq);
}

bool gic_is_at(uint64_t address)
{
	return address - gic.dist_phys < dist_size || address - gic.redist_phys < gic.redist_size;
}

/* GICv2: what a cell takes for the CPU interface is the virtual one of whatever CPU looks at it. */
static int map_interface(struct cell *cell)
{
	struct cl_gic place;
	struct cl_memory region = { .size = GICV_SIZE,
				    .flags = CL_MEM_READ | CL_MEM_WRITE | CL_MEM_IO };

	/* The root cell is made before gic_init(). */
	cl_get_entry(cl_find_section(root_cell.config, CL_SEC_GIC), 0, &place, sizeof(place));
	region.phys = place.vcpu_phys;
	region.virt = place.cpu_phys;
	return place.version == 2 ? arch_map(cell, &region) : 0;
}

/* The shared interrupts of the cell's config. */
int gic_init_cell(struct cell *cell)
{
	const struct cl_section *section = cl_find_section(cell->config, CL_SEC_IRQCHIP);

	if (is_direct(cell) && !gic_has_fiq())
		return cell_refuse(ENODEV, "config", "flags", cell->config->flags, 0,
				   "no CL_CELL_DIRECT_IRQ here: the GIC has two security states");
	for (uint32_t i = 0; section && i < section->count; i++) {
		struct cl_irqchip chip;

		cl_get_entry(section, i, &chip, sizeof(chip));
		for (unsigned int bit = 0; bit < 8 * sizeof(chip.pins); bit++)
			if (chip.pins[bit / 64] & BIT(bit % 64) && chip.first + bit < GIC_INTIDS)
				cell->arch.spis[(chip.first + bit) / 32] |=
					1U << (chip.first + bit) % 32;
	}
	cell->arch.spis[0] = 0;
	if (cell->config->flags & CL_CELL_VUART && !is_direct(cell))
		cell->arch.pin_word = CL_VUART_INTID / 32;
	return map_interface(cell);
}

static uint64_t affinity_of(const struct cpu *cpu)
{
	return (uint64_t)(cpu->hw_id & 0xff000000) << 8 | (cpu->hw_id & 0xffffff);
}

const struct cpu *gic_first_cpu(const struct cell *cell)
{
	for_each_cpu_in(cell, i)
		return &cpus[i];
	return arch_this_cpu(); /* while a cell is being created, it has none: its pins are off */
}

static void direct_spi(unsigned int intid, const struct cpu *cpu)
{
	if (gic_is_v2)
		gicd[GICD_ITARGETSR + intid] = (char)cpu->arch.gic_target;
	else
		*(volatile uint64_t *)(gicd + GICD_IROUTER + 8 * intid) = affinity_of(cpu);
}

/* As after a reset, and directed to a CPU of the new owner. */
static void reset_spi(unsigned int intid, const struct cell *owner)
{
	unsigned int word = intid / 32 * 4;
	uint32_t bit = 1U << intid % 32;

	mmio_write32(gicd + GIC_ICENABLER + word, bit);
	mmio_write32(gicd + GIC_ICPENDR + word, bit);
	mmio_write32(gicd + GIC_ICACTIVER + word, bit);
	gicd[GIC_IPRIORITYR + intid] = DEFAULT_PRIORITY;
	direct_spi(intid, gic_first_cpu(owner));
}

void gic_move(const struct cell *cell, bool to_cell)
{
	for (unsigned int intid = FIRST_SPI; intid < lines; intid++) {
		uint32_t bit = 1U << intid % 32;
		uint32_t *roots = &root_cell.arch.spis[intid / 32];

		if (!(cell->arch.spis[intid / 32] & bit))
			continue;
		if (to_cell)
			__atomic_fetch_and(roots, ~bit, __ATOMIC_SEQ_CST);
		reset_spi(intid, to_cell ? cell : &root_cell);
		if (!to_cell)
			__atomic_fetch_or(roots, bit, __ATOMIC_SEQ_CST);
	}
}

void gic_stop(const struct cell *cell)
{
	for (unsigned int intid = FIRST_SPI; intid < lines; intid++)
		if (cell->arch.spis[intid / 32] & 1U << intid % 32)
			reset_spi(intid, cell);
}

#ifdef CONFIG_FAULT_INJECT
int64_t gic_misdirect(const struct cell *cell, unsigned int intid)
{
	if (intid < FIRST_SPI || intid >= lines)
		return -EINVAL;
	direct_spi(intid, gic_first_cpu(cell));
	return 0;
}
#endif

/*
 * The CPU that an interrupt goes to, as in struct cl_system.cpus[].hw_id; with GICv2 one of them,
 * and not one of the cell's if there is such.
 */
static uint64_t target_of(const struct cell *cell, unsigned int intid)
{
	uint64_t affinity, target = 0;

	if (!gic_is_v2) {
		affinity = *(volatile uint64_t *)(gicd + GICD_IROUTER + 8 * intid);
		return (affinity & 0xffffff) | (affinity >> 8 & 0xff000000);
	}
	for_each_cpu(i) {
		if (!((uint8_t)gicd[GICD_ITARGETSR + intid] & cpus[i].arch.gic_target))
			continue;
		target = cpus[i].hw_id;
		if (!cell_has_cpu(cell, i))
			break;
	}
	return target;
}

void gic_inspect(struct inspection *inspection, const struct cell *cell)
{
	struct cl_inspect_record own_interface = { .kind = CL_INSPECT_LENT,
						   .cell = cell->id,
						   .start = gic.vcpu_phys,
						   .size = GICV_SIZE,
						   .access = CL_MEM_READ | CL_MEM_WRITE };

	if (gic_is_v2)
		inspect_add(inspection, &own_interface);
	for (unsigned int intid = FIRST_SPI; intid < lines; intid++) {
		struct cl_inspect_record record = { .kind = CL_INSPECT_PIN,
						    .cell = cell->id,
						    .start = gic.dist_phys,
						    .size = 1,
						    .index = intid };

		if (!(cell->arch.spis[intid / 32] & 1U << intid % 32))
			continue;
		record.target = target_of(cell, intid);
		inspect_add(inspection, &record);
	}
}

void gic_map_cpu(struct cpu *cpu)
{
	if (gic_is_v2) {
		/* Banked, and read-only: the CPU's own bit. */
		cpu->arch.gic_target = (uint8_t)gicd[GICD_ITARGETSR];
		return;
	}
	map_local_device(LOCAL_PAGE_GICR, cpu->arch.redist_phys);
	map_local_device(LOCAL_PAGE_GICR + 1, cpu->arch.redist_phys + GICR_FRAME);
	cpu->arch.messages = mmio_read32((volatile char *)LOCAL_GICR + GICR_CTLR) & GICR_CTLR_LPIS;
}

volatile char *gic_sgi_frame(void)
{
	return gic_is_v2 ? gicd : (volatile char *)LOCAL_GICR + PAGE_SIZE;
}

void gic_set_pending(unsigned int intid)
{
	volatile char *frame = intid < FIRST_SPI ? gic_sgi_frame() : gicd;

	if (gic_is_v2 && intid < SGIS)
		gicd[GICD_SPENDSGIR + intid] = (char)local->cpu->arch.gic_target;
	else
		mmio_write32(frame + GIC_ISPENDR + intid / 32 * 4, 1U << intid % 32);
}

void gic_clear_sgis(void)
{
	if (gic_is_v2)
		for (unsigned int i = 0; i < SGIS; i++)
			gicd[GICD_CPENDSGIR + i] = (char)0xff;
	else
		mmio_write32(gic_sgi_frame() + GIC_ICPENDR, SGI_BITS);
}

void gic_send_v2(const struct cpu *cpu, unsigned int sgi)
{
	mmio_write32(gicd + GICD_SGIR, (uint32_t)cpu->arch.gic_target << 16 | sgi);
}

/*
 * Messages are root's. To a CPU of another cell none comes at all, where the redistributor can be
 * told so; else vgic.c passes on to root what comes.
 */
static void enable_messages(const struct cpu *cpu)
{
	volatile char *frame = (volatile char *)LOCAL_GICR;
	uint32_t control = mmio_read32(frame + GICR_CTLR);
	bool wanted = cpu->cell == &root_cell && cpu->arch.messages;

	if (!(control & GICR_CTLR_CES) || !(control & GICR_CTLR_LPIS) == !wanted)
		return;
	mmio_write32(frame + GICR_CTLR, control ^ GICR_CTLR_LPIS);
	for (unsigned int i = 0; i < 1000 && mmio_read32(frame + GICR_CTLR) & GICR_CTLR_RWP; i++)
		cpu_relax();
}

void gic_reset_cpu(struct cpu *cpu)
{
	uint32_t guests = gic_guest_ppis();

	/* SGIs of the hardware are in use where a cell gets its interrupts directly. */
	if (gic_has_fiq())
		guests |= SGI_BITS & ~(1U << KICK_FIQ);
	mmio_write32(gic_sgi_frame() + GIC_ICENABLER, guests);
	mmio_write32(gic_sgi_frame() + GIC_ICPENDR, guests);
	mmio_write32(gic_sgi_frame() + GIC_ICACTIVER, guests);
	for (unsigned int i = 0; i < FIRST_SPI; i++)
		if (guests & 1U << i)
			gic_sgi_frame()[GIC_IPRIORITYR + i] = DEFAULT_PRIORITY;
	cpu->arch.sgi_enabled = 0;
	cpu->arch.sgi_pending = 0;
	memset(cpu->arch.sgi_priority, DEFAULT_PRIORITY, sizeof(cpu->arch.sgi_priority));
	if (!gic_is_v2)
		enable_messages(cpu);
}

uint8_t gic_guest_priority(uint8_t priority)
{
	return priority < LOWEST_PRIORITY_OF_GUESTS ? LOWEST_PRIORITY_OF_GUESTS : priority;
}

/*
 * Registers with a bit for each interrupt, the word-th of them in either kind of frame. mine: those
 * that the guest has. Writing a one sets or clears, so that others' bits are left alone.
 */
static void access_bits(volatile char *frame, unsigned int reg, unsigned int word, uint32_t mine,
			bool write, uint64_t *value)
{
	volatile char *address = frame + reg + 4 * word;

	if (reg == GIC_IGROUPR) {
		if (!write)
			*value = mine; /* all of them are in group 1 */
	} else if (write) {
		mmio_write32(address, (uint32_t)*value & mine);
	} else {
		*value = mmio_read32(address) & mine;
	}
}

/* Eight bits for each interrupt. mine: bit n for interrupt n of those that the access is about. */
static void access_priorities(volatile char *address, unsigned int size, uint32_t mine, bool write,
			      uint64_t *value)
{
	uint64_t result = 0;

	for (unsigned int i = 0; i < size; i++) {
		if (!(mine & 1U << i))
			continue;
		if (write)
			address[i] = (char)gic_guest_priority((uint8_t)(*value >> 8 * i));
		else
			result |= (uint64_t)(uint8_t)address[i] << 8 * i;
	}
	if (!write)
		*value = result;
}

/* Two bits for each interrupt, 16 of them in a register: edge or level. */
static void access_config(volatile char *address, uint32_t mine, bool write, uint64_t *value)
{
	uint32_t mask = 0;

	for (unsigned int i = 0; i < 16; i++)
		if (mine & 1U << i)
			mask |= 3U << 2 * i;
	if (write) {
		lock_take(&config_lock);
		mmio_write32(address, (mmio_read32(address) & ~mask) | ((uint32_t)*value & mask));
		lock_drop(&config_lock);
	} else {
		*value = mmio_read32(address) & mask;
	}
}

/* Private bits in the SGI frame that are the hardware's own and the cell's. */
static uint32_t real_private(const struct cell *cell)
{
	uint32_t sgis = is_direct(cell) ? SGI_BITS & ~(1U << KICK_FIQ) : 0;

	return gic_guest_ppis() | sgis;
}

static bool owns_spi(const struct cell *cell, unsigned int intid)
{
	return intid >= FIRST_SPI && intid < lines &&
	       READ_ONCE(cell->arch.spis[index_nospec(intid / 32, GIC_INTIDS / 32)]) &
		       1U << intid % 32;
}

/* An interrupt may be directed to CPUs of its owner only; "any CPU" is the first one. */
static void access_router(struct cell *cell, unsigned int offset, bool write, unsigned int size,
			  uint64_t *value)
{
	unsigned int intid = (offset - GICD_IROUTER) / 8;
	volatile uint64_t *router = (volatile uint64_t *)(gicd + (offset & ~7U));
	bool virtual = vpin_is(cell, intid);
	uint64_t affinity;

	if (!virtual && !owns_spi(cell, intid)) {
		*value = 0;
		return;
	}
	affinity = virtual ? affinity_of(&cpus[READ_ONCE(vpin(cell, intid)->target)]) : *router;
	if (!write) {
		*value = size == 8 ? affinity : (affinity >> 8 * (offset & 4)) & 0xffffffff;
		return;
	}
	if (size == 8)
		affinity = *value;
	else if (offset & 4)
		affinity = (affinity & 0xffffffff) | *value << 32;
	else
		affinity = (affinity & ~0xffffffffUL) | (uint32_t)*value;
	if (affinity & IROUTER_IRM)
		affinity = affinity_of(gic_first_cpu(cell));
	for_each_cpu_in(cell, i) {
		if (affinity_of(&cpus[i]) != (affinity & 0xff00ffffffUL))
			continue;
		if (virtual)
			vpin_direct(cell, intid, &cpus[i]);
		else
			*router = affinity_of(&cpus[i]);
		return;
	}
	cell_denied("interrupt route", intid, affinity);
}

bool gic_owns(const struct cell *cell, uint64_t intid)
{
	return intid < FIRST_SPI ? real_private(cell) & 1U << intid
				 : intid < GIC_INTIDS && owns_spi(cell, (unsigned int)intid);
}

/* GICv2: the CPUs of the owner out of those that it names, in a byte for each interrupt. */
static void access_targets(struct cell *cell, unsigned int first, bool write, unsigned int size,
			   uint64_t *value)
{
	uint64_t result = 0;
	uint8_t cells = 0;

	for_each_cpu_in(cell, i)
		cells |= cpus[i].arch.gic_target;
	for (unsigned int i = 0; i < size; i++) {
		volatile uint8_t *target = (volatile uint8_t *)gicd + GICD_ITARGETSR + first + i;

		if (first + i < FIRST_SPI)
			result |= (uint64_t)*target << 8 * i;
		else if (vpin_is(cell, first + i))
			result |= (uint64_t)vpin_access_target(cell, first + i, write,
							       (uint8_t)(*value >> 8 * i))
				  << 8 * i;
		else if (!owns_spi(cell, first + i))
			continue;
		else if (write)
			*target = (uint8_t)(*value >> 8 * i) & cells;
		else
			result |= (uint64_t)(*target & cells) << 8 * i;
	}
	if (!write)
		*value = result;
}

static void set_pending(struct cpu *cpu, unsigned int sgi)
{
	bool self = cpu == arch_this_cpu();

	if (self && vgic_inject_sgi(cpu, sgi))
		return;
	__atomic_fetch_or(&cpu->arch.sgi_pending, 1U << sgi, __ATOMIC_SEQ_CST);
	if (!self)
		cpu_post(cpu, CPU_EV_ARCH);
}

/* GICv2: to a list of CPUs, to all others, or to this one. */
static void send_sgi_v2(uint32_t value)
{
	const struct cell *cell = local->cpu->cell;
	unsigned int filter = value >> 24 & 3;

	for_each_cpu_in(cell, i) {
		struct cpu *cpu = &cpus[i];

		if (filter == 0	  ? value >> 16 & cpu->arch.gic_target
		    : filter == 1 ? cpu != local->cpu
				  : filter == 2 && cpu == local->cpu)
			set_pending(cpu, value & 0xf);
	}
}

static bool is_bits(unsigned int offset)
{
	return offset >= GIC_IGROUPR && offset < GIC_IPRIORITYR;
}

static bool is_priorities(unsigned int offset)
{
	return offset >= GIC_IPRIORITYR && offset < GIC_IPRIORITYR + GIC_INTIDS;
}

static bool is_config(unsigned int offset)
{
	return offset >= GIC_ICFGR && offset < GIC_ICFGR + GIC_INTIDS / 4;
}

/* Enable and pending bits of software-generated interrupts; register as in the SGI frame. */
static void access_sgi_bits(struct cpu *cpu, unsigned int reg, bool write, uint64_t *value)
{
	struct arch_cpu *arch = &cpu->arch;
	uint32_t bits = (uint32_t)*value & SGI_BITS;

	if (!write) {
		uint32_t state =
			reg == GIC_ISENABLER || reg == GIC_ICENABLER ? READ_ONCE(arch->sgi_enabled)
			: reg == GIC_ISPENDR || reg == GIC_ICPENDR   ? READ_ONCE(arch->sgi_pending)
			: reg == GIC_IGROUPR			     ? SGI_BITS
								     : 0;

		*value |= state;
		return;
	}
	if (reg == GIC_ISENABLER)
		__atomic_fetch_or(&arch->sgi_enabled, bits, __ATOMIC_SEQ_CST);
	else if (reg == GIC_ICENABLER)
		__atomic_fetch_and(&arch->sgi_enabled, ~bits, __ATOMIC_SEQ_CST);
	else if (reg == GIC_ISPENDR)
		__atomic_fetch_or(&arch->sgi_pending, bits, __ATOMIC_SEQ_CST);
	else if (reg == GIC_ICPENDR)
		__atomic_fetch_and(&arch->sgi_pending, ~bits, __ATOMIC_SEQ_CST);
	else
		return;
	if (cpu == arch_this_cpu())
		vgic_deliver_sgis(cpu);
	else
		cpu_post(cpu, CPU_EV_ARCH);
}

static void access_sgi_priorities(struct cpu *cpu, unsigned int first, unsigned int size,
				  bool write, uint64_t *value)
{
	uint64_t result = 0;

	for (unsigned int i = 0; i < size && first + i < SGIS; i++) {
		uint8_t *priority = &cpu->arch.sgi_priority[index_nospec(first + i, SGIS)];

		if (write)
			WRITE_ONCE(*priority, gic_guest_priority((uint8_t)(*value >> 8 * i)));
		else
			result |= (uint64_t)READ_ONCE(*priority) << 8 * i;
	}
	if (!write)
		*value |= result;
}

static void access_sgi_frame(struct cpu *cpu, unsigned int offset, bool write, unsigned int size,
			     uint64_t *value)
{
	uint32_t mine = real_private(cpu->cell);
	bool virtual_sgis = !is_direct(cpu->cell);
	volatile char *frame = gic_sgi_frame();

	if (cpu != arch_this_cpu())
		frame = window(WINDOW_MMIO, cpu->arch.redist_phys + GICR_FRAME,
			       PTE_ATTR(MAIR_DEVICE));
	if (is_bits(offset) && !(offset & 0x7f) && size == 4) {
		uint64_t sgis = write ? *value : 0;

		access_bits(frame, offset, 0, mine, write, value);
		if (virtual_sgis)
			access_sgi_bits(cpu, offset, write, &sgis);
		*value |= write ? 0 : sgis;
	} else if (offset >= GIC_IPRIORITYR && offset < GIC_IPRIORITYR + FIRST_SPI && size <= 4) {
		unsigned int first = offset - GIC_IPRIORITYR;

		access_priorities(frame + offset, size, mine >> first, write, value);
		if (virtual_sgis)
			access_sgi_priorities(cpu, first, size, write, value);
	} else if ((offset == GIC_ICFGR || offset == GIC_ICFGR + 4) && size == 4) {
		/*
		 * The first register is that of the SGIs: they are edges, and stay that. GICv2
		 * may have the other one once for all CPUs: a cell would change root's timers.
		 */
		if (offset == GIC_ICFGR)
			*value = 0xaaaaaaaa;
		else if (!gic_is_v2 || !write || cpu->cell == &root_cell)
			access_config(frame + offset, mine >> 16, write, value);
	} else {
		mmio_ignore(write, cpu->arch.redist_phys + GICR_FRAME + offset, value);
	}
}

/* GICv2: the first registers of each kind are banked, and are what the SGI frame is with GICv3. */
static bool is_private(unsigned int offset)
{
	return (is_bits(offset) && !(offset & 0x7f)) ||
	       (offset >= GIC_IPRIORITYR && offset < GIC_IPRIORITYR + FIRST_SPI) ||
	       offset == GIC_ICFGR || offset == GIC_ICFGR + 4;
}

static void access_dist(struct cell *cell, unsigned int offset, bool write, unsigned int size,
			uint64_t *value)
{
	unsigned int ids = gic_is_v2 ? GICD_V2_IDS : GIC_IDS;
	unsigned int intid;

	if (gic_is_v2 && is_private(offset)) {
		access_sgi_frame(local->cpu, offset, write, size, value);
	} else if (gic_is_v2 && offset >= GICD_ITARGETSR && offset < GIC_ICFGR && size <= 4) {
		access_targets(cell, offset - GICD_ITARGETSR, write, size, value);
	} else if (gic_is_v2 && offset == GICD_SGIR && write && size == 4) {
		local->exits[CL_EXIT_IPI]++;
		send_sgi_v2((uint32_t)*value);
	} else if (!gic_is_v2 && offset >= GICD_IROUTER && offset < GICD_IROUTER_END && size >= 4) {
		access_router(cell, offset, write, size, value);
	} else if (is_priorities(offset) && size <= 4) {
		intid = offset - GIC_IPRIORITYR;
		access_priorities(gicd + offset, size, cell->arch.spis[intid / 32] >> intid % 32,
				  write, value);
		vpin_access_priorities(cell, intid, size, write, value);
	} else if (size != 4) {
		mmio_ignore(write, gic.dist_phys + offset, value);
	} else if (is_bits(offset)) {
		unsigned int word = (offset & 0x7f) / 4;

		access_bits(gicd, offset & ~0x7fU, word, cell->arch.spis[word], write, value);
		if (word && word == cell->arch.pin_word)
			vpin_access_bits(cell, offset & ~0x7fU, write, value);
	} else if (is_config(offset)) {
		intid = (offset - GIC_ICFGR) * 4;
		access_config(gicd + offset, cell->arch.spis[intid / 32] >> intid % 32, write,
			      value);
		if (!write && offset == GIC_ICFGR + VPIN_ICFGR && cell->arch.pin_word)
			*value |= VPIN_ICFGR_BITS;
	} else if (write) {
		/* GICD_CTLR and the like are as root's Linux has set them up before. */
		if (offset != GICD_CTLR)
			mmio_ignore(write, gic.dist_phys + offset, value);
	} else if (offset == GICD_CTLR || offset == GICD_IIDR || offset >= ids) {
		*value = mmio_read32(gicd + offset);
	} else if (offset == GICD_TYPER) {
		*value = mmio_read32(gicd + offset);
		if (cell != &root_cell)
			*value &= ~TYPER_MESSAGES;
	} else {
		*value = 0;
	}
}

/*
 * What tells software which redistributor is whose can be read of all of them. The tables of LPIs
 * are as root has set them up: the redistributor writes to that memory.
 */
static void access_rd_frame(const struct cell *cell, uint64_t frame, unsigned int offset,
			    bool write, unsigned int size, uint64_t *value)
{
	uint64_t mask = ~0UL;

	if (write) {
		/* GICR_WAKER and the like: it is awake, and stays that. */
		return;
	}
	if (size != 4 && size != 8) {
		mmio_ignore(write, frame + offset, value);
		return;
	}
	*value = 0;
	switch (offset) {
	case GICR_CTLR:
	case GICR_PROPBASER:
	case GICR_PROPBASER + 4:
	case GICR_PENDBASER:
	case GICR_PENDBASER + 4:
		if (cell != &root_cell)
			return;
		break;
	case GICR_TYPER:
		if (cell != &root_cell)
			mask = ~(GICR_TYPER_PLPIS | GICR_TYPER_VLPIS);
		break;
	case GICR_IIDR:
	case GICR_TYPER + 4:
		break;
	default:
		if (offset < GIC_IDS)
			return; /* reserved, or GICR_WAKER: nothing sleeps */
		break;
	}
	(void)arch_access_registers(frame + offset, false, size, value);
	*value &= mask;
}

static struct cpu *cpu_of_redist(const struct cell *cell, uint64_t frame)
{
	for_each_cpu_in(cell, i)
		if (cpus[i].arch.redist_phys == frame)
			return &cpus[i];
	return NULL;
}

void gic_access(uint64_t address, bool write, unsigned int size, uint64_t *value)
{
	struct cell *cell = local->cpu->cell;
	uint64_t offset = address - gic.dist_phys;
	struct cpu *cpu;

	if (offset & (size - 1)) {
		mmio_ignore(write, address, value);
		return;
	}
	if (offset < dist_size) {
		local->exits[CL_EXIT_IRQ_CHIP]++;
		access_dist(cell, (unsigned int)offset, write, size, value);
		return;
	}
	local->exits[CL_EXIT_IRQ_CPU]++;
	if (address - gic.redist_phys >= redists_size) {
		mmio_ignore(write, address, value);
		return;
	}
	offset = (address - gic.redist_phys) % redist_stride;
	address -= offset;
	if (offset < GICR_FRAME) {
		access_rd_frame(cell, address, (unsigned int)offset, write, size, value);
		return;
	}
	cpu = offset < 2 * GICR_FRAME ? cpu_of_redist(cell, address) : NULL;
	if (cpu)
		access_sgi_frame(cpu, (unsigned int)offset - GICR_FRAME, write, size, value);
	else
		*value = 0;
}

/* CPUs that are not the cell's are not there. */
static __attribute__((noinline)) void send_to_all(uint64_t value)
{
	const struct cell *cell = local->cpu->cell;
	unsigned int sgi = value >> 24 & 0xf;
	uint32_t cluster = (uint32_t)((value >> 24 & 0xff000000) | (value >> 16 & 0xff0000) |
				      (value >> 8 & 0xff00) | (value >> 40 & 0xf0));
	bool all_others = value & BIT(40);

	for (unsigned int word = 0; word < (cpu_count + 63) / 64; word++) {
		uint64_t members = READ_ONCE(cell->info->cpus[word]);

		for (; members; members &= members - 1) {
			struct cpu *cpu = &cpus[64 * word + (unsigned int)__builtin_ctzl(members)];
			bool wanted = all_others ? cpu != local->cpu
						 : (cpu->hw_id & ~0xfU) == cluster &&
							   value & BIT(cpu->hw_id & 0xf);

			if (!wanted)
				continue;
			if (likely(!is_direct(cell)))
				set_pending(cpu, sgi);
			else if (sgi != KICK_FIQ)
				vgic_send_sgi(cpu, sgi);
		}
	}
}

void gic_send_sgi(uint64_t value)
{
	struct cpu *cpu = local->cpu;

	if ((value & ~SGI_NUMBER) != cpu->arch.self_sgi || is_direct(cpu->cell) ||
	    !vgic_inject_sgi(cpu, value >> 24 & 0xf))
		send_to_all(value);
}
