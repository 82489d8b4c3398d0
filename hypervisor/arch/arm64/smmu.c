// SPDX-License-Identifier: GPL-2.0
/*
 * SMMUv3 (ARM IHI 0070): what PCI functions reach of memory. A function's stream id is its bus << 8
 * | device << 3 | function. Root's functions translate by root's stage-2 table, those of a cell by
 * the cell's from its start to its stop, and not at all before and after that. All stream tables of
 * a bus are root's as long as no cell has had a function there.
 *
 * Commands are given under the management lock, but for those of enable.
 */
#include <arm64.h>
#include <inspect.h>
#include <log.h>
#include <page.h>
#include <pci.h>

/* Registers, 6.3; the last two are in the second page of 64 KiB */
#define IDR0		0x000
#define IDR1		0x004
#define IDR5		0x014
#define CR0		0x020
#define CR0ACK		0x024
#define CR1		0x028
#define CR2		0x02c
#define IRQ_CTRL	0x050
#define STRTAB_BASE	0x080
#define STRTAB_BASE_CFG 0x088
#define CMDQ_BASE	0x090
#define CMDQ_PROD	0x098
#define CMDQ_CONS	0x09c
#define EVENTQ_BASE	0x0a0
#define EVENTQ_PROD	0x0a8
#define EVENTQ_CONS	0x0ac
#define PAGE_1		0x10000

#define IDR0_S2P	   BIT(0)
#define IDR0_AARCH64	   BIT(3) /* of TTF */
#define IDR0_COHACC	   BIT(4)
#define IDR0_TWO_LEVELS	   BIT(27) /* of ST_LEVEL */
#define IDR1_SIDSIZE(idr1) ((idr1)&0x3f)
#define IDR1_EVENTQS(idr1) ((idr1) >> 16 & 0x1f)
#define IDR1_CMDQS(idr1)   ((idr1) >> 21 & 0x1f)
#define IDR1_PRESET	   (3U << 29) /* of tables, queues */
#define IDR5_OAS(idr5)	   ((idr5)&7)
#define IDR5_GRAN4K	   BIT(4)
#define CR0_SMMUEN	   BIT(0)
#define CR0_EVENTQEN	   BIT(2)
#define CR0_CMDQEN	   BIT(3)
#define CR1_COHERENT	   0xd75 /* queues and tables: write-back, inner shareable */
#define CR2_RECINVSID	   BIT(1)
#define CR2_PTM		   BIT(2) /* it gets no invalidations but by commands */
#define QUEUE_OVERFLOW	   BIT(31)
#define STRTAB_TWO_LEVELS  (1 << 16 | SPLIT << 6 | STREAM_BITS)
#define BASE_ALLOCATE	   BIT(62)
#define L1_SPAN		   (SPLIT + 1)

/* Stream table entries, 5.2 */
#define STE_VALID	   BIT(0)
#define STE_ABORT	   STE_VALID		/* Config 0b000: and without an event */
#define STE_BYPASS	   (STE_VALID | 4 << 1) /* Config 0b100 */
#define STE_STAGE2	   (STE_VALID | 6 << 1) /* Config 0b110: stage 1 is bypassed */
#define STE_SHCFG_INCOMING (1UL << 44)
#define STE_S2AA64	   BIT(51)
#define STE_S2R		   BIT(58) /* faults are recorded */
#define STE_VTCR(vtcr)	   (((vtcr)&0x7ffff) << 32)
#define STE_WORDS	   8

/* Commands, 4.1 to 4.7 */
#define CFGI_ALL	   0x04
#define CFGI_ALL_RANGE	   31
#define TLBI_S12_VMALL(id) (0x28 | (uint64_t)(id) << 32)
#define TLBI_NSNH_ALL	   0x30
#define CMD_SYNC	   0x46

/* Events, 7.3 */
#define EVENT_TYPE(word)   ((word)&0xff)
#define EVENT_STREAM(word) ((uint32_t)((word) >> 32))
#define EVENT_READ	   BIT(35)
#define EVENT_WORDS	   4
#define F_TRANSLATION	   0x10
#define F_PERMISSION	   0x13

#define STREAM_BITS 16U
#define SPLIT	    8U /* a table of the second level for each bus */
#define BUSES	    BIT(STREAM_BITS - SPLIT)
#define BUS_PAGES   (BIT(SPLIT) * STE_WORDS * sizeof(uint64_t) / PAGE_SIZE)

#define ANSWER_MS 1000

static volatile char *page0 __ro_after_init, *page1 __ro_after_init;
static uint64_t smmu_phys __ro_after_init; /* 0: there is none, or the config leaves it alone */
static uint64_t *buses __ro_after_init;	   /* the first level */
static uint64_t *root_bus __ro_after_init; /* of all buses on which only root has functions */
static uint64_t *commands __ro_after_init, *events __ro_after_init;
static unsigned int command_bits __ro_after_init, event_bits __ro_after_init;
static uint32_t command_prod, event_cons;
static bool entering, running, broken;

static void write64(unsigned int offset, uint64_t value)
{
	*(volatile uint64_t *)(page0 + offset) = value;
}

static bool wait_for(unsigned int offset, uint32_t mask, uint32_t value)
{
	uint64_t start = arch_timestamp(), limit = ANSWER_MS * arch_ticks_per_ms();

	while ((mmio_read32(page0 + offset) & mask) != value) {
		if (arch_timestamp() - start > limit)
			return false;
		cpu_relax();
	}
	return true;
}

static bool set_control(uint32_t value)
{
	mmio_write32(page0 + CR0, value);
	return wait_for(CR0ACK, CR0_SMMUEN | CR0_EVENTQEN | CR0_CMDQEN, value);
}

static void put_command(uint64_t word0, uint64_t word1)
{
	uint64_t *entry = commands + 2 * (command_prod & (BIT(command_bits) - 1));

	entry[0] = word0;
	entry[1] = word1;
	/* One bit more than an index has says how often it has wrapped. */
	command_prod = (command_prod + 1) & (uint32_t)(BIT(command_bits + 1) - 1);
}

/* Every command is followed by this before the next: the queue is never full. */
static void command(uint64_t word0, uint64_t word1)
{
	put_command(word0, word1);
	put_command(CMD_SYNC, 0);
	asm volatile("dsb ish" : : : "memory");
	mmio_write32(page0 + CMDQ_PROD, command_prod);
	if (!broken && !wait_for(CMDQ_CONS, (uint32_t)(BIT(command_bits + 1) - 1), command_prod)) {
		broken = true;
		log_error("the SMMU does not answer (SMMU_CMDQ_CONS 0x%x, expected 0x%x): no cell "
			  "can be started any more",
			  mmio_read32(page0 + CMDQ_CONS), command_prod);
	}
}

static void forget_streams(void)
{
	command(CFGI_ALL, CFGI_ALL_RANGE);
}

static void forget_translations(const struct cell *cell)
{
	command(TLBI_S12_VMALL(cell->arch.vttbr >> 48), 0);
}

/* Words 2 and 3 */
static uint64_t stream_control(const struct cell *cell)
{
	return cell->arch.vttbr >> 48 | STE_VTCR(stage2_control()) | STE_S2AA64 | STE_S2R;
}

static uint64_t stream_table(const struct cell *cell)
{
	return virt_to_phys(cell->arch.stage2.root);
}

static void fill_stream(uint64_t *ste, const struct cell *cell)
{
	ste[1] = STE_SHCFG_INCOMING;
	ste[2] = stream_control(cell);
	ste[3] = stream_table(cell);
	asm volatile("dsb ish" : : : "memory");
	WRITE_ONCE(ste[0], STE_STAGE2);
}

static uint64_t bus_entry(const uint64_t *table)
{
	return virt_to_phys(table) | L1_SPAN;
}

static uint64_t *stream_of(uint32_t bdf)
{
	uint64_t *table = phys_to_virt(buses[bdf >> SPLIT] & PAGE_MASK);

	return table + (bdf & (BIT(SPLIT) - 1)) * STE_WORDS;
}

#define for_each_function(cell, bdf) \
	for (uint32_t index = 0, bdf; pci_function(cell, index, &bdf); index++)

/*
 * The cell's functions translate by the table of owner, or by none: NULL. A valid entry changes in
 * one word only, and what else it has is not looked at while it aborts (3.21.3).
 */
static void move_streams(const struct cell *cell, const struct cell *owner)
{
	for_each_function(cell, bdf)
		WRITE_ONCE(*stream_of(bdf), STE_ABORT);
	forget_streams();
	if (!owner)
		return;
	for_each_function(cell, bdf)
		fill_stream(stream_of(bdf), owner);
	forget_streams();
}

int smmu_init_cell(const struct cell *cell)
{
	if (!running)
		return 0; /* as the root cell is made */
	for_each_function(cell, bdf) {
		uint64_t *table;

		if (buses[bdf >> SPLIT] != bus_entry(root_bus))
			continue;
		/* The bus keeps it until Cloister is disabled. */
		table = page_alloc_aligned(BUS_PAGES);
		if (!table)
			return -ENOMEM;
		memcpy(table, root_bus, BUS_PAGES * PAGE_SIZE);
		asm volatile("dsb ish" : : : "memory");
		WRITE_ONCE(buses[bdf >> SPLIT], bus_entry(table));
		forget_streams();
	}
	return 0;
}

void smmu_exit_cell(const struct cell *cell)
{
	if (running)
		move_streams(cell, &root_cell);
}

void smmu_stop(const struct cell *cell)
{
	if (!running)
		return;
	move_streams(cell, NULL);
	forget_translations(cell);
	smmu_poll(); /* while it is known whose functions these are */
}

int smmu_start(const struct cell *cell)
{
	if (!running)
		return 0;
	move_streams(cell, cell);
	return broken ? -EIO : 0;
}

void smmu_flush_root(void)
{
	if (running)
		forget_translations(&root_cell);
}

/* The cell by whose table these accesses translate, or CL_NO_CELL. */
static uint32_t translated_for(const uint64_t *ste)
{
	for (unsigned int i = 0; i < CONFIG_MAX_CELLS; i++)
		if (cells[i] && ste[0] == STE_STAGE2 && ste[2] == stream_control(cells[i]) &&
		    ste[3] == stream_table(cells[i]))
			return i;
	return CL_NO_CELL;
}

void smmu_inspect(struct inspection *inspection)
{
	struct cl_inspect_record streams = { .kind = CL_INSPECT_STREAM,
					     .size = 1,
					     .access = CL_MEM_READ | CL_MEM_WRITE };

	if (!running)
		return;
	for (streams.start = 0; streams.start < BIT(STREAM_BITS); streams.start++) {
		const uint64_t *ste = stream_of((uint32_t)streams.start);

		if (ste[0] == STE_ABORT)
			continue;
		streams.cell = translated_for(ste);
		inspect_add(inspection, &streams);
	}
}

#ifdef CONFIG_FAULT_INJECT
int64_t smmu_misdirect(uint32_t stream, const struct cell *cell)
{
	uint64_t *ste;

	if (!running || stream >= BIT(STREAM_BITS))
		return -EINVAL;
	ste = stream_of(stream);
	WRITE_ONCE(*ste, STE_ABORT);
	forget_streams();
	if (cell)
		fill_stream(ste, cell);
	else
		WRITE_ONCE(*ste, STE_BYPASS);
	forget_streams();
	return 0;
}
#endif

static struct cell *owner_of(uint32_t stream)
{
	for (unsigned int i = 1; i < CONFIG_MAX_CELLS; i++)
		if (cells[i] && pci_owns(cells[i], stream))
			return cells[i];
	return &root_cell;
}

static void report(const uint64_t *event)
{
	uint32_t type = EVENT_TYPE(event[0]), stream = EVENT_STREAM(event[0]);
	struct cell *cell = owner_of(stream);
	const char *what = event[1] & EVENT_READ ? "read of" : "write to";

	if (__atomic_fetch_add(&cell->denied, 1, __ATOMIC_RELAXED) >= DENIED_LINES)
		return;
	if (type < F_TRANSLATION || type > F_PERMISSION)
		what = "use of";
	log_write(CL_LOG_WARNING, cell->id,
		  "SMMU: device %02x:%02x.%u (cell '%s'): refused %s address 0x%lx (event 0x%x)",
		  stream >> 8, stream >> 3 & 0x1f, stream & 7, cell->info->name, what, event[2],
		  type);
}

/* One record of those that differ in nothing but the address: a device writes in many pieces. */
void smmu_poll(void)
{
	const uint32_t mask = (uint32_t)(BIT(event_bits + 1) - 1);
	uint64_t event[EVENT_WORDS], last[2] = { 0, 0 };
	uint32_t prod;

	if (!running)
		return;
	prod = mmio_read32(page1 + EVENTQ_PROD);
	if (prod == event_cons)
		return;
	asm volatile("dsb ish" : : : "memory");
	/* Not more than there were on arrival: the devices cannot keep us here. */
	while ((event_cons ^ prod) & mask) {
		memcpy(event, events + EVENT_WORDS * (event_cons & (mask >> 1)), sizeof(event));
		if (memcmp(last, event, sizeof(last)))
			report(event);
		memcpy(last, event, sizeof(last));
		event_cons = (event_cons & ~mask) | ((event_cons + 1) & mask);
	}
	if ((event_cons ^ prod) & QUEUE_OVERFLOW)
		log_info("SMMU: further events were lost");
	event_cons = prod;
	asm volatile("dsb ish" : : : "memory");
	mmio_write32(page1 + EVENTQ_CONS, event_cons);
}

bool smmu_is_at(uint64_t address)
{
	return smmu_phys && address - smmu_phys < CL_SMMU_SIZE;
}

static int check_features(void)
{
	uint32_t idr0 = mmio_read32(page0 + IDR0), idr1 = mmio_read32(page0 + IDR1);
	uint32_t idr5 = mmio_read32(page0 + IDR5), needed;

	if (mmio_read32(page0 + CR0) & CR0_SMMUEN)
		return cell_refuse(EBUSY, "IOMMU", "phys", smmu_phys, 0,
				   "an SMMU that Linux does not use: boot with "
				   "initcall_blacklist=arm_smmu_driver_init, or no such node");
	needed = IDR0_S2P | IDR0_AARCH64 | IDR0_COHACC | IDR0_TWO_LEVELS;
	if ((idr0 & needed) != needed)
		return cell_refuse(ENODEV, "IOMMU", "phys", idr0, needed,
				   "an SMMUv3 with bits @ in SMMU_IDR0: coherent, stage 2, "
				   "stream tables of two levels");
	if (idr1 & IDR1_PRESET || IDR1_SIDSIZE(idr1) < STREAM_BITS || !IDR1_CMDQS(idr1))
		return cell_refuse(ENODEV, "IOMMU", "phys", idr1, STREAM_BITS,
				   "an SMMUv3 with stream ids of @ bits and tables in memory "
				   "(SMMU_IDR1)");
	if (!(idr5 & IDR5_GRAN4K) || IDR5_OAS(idr5) < pa_range())
		return cell_refuse(ENODEV, "IOMMU", "phys", idr5, pa_range(),
				   "an SMMUv3 with pages of 4 KiB and addresses as wide as the "
				   "CPUs' (SMMU_IDR5.OAS at least @)");
	command_bits = MIN(IDR1_CMDQS(idr1), 8);
	event_bits = MIN(IDR1_EVENTQS(idr1), 7);
	return 0;
}

int smmu_init(void)
{
	const struct cl_section *section = cl_find_section(root_cell.config, CL_SEC_IOMMU);
	struct cl_iommu iommu;
	int err;

	if (!section)
		return 0;
	cl_get_entry(section, 0, &iommu, sizeof(iommu));
	smmu_phys = iommu.phys;
	page0 = map_device(DEVICE_PAGE_SMMU, smmu_phys);
	page1 = map_device(DEVICE_PAGE_SMMU + 1, smmu_phys + PAGE_1);
	err = check_features();
	if (err)
		return err;
	buses = page_alloc(1);
	root_bus = page_alloc_aligned(BUS_PAGES);
	commands = page_alloc(1);
	events = page_alloc(1);
	if (!buses || !root_bus || !commands || !events)
		return cell_refuse(ENOMEM, "platform", "hv_size", info.head.hv_size, 0,
				   "not enough hypervisor memory for the SMMU; enlarge hv_size");
	for (unsigned int i = 0; i < BIT(SPLIT); i++)
		fill_stream(root_bus + i * STE_WORDS, &root_cell);
	for (unsigned int i = 0; i < BUSES; i++)
		buses[i] = bus_entry(root_bus);
	return 0;
}

/* On the first CPU that comes here; it is off, so nothing of it has to be kept. */
int smmu_enter(void)
{
	if (!smmu_phys || __atomic_exchange_n(&entering, true, __ATOMIC_SEQ_CST))
		return 0;
	if (!set_control(0))
		goto failed;
	mmio_write32(page0 + IRQ_CTRL, 0);
	mmio_write32(page0 + CR1, CR1_COHERENT);
	mmio_write32(page0 + CR2, CR2_RECINVSID | CR2_PTM);
	write64(STRTAB_BASE, virt_to_phys(buses) | BASE_ALLOCATE);
	mmio_write32(page0 + STRTAB_BASE_CFG, STRTAB_TWO_LEVELS);
	write64(CMDQ_BASE, virt_to_phys(commands) | BASE_ALLOCATE | command_bits);
	mmio_write32(page0 + CMDQ_PROD, 0);
	mmio_write32(page0 + CMDQ_CONS, 0);
	write64(EVENTQ_BASE, virt_to_phys(events) | BASE_ALLOCATE | event_bits);
	mmio_write32(page1 + EVENTQ_PROD, 0);
	mmio_write32(page1 + EVENTQ_CONS, 0);
	if (!set_control(CR0_CMDQEN))
		goto failed;
	forget_streams();
	command(TLBI_NSNH_ALL, 0);
	if (broken || !set_control(CR0_CMDQEN | CR0_EVENTQEN) ||
	    !set_control(CR0_CMDQEN | CR0_EVENTQEN | CR0_SMMUEN))
		goto failed;
	__atomic_store_n(&running, true, __ATOMIC_SEQ_CST);
	log_info("SMMU at 0x%lx: devices reach the memory of their cell only", smmu_phys);
	return 0;

failed:
	(void)set_control(0);
	return cell_refuse(EIO, "IOMMU", "phys", smmu_phys, 0, "an SMMU that answers");
}

/* By the first CPU that leaves; SMMU_GBPA, which then decides, is as it was. */
void smmu_exit(void)
{
	if (__atomic_exchange_n(&running, false, __ATOMIC_SEQ_CST) && !set_control(0))
		log_error("the SMMU cannot be switched off");
}
