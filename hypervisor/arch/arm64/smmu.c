// SPDX-License-Identifier: GPL-2.0
/*
 * SMMUv3 (ARM IHI 0070), one or several: what PCI functions reach of memory. The config says which
 * functions are behind which, and with which stream ids. Root's translate by root's stage-2 table,
 * those of a cell by the cell's from its start to its stop, and not at all before and after that.
 * Streams of which the config says nothing are root's. All stream tables of a bus (256 streams) are
 * root's, and the same, as long as no cell has had a function there.
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

static struct smmu {
	uint64_t phys;
	volatile char *page0, *page1;
	/* Functions (bus << 8 | devfn) first to first + functions - 1 have streams from stream on. */
	uint32_t first, functions, stream;
	uint64_t *buses; /* the first level */
	uint64_t *commands, *events;
	unsigned int command_bits, event_bits;
} smmus[CL_IOMMU_MAX] __ro_after_init;

static struct queues {
	uint32_t command_prod, event_cons;
	bool broken; /* it does not answer: it gets no command any more */
} queues[CL_IOMMU_MAX];

/* 0: there is none, or the config leaves it alone */
static unsigned int smmu_count __ro_after_init;
static uint64_t *root_bus __ro_after_init; /* of all buses on which only root has functions */
static bool entering, running;

#define for_each_smmu(s) for (const struct smmu *s = smmus; s < smmus + smmu_count; s++)

static struct queues *queues_of(const struct smmu *smmu)
{
	return &queues[smmu - smmus];
}

static void write64(const struct smmu *smmu, unsigned int offset, uint64_t value)
{
	*(volatile uint64_t *)(smmu->page0 + offset) = value;
}

static bool wait_for(const struct smmu *smmu, unsigned int offset, uint32_t mask, uint32_t value)
{
	return WAIT_UNTIL((mmio_read32(smmu->page0 + offset) & mask) == value, ANSWER_MS);
}

static bool set_control(const struct smmu *smmu, uint32_t value)
{
	mmio_write32(smmu->page0 + CR0, value);
	return wait_for(smmu, CR0ACK, CR0_SMMUEN | CR0_EVENTQEN | CR0_CMDQEN, value);
}

static void put_command(const struct smmu *smmu, uint64_t word0, uint64_t word1)
{
	uint32_t *prod = &queues_of(smmu)->command_prod;
	uint64_t *entry = smmu->commands + 2 * (*prod & (BIT(smmu->command_bits) - 1));

	entry[0] = word0;
	entry[1] = word1;
	/* One bit more than an index has says how often it has wrapped. */
	*prod = (*prod + 1) & (uint32_t)(BIT(smmu->command_bits + 1) - 1);
}

/* Every command is followed by this before the next: the queue is never full. */
static void command_to(const struct smmu *smmu, uint64_t word0, uint64_t word1)
{
	const uint32_t *prod = &queues_of(smmu)->command_prod;
	bool *broken = &queues_of(smmu)->broken;

	if (*broken)
		return;
	put_command(smmu, word0, word1);
	put_command(smmu, CMD_SYNC, 0);
	full_barrier();
	mmio_write32(smmu->page0 + CMDQ_PROD, *prod);
	if (!wait_for(smmu, CMDQ_CONS, (uint32_t)(BIT(smmu->command_bits + 1) - 1), *prod)) {
		*broken = true;
		log_error("the SMMU at 0x%lx does not answer (SMMU_CMDQ_CONS 0x%x, expected 0x%x): "
			  "no cell can be started any more",
			  smmu->phys, mmio_read32(smmu->page0 + CMDQ_CONS), *prod);
	}
}

static void command(uint64_t word0, uint64_t word1)
{
	for_each_smmu(smmu)
		command_to(smmu, word0, word1);
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
	full_barrier();
	WRITE_ONCE(ste[0], STE_STAGE2);
}

static uint64_t bus_entry(const uint64_t *table)
{
	return virt_to_phys(table) | L1_SPAN;
}

static uint64_t *bus_table(const struct smmu *smmu, uint32_t stream)
{
	return phys_to_virt(smmu->buses[stream >> SPLIT] & PAGE_MASK);
}

static uint64_t *stream_entry(const struct smmu *smmu, uint32_t stream)
{
	return bus_table(smmu, stream) + (stream & (BIT(SPLIT) - 1)) * STE_WORDS;
}

/* What a function is behind, and its stream there; NULL: nothing keeps it from any memory. */
static const struct smmu *smmu_of(uint32_t bdf, uint32_t *stream)
{
	for_each_smmu(smmu) {
		*stream = smmu->stream + bdf - smmu->first;
		if (bdf - smmu->first < smmu->functions)
			return smmu;
	}
	return NULL;
}

/* A cell's functions have one, for the config check asks for that. */
static void set_stream(uint32_t bdf, const struct cell *owner)
{
	uint32_t stream;
	const struct smmu *smmu = smmu_of(bdf, &stream);

	if (smmu && owner)
		fill_stream(stream_entry(smmu, stream), owner);
	else if (smmu)
		WRITE_ONCE(*stream_entry(smmu, stream), STE_ABORT);
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
		set_stream(bdf, NULL);
	forget_streams();
	if (!owner)
		return;
	for_each_function(cell, bdf)
		set_stream(bdf, owner);
	forget_streams();
}

int smmu_init_cell(const struct cell *cell)
{
	if (!running)
		return 0; /* as the root cell is made */
	for_each_function(cell, bdf) {
		uint32_t stream;
		const struct smmu *smmu = smmu_of(bdf, &stream);
		uint64_t *table;

		if (!smmu || bus_table(smmu, stream) != root_bus)
			continue;
		/* The bus keeps it until Cloister is disabled. */
		table = page_alloc_aligned(BUS_PAGES);
		if (!table)
			return -ENOMEM;
		memcpy(table, root_bus, BUS_PAGES * PAGE_SIZE);
		full_barrier();
		WRITE_ONCE(smmu->buses[stream >> SPLIT], bus_entry(table));
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
	for_each_smmu(smmu) {
		if (!queues_of(smmu)->broken)
			continue;
		move_streams(cell, NULL);
		return -EIO;
	}
	return 0;
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

/* Streams without a function are root's; if not, they are shown as if there were one of that id. */
static void inspect_streams(struct inspection *inspection, const struct smmu *smmu)
{
	struct cl_inspect_record record = { .kind = CL_INSPECT_STREAM,
					    .size = 1,
					    .access = CL_MEM_READ | CL_MEM_WRITE };

	for (uint32_t stream = 0; stream < BIT(STREAM_BITS); stream++) {
		const uint64_t *ste = stream_entry(smmu, stream);
		bool has_function = stream - smmu->stream < smmu->functions;

		if (ste[0] == STE_ABORT)
			continue;
		record.cell = translated_for(ste);
		record.start = has_function ? smmu->first + stream - smmu->stream : stream;
		if (has_function || record.cell != 0)
			inspect_add(inspection, &record);
	}
}

void smmu_inspect(struct inspection *inspection)
{
	if (!running)
		return;
	for_each_smmu(smmu)
		inspect_streams(inspection, smmu);
}

#ifdef CONFIG_FAULT_INJECT
int64_t smmu_misdirect(uint32_t bdf, const struct cell *cell)
{
	uint32_t stream;
	const struct smmu *smmu = smmu_of(bdf, &stream);

	if (!running || !smmu)
		return -EINVAL;
	set_stream(bdf, NULL);
	forget_streams();
	if (cell)
		set_stream(bdf, cell);
	else
		WRITE_ONCE(*stream_entry(smmu, stream), STE_BYPASS);
	forget_streams();
	return 0;
}
#endif

static struct cell *owner_of(uint32_t bdf)
{
	for (unsigned int i = 1; i < CONFIG_MAX_CELLS; i++)
		if (cells[i] && pci_owns(cells[i], bdf))
			return cells[i];
	return &root_cell;
}

static void report(const struct smmu *smmu, const uint64_t *event)
{
	uint32_t type = EVENT_TYPE(event[0]), stream = EVENT_STREAM(event[0]);
	bool has_function = stream - smmu->stream < smmu->functions;
	uint32_t bdf = smmu->first + stream - smmu->stream;
	struct cell *cell = has_function ? owner_of(bdf) : &root_cell;
	const char *what = event[1] & EVENT_READ ? "read of" : "write to";

	if (__atomic_fetch_add(&cell->denied, 1, __ATOMIC_RELAXED) >= DENIED_LINES)
		return;
	if (type < F_TRANSLATION || type > F_PERMISSION)
		what = "use of";
	if (has_function)
		log_write(CL_LOG_WARNING, cell->id,
			  "SMMU: device %02x:%02x.%u (cell '%s'): refused %s address 0x%lx (event "
			  "0x%x)",
			  bdf >> 8, bdf >> 3 & 0x1f, bdf & 7, cell->info->name, what, event[2],
			  type);
	else
		log_write(CL_LOG_WARNING, cell->id,
			  "SMMU at 0x%lx: stream 0x%x: refused %s address 0x%lx (event 0x%x)",
			  smmu->phys, stream, what, event[2], type);
}

/* One record of those that differ in nothing but the address: a device writes in many pieces. */
static void poll(const struct smmu *smmu)
{
	const uint32_t mask = (uint32_t)(BIT(smmu->event_bits + 1) - 1);
	uint32_t *cons = &queues_of(smmu)->event_cons;
	uint64_t event[EVENT_WORDS], last[2] = { 0, 0 };
	uint32_t prod = mmio_read32(smmu->page1 + EVENTQ_PROD);

	if (prod == *cons)
		return;
	full_barrier();
	/* Not more than there were on arrival: the devices cannot keep us here. */
	while ((*cons ^ prod) & mask) {
		memcpy(event, smmu->events + EVENT_WORDS * (*cons & (mask >> 1)), sizeof(event));
		if (memcmp(last, event, sizeof(last)))
			report(smmu, event);
		memcpy(last, event, sizeof(last));
		*cons = (*cons & ~mask) | ((*cons + 1) & mask);
	}
	if ((*cons ^ prod) & QUEUE_OVERFLOW)
		log_info("SMMU at 0x%lx: further events were lost", smmu->phys);
	*cons = prod;
	full_barrier();
	mmio_write32(smmu->page1 + EVENTQ_CONS, *cons);
}

void smmu_poll(void)
{
	if (running)
		for_each_smmu(smmu)
			poll(smmu);
}

bool smmu_is_at(uint64_t address)
{
	for_each_smmu(smmu)
		if (address - smmu->phys < CL_SMMU_SIZE)
			return true;
	return false;
}

static int check_features(struct smmu *smmu)
{
	uint32_t idr0 = mmio_read32(smmu->page0 + IDR0), idr1 = mmio_read32(smmu->page0 + IDR1);
	uint32_t idr5 = mmio_read32(smmu->page0 + IDR5), needed;

	if (mmio_read32(smmu->page0 + CR0) & CR0_SMMUEN)
		return cell_refuse(EBUSY, "IOMMU", "phys", smmu->phys, 0,
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
	smmu->command_bits = MIN(IDR1_CMDQS(idr1), 8);
	smmu->event_bits = MIN(IDR1_EVENTQS(idr1), 7);
	return 0;
}

static int no_memory(void)
{
	return cell_refuse(ENOMEM, "platform", "hv_size", info.head.hv_size, 0,
			   "not enough hypervisor memory for the SMMU; enlarge hv_size");
}

static int init_one(struct smmu *smmu, unsigned int number, const struct cl_iommu *iommu)
{
	int err;

	smmu->phys = iommu->phys;
	smmu->first = iommu->first;
	smmu->functions = iommu->functions ? iommu->functions : CL_FUNCTIONS;
	smmu->stream = iommu->stream;
	smmu->page0 = map_device(DEVICE_PAGE_SMMU + 2 * number, smmu->phys);
	smmu->page1 = map_device(DEVICE_PAGE_SMMU + 2 * number + 1, smmu->phys + PAGE_1);
	err = check_features(smmu);
	if (err)
		return err;
	smmu->buses = page_alloc(1);
	smmu->commands = page_alloc(1);
	smmu->events = page_alloc(1);
	if (!smmu->buses || !smmu->commands || !smmu->events)
		return no_memory();
	for (unsigned int i = 0; i < BUSES; i++)
		smmu->buses[i] = bus_entry(root_bus);
	return 0;
}

int smmu_init(void)
{
	const struct cl_section *section = cl_find_section(root_cell.config, CL_SEC_IOMMU);

	if (!section || !section->count)
		return 0;
	root_bus = page_alloc_aligned(BUS_PAGES);
	if (!root_bus)
		return no_memory();
	for (unsigned int i = 0; i < BIT(SPLIT); i++)
		fill_stream(root_bus + i * STE_WORDS, &root_cell);
	for (uint32_t i = 0; i < section->count; i++) {
		struct cl_iommu iommu;
		int err;

		cl_get_entry(section, i, &iommu, sizeof(iommu));
		err = init_one(&smmus[i], i, &iommu);
		if (err)
			return err;
	}
	smmu_count = section->count;
	return 0;
}

/* It is off, so nothing of it has to be kept. */
static bool switch_on(const struct smmu *smmu)
{
	if (!set_control(smmu, 0))
		return false;
	mmio_write32(smmu->page0 + IRQ_CTRL, 0);
	mmio_write32(smmu->page0 + CR1, CR1_COHERENT);
	mmio_write32(smmu->page0 + CR2, CR2_RECINVSID | CR2_PTM);
	write64(smmu, STRTAB_BASE, virt_to_phys(smmu->buses) | BASE_ALLOCATE);
	mmio_write32(smmu->page0 + STRTAB_BASE_CFG, STRTAB_TWO_LEVELS);
	write64(smmu, CMDQ_BASE, virt_to_phys(smmu->commands) | BASE_ALLOCATE | smmu->command_bits);
	mmio_write32(smmu->page0 + CMDQ_PROD, 0);
	mmio_write32(smmu->page0 + CMDQ_CONS, 0);
	write64(smmu, EVENTQ_BASE, virt_to_phys(smmu->events) | BASE_ALLOCATE | smmu->event_bits);
	mmio_write32(smmu->page1 + EVENTQ_PROD, 0);
	mmio_write32(smmu->page1 + EVENTQ_CONS, 0);
	if (!set_control(smmu, CR0_CMDQEN))
		return false;
	command_to(smmu, CFGI_ALL, CFGI_ALL_RANGE);
	command_to(smmu, TLBI_NSNH_ALL, 0);
	return !queues_of(smmu)->broken && set_control(smmu, CR0_CMDQEN | CR0_EVENTQEN) &&
	       set_control(smmu, CR0_CMDQEN | CR0_EVENTQEN | CR0_SMMUEN);
}

static bool switch_off(void)
{
	bool done = true;

	for_each_smmu(smmu)
		done &= set_control(smmu, 0);
	return done;
}

/* On the first CPU that comes here. */
int smmu_enter(void)
{
	if (!smmu_count || __atomic_exchange_n(&entering, true, __ATOMIC_SEQ_CST))
		return 0;
	for_each_smmu(smmu) {
		if (!switch_on(smmu)) {
			(void)switch_off();
			return cell_refuse(EIO, "IOMMU", "phys", smmu->phys, 0,
					   "an SMMU that answers");
		}
	}
	__atomic_store_n(&running, true, __ATOMIC_SEQ_CST);
	for_each_smmu(smmu)
		log_info("SMMU at 0x%lx: devices reach the memory of their cell only", smmu->phys);
	return 0;
}

/* By the first CPU that leaves; SMMU_GBPA, which then decides, is as it was. */
void smmu_exit(void)
{
	if (__atomic_exchange_n(&running, false, __ATOMIC_SEQ_CST) && !switch_off())
		log_error("an SMMU cannot be switched off");
}
