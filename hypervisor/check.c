// SPDX-License-Identifier: GPL-2.0
/*
 * The config validator: see include/cloister/check.h.
 *
 * The blob is hostile: every offset is checked before it is followed, every sum is known not to
 * wrap before it is built, and entries are copied out before they are looked at. A caller that
 * shares the blob with somebody who can write to it copies it first.
 *
 * A rule is a text that follows "FIELD is FOUND, expected"; an '@' in it stands for the number in
 * finding->expected (include/cloister/finding_format.h).
 */
#include <check_arch.h>

#define HV_SIZE_MAX 0x40000000ULL /* what the hypervisor maps of its memory */
#define HUGE_PAGE   0x200000ULL
#define ECAM_BUS    0x100000ULL /* bytes of configuration space per bus */

/* What the sections hold. */
static const struct {
	const char *object;
	uint32_t entry_size;
} kinds[] = {
	[CL_SEC_PLATFORM] = { "platform", sizeof(struct cl_platform) },
	[CL_SEC_CPUS] = { "CPU", sizeof(struct cl_cpu) },
	[CL_SEC_MEMORY] = { "memory region", sizeof(struct cl_memory) },
	[CL_SEC_PIO] = { "I/O ports", sizeof(struct cl_pio) },
	[CL_SEC_IRQCHIP] = { "interrupt controller", sizeof(struct cl_irqchip) },
	[CL_SEC_PCI] = { "PCI device", sizeof(struct cl_pci_device) },
	[CL_SEC_GIC] = { "GIC", sizeof(struct cl_gic) },
	[CL_SEC_IOMMU] = { "IOMMU", sizeof(struct cl_iommu) },
	[CL_SEC_FIRMWARE] = { "firmware call", sizeof(struct cl_firmware) },
	[CL_SEC_WATCHDOG] = { "watchdog", sizeof(struct cl_watchdog) },
};

#define KIND_END (sizeof(kinds) / sizeof(kinds[0]))

static void copy_text(char *to, const char *from, uint32_t size)
{
	uint32_t i;

	for (i = 0; i + 1 < size && from[i]; i++)
		to[i] = from[i];
	for (; i < size; i++)
		to[i] = '\0';
}

int check_refuse(struct check *c, int error, const char *field, uint64_t found, uint64_t expected,
		 const char *rule)
{
	struct cl_finding *f = c->finding;

	f->error = error;
	f->index = c->index;
	copy_text(f->object, c->object, sizeof(f->object));
	copy_text(f->field, field, sizeof(f->field));
	copy_text(f->rule, rule, sizeof(f->rule));
	f->found = found;
	f->expected = expected;
	return error;
}

int check_conflict(struct check *c, const struct cl_config *other, const char *field,
		   uint64_t found, uint64_t expected, const char *rule)
{
	copy_text(c->finding->other, other->name, CL_NAME_LEN);
	return check_refuse(c, REFUSE_CONFLICT, field, found, expected, rule);
}

static uint64_t section_bytes(const struct cl_section *section)
{
	return sizeof(*section) + (uint64_t)section->entry_size * section->count;
}

const struct cl_section *cl_find_section(const struct cl_config *config, uint32_t type)
{
	const char *blob = (const char *)config;
	const struct cl_section *section;
	uint64_t at;

	for (at = config->header_size; at < config->total_size; at += section_bytes(section)) {
		section = (const struct cl_section *)(blob + at);
		if (section->type == type)
			return section;
	}
	return NULL;
}

void cl_get_entry(const struct cl_section *section, uint32_t index, void *out, uint32_t out_size)
{
	const char *from = (const char *)(section + 1) + (uint64_t)index * section->entry_size;
	char *to = out;
	uint32_t i;

	for (i = 0; i < out_size; i++)
		to[i] = i < section->entry_size ? from[i] : 0;
}

bool check_next_entry(const struct cl_section *section, uint32_t index, void *out,
		      uint32_t out_size)
{
	if (!section || index >= section->count)
		return false;
	cl_get_entry(section, index, out, out_size);
	return true;
}

const struct cl_section *check_look_at(struct check *c, uint32_t type)
{
	c->object = kinds[type].object;
	c->index = 0;
	return cl_find_section(c->config, type);
}

int check_absent(struct check *c, uint32_t type, const char *rule)
{
	const struct cl_section *section = check_look_at(c, type);

	return section ? refuse(c, "count", section->count, 0, rule) : 0;
}

static int check_name(struct check *c)
{
	const char *name = c->config->name;
	const char *rule = "letters, digits, '.', '_' and '-', 1 to @ of them";
	uint32_t i;

	for (i = 0; i < CL_NAME_LEN && name[i]; i++) {
		char ch = name[i];

		if (!(ch >= 'a' && ch <= 'z') && !(ch >= 'A' && ch <= 'Z') &&
		    !(ch >= '0' && ch <= '9') && ch != '.' && ch != '_' && ch != '-')
			return refuse(c, "name", (unsigned char)ch, CL_NAME_LEN - 1, rule);
	}
	if (i == 0 || i == CL_NAME_LEN)
		return refuse(c, "name", i, CL_NAME_LEN - 1, rule);
	copy_text(c->finding->cell, name, CL_NAME_LEN);
	return 0;
}

static int check_zero(struct check *c, const void *data, uint64_t from, uint64_t to,
		      const char *field)
{
	const unsigned char *bytes = data;

	for (; from < to; from++)
		if (bytes[from])
			return refuse(c, field, bytes[from], 0,
				      "@: a newer config? Bytes that this version does not know "
				      "must be zero");
	return 0;
}

static int check_header(struct check *c, uint64_t size)
{
	const struct cl_config *config = c->config;
	const char *magic = CL_CONFIG_MAGIC;
	int err;
	int i;

	c->object = "config";
	if ((uintptr_t)config % 8)
		return refuse(c, "address", (uintptr_t)config, 8,
			      "a multiple of @: the caller must align the blob");
	if (size > CL_CONFIG_MAX)
		return refuse(c, "total_size", size, CL_CONFIG_MAX, "at most @ bytes");
	if (size < sizeof(*config))
		return refuse(c, "total_size", size, sizeof(*config),
			      "at least @ bytes: the file is cut off or not a cell config");
	for (i = 0; i < 8; i++)
		if (config->magic[i] != magic[i])
			return check_refuse(c, REFUSE_FORMAT, "magic",
					    (unsigned char)config->magic[i],
					    (unsigned char)magic[i],
					    "\"CLOISTER\": this is not a compiled cell config");
	if (config->abi_version != CL_ABI_VERSION)
		return check_refuse(c, REFUSE_FORMAT, "abi_version", config->abi_version,
				    CL_ABI_VERSION,
				    "@: compile the config with the headers of this version");
	if (config->arch != c->limits->arch)
		return check_refuse(c, REFUSE_FORMAT, "arch", config->arch, c->limits->arch,
				    "@ (1: x86-64, 2: arm64, 3: riscv64): compile it for this "
				    "machine");
	if (config->total_size != size)
		return refuse(c, "total_size", config->total_size, size,
			      "@, the size of the file: it is cut off or damaged");
	if (config->header_size < sizeof(*config) || config->header_size > size)
		return refuse(c, "header_size", config->header_size, sizeof(*config),
			      "@ or more, within the config");
	if (config->header_size % 8)
		return refuse(c, "header_size", config->header_size, 8, "a multiple of @");
	err = check_name(c);
	if (err)
		return err;
	if (config->flags & ~CL_CELL_FLAGS)
		return refuse(c, "flags", config->flags, CL_CELL_FLAGS,
			      "bits out of @ only (CL_CELL_*)");
	if (is_root(c) && (config->flags & CL_CELL_VUART))
		return refuse(c, "flags", config->flags, CL_CELL_ROOT,
			      "@: the root cell has the machine's own UARTs, not CL_CELL_VUART");
	if (is_root(c) && (config->flags & CL_CELL_LOCKED))
		return refuse(c, "flags", config->flags, CL_CELL_ROOT,
			      "@: CL_CELL_LOCKED is for other cells; hvctl lock locks them all");
	if (!is_root(c) && (config->flags & CL_CELL_STRICT))
		return refuse(c, "flags", config->flags, 0,
			      "a root cell's config: CL_CELL_STRICT says what becomes of root");
	if (config->restart & ~CL_RESTART_FLAGS)
		return refuse(c, "restart", config->restart, CL_RESTART_FLAGS,
			      "bits out of @ only (CL_RESTART_*)");
	if (is_root(c) && config->restart)
		return refuse(c, "restart", config->restart, 0, "@ in a root config");
	if (!config->restart && (config->restart_limit || config->restart_seconds))
		return refuse(c, "restart", 0, CL_RESTART_ON_FAILURE,
			      "@ or CL_RESTART_ON_REBOOT where there is a limit to restarts");
	err = arch_check(header, c);
	return err ? err
		   : check_zero(c, config, sizeof(*config), config->header_size, "header_size");
}

static int check_entries(struct check *c, const struct cl_section *section)
{
	uint32_t known = kinds[section->type].entry_size;
	uint64_t entry = sizeof(*section);
	int err;

	if (section->entry_size <= known)
		return 0;
	c->object = kinds[section->type].object;
	for (c->index = 0; c->index < section->count; c->index++) {
		err = check_zero(c, section, entry + known, entry + section->entry_size,
				 "unknown member");
		if (err)
			return err;
		entry += section->entry_size;
	}
	return 0;
}

/* After this, cl_find_section() and cl_get_entry() stay inside the blob. */
static int check_sections(struct check *c)
{
	const char *blob = (const char *)c->config;
	uint64_t end = c->config->total_size;
	uint64_t at = c->config->header_size;
	const struct cl_section *section;
	uint32_t seen = 0;
	uint32_t number;
	int err;

	for (number = 0; at < end; number++) {
		c->object = "section";
		c->index = number;
		if (end - at < sizeof(*section))
			return refuse(c, "total_size", end - at, sizeof(*section),
				      "at least @ bytes for a section: the config is cut off");
		section = (const struct cl_section *)(blob + at);
		if (!section->type || section->type >= KIND_END)
			return refuse(c, "type", section->type, KIND_END - 1,
				      "1 to @ (enum cl_section_type): a newer config?");
		if (seen & 1U << section->type)
			return refuse(c, "type", section->type, 1,
				      "each section type at most @ time: put all its entries into "
				      "one macro");
		seen |= 1U << section->type;
		if (!section->entry_size || section->entry_size % 8)
			return refuse(c, "entry_size", section->entry_size, 8,
				      "a multiple of @ and not 0");
		if (section->reserved)
			return refuse(c, "reserved", section->reserved, 0, "@");
		if (section_bytes(section) > end - at)
			return refuse(c, "count", section->count,
				      (end - at - sizeof(*section)) / section->entry_size,
				      "at most the @ entries that fit: the config is cut off");
		err = check_entries(c, section);
		if (err)
			return err;
		at += section_bytes(section);
	}
	return 0;
}

uint64_t check_address_end(const struct check *c)
{
	return c->limits->phys_bits < 64 ? 1ULL << c->limits->phys_bits : ~0ULL;
}

int check_range(struct check *c, const char *field, uint64_t start, uint64_t size, uint64_t align)
{
	uint64_t end = check_address_end(c);

	if (start % align)
		return refuse(c, field, start, align, "a multiple of @");
	if (start >= end || size > end - start)
		return refuse(c, field, start, end,
			      "an address that with the size stays within @, the end of what the "
			      "machine can address");
	return 0;
}

/* Memory that the driver may be asked to find: hv_ and pool_ of the platform. */
static int check_place(struct check *c, const char *phys_field, uint64_t phys,
		       const char *size_field, uint64_t size)
{
	if (size % HUGE_PAGE)
		return refuse(c, size_field, size, HUGE_PAGE, "a multiple of @ (2 MiB)");
	if (size > check_address_end(c))
		return refuse(c, size_field, size, check_address_end(c), "at most @");
	if (phys == CL_AUTO || !size)
		return 0;
	return check_range(c, phys_field, phys, size, HUGE_PAGE);
}

static struct range ecam_range(const struct cl_platform *p)
{
	return (struct range){ p->ecam_phys + p->ecam_first_bus * ECAM_BUS,
			       (p->ecam_last_bus + 1ULL - p->ecam_first_bus) * ECAM_BUS };
}

static int check_ecam(struct check *c, const struct cl_platform *p)
{
	if (p->ecam_last_bus > 255)
		return refuse(c, "ecam_last_bus", p->ecam_last_bus, 255, "at most @");
	if (p->ecam_first_bus > p->ecam_last_bus)
		return refuse(c, "ecam_first_bus", p->ecam_first_bus, p->ecam_last_bus,
			      "at most ecam_last_bus, which is @");
	if (!p->ecam_phys && p->ecam_last_bus)
		return refuse(c, "ecam_last_bus", p->ecam_last_bus, 0,
			      "@ as ecam_phys is 0 (no memory-mapped configuration space)");
	return check_range(c, "ecam_phys", p->ecam_phys, (p->ecam_last_bus + 1) * ECAM_BUS,
			   ECAM_BUS);
}

static int check_console(struct check *c, const struct cl_platform *p)
{
	if (p->console_type > CL_CONSOLE_16550_MMIO)
		return refuse(c, "console_type", p->console_type, CL_CONSOLE_16550_MMIO,
			      "0 to @ (enum cl_console_type)");
	if (p->console_type != CL_CONSOLE_NONE)
		return arch_check(console, c, p);
	if (p->console_address)
		return refuse(c, "console_address", p->console_address, 0,
			      "@ as console_type is CL_CONSOLE_NONE");
	return 0;
}

static int check_platform(struct check *c)
{
	const struct cl_section *section = check_look_at(c, CL_SEC_PLATFORM);
	struct cl_platform p;
	int err;

	if (!is_root(c)) {
		if (section)
			return refuse(c, "count", section->count, 0,
				      "@: only the root cell (CL_CELL_ROOT) describes the "
				      "platform");
		return 0;
	}
	if (!section || section->count != 1)
		return refuse(c, "count", section ? section->count : 0, 1,
			      "@: the root cell needs one CLOISTER_PLATFORM(...)");
	cl_get_entry(section, 0, &p, sizeof(p));
	if (!p.hv_size)
		return refuse(c, "hv_size", p.hv_size, HUGE_PAGE, "at least @ (2 MiB)");
	if (p.hv_size > HV_SIZE_MAX)
		return refuse(c, "hv_size", p.hv_size, HV_SIZE_MAX, "at most @ (1 GiB)");
	err = check_place(c, "hv_phys", p.hv_phys, "hv_size", p.hv_size);
	if (!err)
		err = check_place(c, "pool_phys", p.pool_phys, "pool_size", p.pool_size);
	if (err)
		return err;
	if (p.hv_phys != CL_AUTO && p.pool_phys != CL_AUTO &&
	    overlap((struct range){ p.hv_phys, p.hv_size },
		    (struct range){ p.pool_phys, p.pool_size }))
		return refuse(c, "pool_phys", p.pool_phys, p.hv_phys + p.hv_size,
			      "memory outside the hypervisor's, which ends at @");
	err = check_ecam(c, &p);
	if (err)
		return err;
	if (p.reserved)
		return refuse(c, "reserved", p.reserved, 0, "@");
	return check_console(c, &p);
}

static int check_cpus(struct check *c)
{
	const struct cl_section *section = check_look_at(c, CL_SEC_CPUS);
	struct cl_cpu cpu, other;
	uint32_t i;

	if (is_root(c)) {
		if (section)
			return refuse(c, "count", section->count, 0,
				      "@: the root cell owns every CPU that is online; leave "
				      "CLOISTER_CPUS out");
		return 0;
	}
	if (!section || !section->count)
		return refuse(c, "count", 0, 1, "at least @: CLOISTER_CPUS({ 1 }) gives CPU 1");
	if (section->count > c->limits->max_cpus)
		return refuse(c, "count", section->count, c->limits->max_cpus,
			      "at most @, the CPUs that this build supports");
	cl_for_each(section, c->index, cpu) {
		if (cpu.id >= c->limits->max_cpus)
			return refuse(c, "id", cpu.id, c->limits->max_cpus,
				      "a number below @, the CPUs that this build supports");
		if (cpu.reserved)
			return refuse(c, "reserved", cpu.reserved, 0, "@");
		for (i = 0; i < c->index; i++) {
			cl_get_entry(section, i, &other, sizeof(other));
			if (cpu.id == other.id)
				return refuse(c, "id", cpu.id, i,
					      "another CPU than entry @: each CPU once");
		}
	}
	return 0;
}

/* Memory that cells have for themselves, not device registers and not the comm region. */
static bool is_ram(const struct cl_memory *m)
{
	return !(m->flags & (CL_MEM_IO | CL_MEM_COMM));
}

static bool whole_pages(const struct cl_memory *m)
{
	return !((m->phys | m->virt | m->size) % PAGE);
}

static int check_memory_flags(struct check *c, const struct cl_memory *m)
{
	if (m->flags & ~(uint64_t)CL_MEM_FLAGS)
		return refuse(c, "flags", m->flags, CL_MEM_FLAGS, "bits out of @ only (CL_MEM_*)");
	if (!(m->flags & CL_MEM_READ))
		return refuse(c, "flags", m->flags, m->flags | CL_MEM_READ,
			      "@: what a cell has it can read; add CL_MEM_READ");
	if (is_root(c) && (m->flags & (CL_MEM_COMM | CL_MEM_LOADABLE)))
		return refuse(c, "flags", m->flags,
			      m->flags & ~(uint64_t)(CL_MEM_COMM | CL_MEM_LOADABLE),
			      "@: the root cell is not loaded and has no comm region");
	if ((m->flags & CL_MEM_COMM) && m->flags != (CL_MEM_COMM | CL_MEM_READ | CL_MEM_WRITE))
		return refuse(c, "flags", m->flags, CL_MEM_COMM | CL_MEM_READ | CL_MEM_WRITE,
			      "@: CL_MEM_COMM | CL_MEM_READ | CL_MEM_WRITE and nothing else");
	if ((m->flags & CL_MEM_LOADABLE) && (m->flags & (CL_MEM_IO | CL_MEM_SHARED)))
		return refuse(c, "flags", m->flags,
			      m->flags & ~(uint64_t)(CL_MEM_IO | CL_MEM_SHARED),
			      "@: CL_MEM_LOADABLE is for RAM that only this cell has");
	return 0;
}

/*
 * Device registers below a page are moderated with the page's other registers left out, so the
 * region stays within one page and has the same place in it on both sides.
 */
static int check_sub_page(struct check *c, const struct cl_memory *m)
{
	uint64_t offset = m->phys % PAGE;
	int err;

	if (m->size > PAGE - offset)
		return refuse(c, "size", m->size, PAGE - offset,
			      "at most @, the rest of the page, or whole pages");
	if (m->virt % PAGE != offset)
		return refuse(c, "virt", m->virt, offset,
			      "an address with the same offset in its page as phys, @");
	if (m->flags & CL_MEM_EXECUTE)
		return refuse(c, "flags", m->flags, m->flags & ~(uint64_t)CL_MEM_EXECUTE,
			      "@: nothing runs from less than a page; remove CL_MEM_EXECUTE");
	err = check_range(c, "phys", m->phys, m->size, 1);
	return err ? err : check_range(c, "virt", m->virt, m->size, 1);
}

static int check_memory_place(struct check *c, const struct cl_memory *m)
{
	int err;

	if (!m->size)
		return refuse(c, "size", m->size, 1, "at least @");
	if (m->flags & CL_MEM_COMM) {
		if (m->phys)
			return refuse(c, "phys", m->phys, 0,
				      "@: the hypervisor provides the comm region");
		if (m->size != PAGE)
			return refuse(c, "size", m->size, PAGE, "@: the comm region is one page");
		return check_range(c, "virt", m->virt, m->size, PAGE);
	}
	if (m->phys == CL_AUTO && (is_root(c) || !is_ram(m) || (m->flags & CL_MEM_SHARED)))
		return refuse(c, "phys", m->phys, 0,
			      "an address: CL_AUTO is for RAM that only this cell has, and not for "
			      "the root cell");
	if ((m->flags & CL_MEM_IO) && !whole_pages(m)) {
		err = check_sub_page(c, m);
	} else {
		if (m->size % PAGE)
			return refuse(c, "size", m->size, PAGE,
				      "a multiple of @: memory is mapped in whole pages");
		err = check_range(c, "virt", m->virt, m->size, PAGE);
		if (!err && m->phys != CL_AUTO)
			err = check_range(c, "phys", m->phys, m->size, PAGE);
	}
	if (err)
		return err;
	if (is_root(c) && m->phys != m->virt)
		return refuse(c, "virt", m->virt, m->phys,
			      "@ as phys: the root cell sees all memory where it is");
	return 0;
}

/* Addresses that are not memory, whatever a config says. */
static int check_memory_holes(struct check *c, const struct cl_memory *m)
{
	const struct cl_limits *l = c->limits;
	struct cl_irqchip chip;
	struct cl_platform p;
	uint32_t i;
	int err;

	err = arch_check(region, c, m);
	if (err)
		return err;
	cl_for_each(cl_find_section(c->config, CL_SEC_IRQCHIP), i, chip)
		if (overlap(virt_range(m), (struct range){ chip.address, PAGE }))
			return refuse(c, "virt", m->virt, chip.address,
				      "addresses without the page at @: the hypervisor moderates "
				      "the interrupt controller there");
	if (!is_root(c)) {
		if (overlap(phys_range(m), (struct range){ l->hv_phys, l->hv_size }))
			return refuse(c, "phys", m->phys, l->hv_phys,
				      "memory outside the hypervisor's own, which begins at @");
		return 0;
	}
	cl_get_entry(cl_find_section(c->config, CL_SEC_PLATFORM), 0, &p, sizeof(p));
	if (p.ecam_phys && overlap(virt_range(m), ecam_range(&p)))
		return refuse(c, "virt", m->virt, ecam_range(&p).start,
			      "addresses without the PCI configuration space (ecam_phys), which "
			      "begins at @ and is moderated");
	/* Registers below a page are not mapped: nothing that is unmapped from root takes them
	 * away. */
	if (whole_pages(m))
		return 0;
	if (overlap(phys_range(m), (struct range){ l->hv_phys, l->hv_size }))
		return refuse(c, "phys", m->phys, l->hv_phys,
			      "registers outside the hypervisor's memory, which begins at @");
	if (p.pool_phys != CL_AUTO &&
	    overlap(phys_range(m), (struct range){ p.pool_phys, p.pool_size }))
		return refuse(c, "phys", m->phys, p.pool_phys,
			      "registers outside the pool, which begins at @");
	return 0;
}

static int check_memory_overlap(struct check *c, const struct cl_section *section,
				const struct cl_memory *m)
{
	struct cl_memory other;
	uint32_t i;

	for (i = 0; i < c->index; i++) {
		cl_get_entry(section, i, &other, sizeof(other));
		if (overlap(virt_range(m), virt_range(&other)))
			return refuse(c, "virt", m->virt, i,
				      "addresses that memory region @ of this config does not "
				      "have");
		if (overlap(phys_range(m), phys_range(&other)) &&
		    !(m->flags & other.flags & CL_MEM_SHARED))
			return refuse(c, "phys", m->phys, i,
				      "memory that memory region @ of this config does not have, "
				      "unless both are CL_MEM_SHARED");
		if (m->flags & other.flags & CL_MEM_COMM)
			return refuse(c, "flags", m->flags, i,
				      "no second comm region: memory region @ is one");
	}
	return 0;
}

static int check_memory(struct check *c)
{
	const struct cl_section *section = check_look_at(c, CL_SEC_MEMORY);
	struct cl_memory m;
	int err;

	/* all on their own first: the sums in the comparisons must not wrap */
	cl_for_each(section, c->index, m) {
		err = check_memory_flags(c, &m);
		if (!err)
			err = check_memory_place(c, &m);
		if (err)
			return err;
	}
	cl_for_each(section, c->index, m) {
		err = check_memory_holes(c, &m);
		if (!err)
			err = check_memory_overlap(c, section, &m);
		if (err)
			return err;
	}
	return 0;
}

static int check_entry(struct check *c)
{
	uint64_t entry = c->config->entry;
	struct cl_memory m;
	uint32_t i;

	if (is_root(c))
		return 0;
	c->object = "config";
	c->index = 0;
	cl_for_each(cl_find_section(c->config, CL_SEC_MEMORY), i, m)
		if (is_ram(&m) && (m.flags & CL_MEM_EXECUTE) && inside(entry, virt_range(&m)))
			return 0;
	return refuse(c, "entry", entry, CL_MEM_EXECUTE,
		      "an address in a RAM region of this config that has CL_MEM_EXECUTE (@)");
}

static bool same_chip(const struct cl_irqchip *a, const struct cl_irqchip *b)
{
	return a->address == b->address && a->first == b->first;
}

static int check_irqchips(struct check *c)
{
	const struct cl_section *section = check_look_at(c, CL_SEC_IRQCHIP);
	struct cl_irqchip chip, other;
	uint32_t i;
	int err;

	cl_for_each(section, c->index, chip) {
		err = check_range(c, "address", chip.address, PAGE, PAGE);
		if (err)
			return err;
		if (!(chip.pins[0] | chip.pins[1]))
			return refuse(c, "pins", 0, 1, "at least @ pin");
		err = arch_check(irqchip, c, &chip);
		if (err)
			return err;
		if (chip.reserved)
			return refuse(c, "reserved", chip.reserved, 0, "@");
		for (i = 0; i < c->index; i++) {
			cl_get_entry(section, i, &other, sizeof(other));
			if (same_chip(&chip, &other))
				return refuse(c, "address", chip.address, i,
					      "another controller than entry @: each once, with "
					      "all its pins");
		}
	}
	return 0;
}

static bool same_device(const struct cl_pci_device *a, const struct cl_pci_device *b)
{
	return a->bus == b->bus && a->devfn == b->devfn;
}

static uint64_t device_number(const struct cl_pci_device *device)
{
	return device->bus << 8 | device->devfn;
}

static int check_pci(struct check *c)
{
	const struct cl_section *section = check_look_at(c, CL_SEC_PCI);
	struct cl_pci_device device, other;
	uint32_t i;
	int err;

	cl_for_each(section, c->index, device) {
		if (device.domain)
			return refuse(c, "domain", device.domain, 0, "@: the only one supported");
		for (i = 0; i < sizeof(device.reserved); i++)
			if (device.reserved[i])
				return refuse(c, "reserved", device.reserved[i], 0, "@");
		err = arch_check(function, c, &device);
		if (err)
			return err;
		for (i = 0; i < c->index; i++) {
			cl_get_entry(section, i, &other, sizeof(other));
			if (same_device(&device, &other))
				return refuse(c, "devfn", device_number(&device), i,
					      "another device (bus << 8 | devfn) than entry @");
		}
	}
	return 0;
}

static bool has_comm(const struct cl_config *config)
{
	struct cl_memory m;
	uint32_t i;

	cl_for_each(cl_find_section(config, CL_SEC_MEMORY), i, m)
		if (m.flags & CL_MEM_COMM)
			return true;
	return false;
}

static int check_watchdog(struct check *c)
{
	const struct cl_section *section = check_look_at(c, CL_SEC_WATCHDOG);
	struct cl_watchdog w;

	if (!section)
		return 0;
	if (is_root(c))
		return refuse(c, "count", section->count, 0, "@: nobody could end the root cell");
	if (section->count != 1)
		return refuse(c, "count", section->count, 1, "@");
	cl_get_entry(section, 0, &w, sizeof(w));
	if (w.timeout_ms < CL_WATCHDOG_MIN)
		return refuse(c, "timeout_ms", w.timeout_ms, CL_WATCHDOG_MIN, "at least @");
	if (w.timeout_ms > CL_WATCHDOG_MAX)
		return refuse(c, "timeout_ms", w.timeout_ms, CL_WATCHDOG_MAX,
			      "at most @ (an hour)");
	if (w.reserved)
		return refuse(c, "reserved", w.reserved, 0, "@");
	if (!has_comm(c->config))
		return refuse(c, "timeout_ms", w.timeout_ms, CL_MEM_COMM,
			      "a memory region with CL_MEM_COMM (@): the cell kicks there");
	return 0;
}

int cl_check_config(const void *blob, uint64_t size, const struct cl_limits *limits,
		    struct cl_finding *finding)
{
	struct check c = { .config = blob, .limits = limits, .finding = finding };
	int err;

	*finding = (struct cl_finding){ 0 };
	err = check_header(&c, size);
	if (!err)
		err = check_sections(&c);
	if (!err)
		err = check_platform(&c);
	if (!err)
		err = check_cpus(&c);
	if (!err)
		err = check_irqchips(&c);
	if (!err)
		err = arch_check(sections, &c);
	if (!err)
		err = check_memory(&c);
	if (!err)
		err = check_entry(&c);
	if (!err)
		err = check_pci(&c);
	if (!err)
		err = check_watchdog(&c);
	return err;
}

static int pair_cpus(struct check *c, const struct cl_config *b)
{
	const struct cl_section *section = check_look_at(c, CL_SEC_CPUS);
	struct cl_cpu mine, theirs;
	uint32_t i;

	cl_for_each(section, c->index, mine)
		cl_for_each(cl_find_section(b, CL_SEC_CPUS), i, theirs)
			if (mine.id == theirs.id)
				return check_conflict(
					c, b, "id", mine.id, i,
					"a CPU that the other cell does not have (its CPU "
					"entry @)");
	return 0;
}

static int pair_memory(struct check *c, const struct cl_config *b)
{
	const struct cl_section *section = check_look_at(c, CL_SEC_MEMORY);
	struct cl_memory mine, theirs;
	uint32_t i;

	cl_for_each(section, c->index, mine)
		cl_for_each(cl_find_section(b, CL_SEC_MEMORY), i, theirs)
			if (overlap(phys_range(&mine), phys_range(&theirs)) &&
			    !(mine.flags & theirs.flags & CL_MEM_SHARED))
				return check_conflict(
					c, b, "phys", mine.phys, i,
					"memory that the other cell does not have (its "
					"memory region @), unless both are CL_MEM_SHARED");
	return 0;
}

static int pair_irqchips(struct check *c, const struct cl_config *b)
{
	const struct cl_section *section = check_look_at(c, CL_SEC_IRQCHIP);
	struct cl_irqchip mine, theirs;
	uint32_t i, word;

	cl_for_each(section, c->index, mine)
		cl_for_each(cl_find_section(b, CL_SEC_IRQCHIP), i, theirs)
			for (word = 0; word < 2; word++)
				if (same_chip(&mine, &theirs) &&
				    (mine.pins[word] & theirs.pins[word]))
					return check_conflict(
						c, b, "pins", mine.pins[word],
						mine.pins[word] & ~theirs.pins[word],
						"@: without the pins of the other cell");
	return 0;
}

static int pair_pci(struct check *c, const struct cl_config *b)
{
	const struct cl_section *section = check_look_at(c, CL_SEC_PCI);
	struct cl_pci_device mine, theirs;
	uint32_t i;

	cl_for_each(section, c->index, mine)
		cl_for_each(cl_find_section(b, CL_SEC_PCI), i, theirs)
			if (same_device(&mine, &theirs))
				return check_conflict(
					c, b, "devfn", device_number(&mine), i,
					"a device (bus << 8 | devfn) that the other cell "
					"does not have (its entry @)");
	return 0;
}

static int pair_names(struct check *c, const struct cl_config *b)
{
	uint32_t i;

	c->object = "config";
	c->index = 0;
	for (i = 0; c->config->name[i] == b->name[i]; i++)
		if (!b->name[i])
			return check_conflict(
				c, b, "name", i, 0,
				"a name that no other cell has: rename one of the two");
	return 0;
}

int cl_check_pair(const struct cl_config *a, const struct cl_config *b, struct cl_finding *finding)
{
	struct check c = { .config = a, .finding = finding };
	int err;

	*finding = (struct cl_finding){ 0 };
	copy_text(finding->cell, a->name, CL_NAME_LEN);
	err = pair_names(&c, b);
	if (!err)
		err = pair_cpus(&c, b);
	if (!err)
		err = pair_memory(&c, b);
	if (!err)
		err = arch_check(pair, &c, b);
	if (!err)
		err = pair_irqchips(&c, b);
	if (!err)
		err = pair_pci(&c, b);
	return err;
}

/*
 * The end of what root has for a region with these flags from address on, or address itself if root
 * does not have it. Device registers of root's are not RAM of a cell: that is zeroed at its end.
 */
static uint64_t root_memory_end(const struct cl_config *root, const struct cl_platform *p,
				uint64_t address, uint64_t flags)
{
	struct cl_memory theirs;
	uint32_t i;

	if (p->pool_phys != CL_AUTO &&
	    inside(address, (struct range){ p->pool_phys, p->pool_size }))
		return p->pool_phys + p->pool_size;
	cl_for_each(cl_find_section(root, CL_SEC_MEMORY), i, theirs)
		if (inside(address, virt_range(&theirs)) && !(flags & CL_MEM_RAM & ~theirs.flags) &&
		    (flags & CL_MEM_IO || !(theirs.flags & CL_MEM_IO)))
			return theirs.virt + theirs.size;
	return address;
}

static int root_memory(struct check *c, const struct cl_config *root)
{
	const struct cl_section *section = check_look_at(c, CL_SEC_MEMORY);
	uint64_t pool_taken = 0;
	struct cl_platform p;
	struct cl_memory m;

	cl_get_entry(cl_find_section(root, CL_SEC_PLATFORM), 0, &p, sizeof(p));
	cl_for_each(section, c->index, m) {
		struct range mine = phys_range(&m);
		uint64_t at, next;

		if (m.phys == CL_AUTO) {
			if (m.size > p.pool_size - pool_taken)
				return refuse(c, "size", m.size, p.pool_size,
					      "CL_AUTO regions that together fit into the root "
					      "config's pool_size, @");
			pool_taken += m.size;
		}
		if (p.hv_phys != CL_AUTO && overlap(mine, (struct range){ p.hv_phys, p.hv_size }))
			return refuse(c, "phys", m.phys, p.hv_phys,
				      "memory outside the hypervisor's own, which begins at @");
		for (at = mine.start; at - mine.start < mine.size; at = next) {
			next = root_memory_end(root, &p, at, m.flags);
			if (next == at)
				return refuse(c, "phys", m.phys, at,
					      "memory that the root config or its pool has with "
					      "the same access and kind (CL_MEM_IO); @ is the "
					      "first address that is not");
		}
	}
	return 0;
}

static int root_irqchips(struct check *c, const struct cl_config *root)
{
	const struct cl_section *section = check_look_at(c, CL_SEC_IRQCHIP);
	struct cl_irqchip mine, theirs;
	uint32_t i, word;

	cl_for_each(section, c->index, mine) {
		bool known = false;

		cl_for_each(cl_find_section(root, CL_SEC_IRQCHIP), i, theirs) {
			if (!same_chip(&mine, &theirs))
				continue;
			known = true;
			for (word = 0; word < 2; word++)
				if (mine.pins[word] & ~theirs.pins[word])
					return refuse(c, "pins", mine.pins[word], theirs.pins[word],
						      "pins out of @, which the root config has");
		}
		if (!known)
			return refuse(c, "address", mine.address, 0,
				      "an interrupt controller that the root config has");
	}
	return 0;
}

static int root_pci(struct check *c, const struct cl_config *root)
{
	const struct cl_section *all = cl_find_section(root, CL_SEC_PCI);
	const struct cl_section *section = check_look_at(c, CL_SEC_PCI);
	struct cl_pci_device mine, theirs;
	uint32_t i;

	/* a root config without a list has every device */
	if (!all)
		return 0;
	cl_for_each(section, c->index, mine) {
		bool known = false;

		cl_for_each(all, i, theirs)
			known |= same_device(&mine, &theirs);
		if (!known)
			return refuse(c, "devfn", device_number(&mine), 0,
				      "a device (bus << 8 | devfn) that the root config lists");
	}
	return 0;
}

int cl_check_against_root(const struct cl_config *cell, const struct cl_config *root,
			  struct cl_finding *finding)
{
	struct check c = { .config = cell, .finding = finding };
	int err;

	*finding = (struct cl_finding){ 0 };
	copy_text(finding->cell, cell->name, CL_NAME_LEN);
	err = pair_names(&c, root);
	if (!err)
		err = root_memory(&c, root);
	if (!err)
		err = arch_check(root, &c, root);
	if (!err)
		err = root_irqchips(&c, root);
	if (!err)
		err = root_pci(&c, root);
	return err;
}
