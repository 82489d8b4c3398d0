// SPDX-License-Identifier: GPL-2.0
/*
 * Cells: create, load, start, stop, destroy. Every change is checked completely before anything is
 * changed; only what can fail for want of memory while root's tables are split is rolled back.
 */
#include <arch.h>
#include <cell.h>
#include <log.h>
#include <page.h>

struct cell root_cell;
struct cell *cells[CONFIG_MAX_CELLS];

/* Held during management calls. A second caller gets -EAGAIN: nobody spins for long on a lock. */
static struct lock management;
static struct lock disable_lock; /* protects the next one, held for a few instructions */
static bool disabling;
static bool all_locked; /* until the machine is reset */

/* Bytes that one CL_HC_CELL_SCRUB zeroes at most: bounds the time that the caller is held. */
#define SCRUB_BYTES (128 * 1024UL)

bool config_region(const struct cl_config *config, uint32_t index, struct cl_memory *region)
{
	const struct cl_section *section = cl_find_section(config, CL_SEC_MEMORY);

	if (!section || index >= section->count)
		return false;
	cl_get_entry(section, index, region, sizeof(*region));
	return true;
}

/* Memory that leaves root when the cell gets it. */
static bool taken_from_root(const struct cl_memory *region)
{
	return !(region->flags & (CL_MEM_SHARED | CL_MEM_COMM));
}

static bool is_ram(const struct cl_memory *region)
{
	return taken_from_root(region) && !(region->flags & CL_MEM_IO);
}

static uint64_t page_floor(uint64_t address)
{
	return address & PAGE_MASK;
}

static bool whole_pages(const struct cl_memory *region)
{
	return !((region->phys | region->virt | region->size) & ~PAGE_MASK);
}

/*
 * Registers below a page that cells have: start to end - 1, end 0: unused. Root's CPUs look here
 * while others create and destroy cells, and have all come by before a cell begins to run.
 */
static struct {
	uint64_t start, end;
} taken_registers[32];

bool cell_registers_taken(uint64_t phys, unsigned int size)
{
	for (unsigned int i = 0; i < ARRAY_SIZE(taken_registers); i++)
		if (phys < READ_ONCE(taken_registers[i].end) &&
		    READ_ONCE(taken_registers[i].start) < phys + size)
			return true;
	return false;
}

/* Map for root, one to one, what part of a region of its config lies in [start, end). */
static int map_part(const struct cl_memory *region, uint64_t start, uint64_t end)
{
	struct cl_memory part = *region;

	if (start < region->phys)
		start = region->phys;
	if (end > region->phys + region->size)
		end = region->phys + region->size;
	if (start >= end || !whole_pages(region))
		return 0;
	part.phys = part.virt = start;
	part.size = end - start;
	return arch_map(&root_cell, &part);
}

/*
 * Root has the memory of a region of a cell, as its own config says: whole pages, and the pool. A
 * page with registers of another cell stays away.
 */
static int give_to_root(const struct cl_memory *region)
{
	uint64_t start = page_floor(region->phys);
	uint64_t end = ALIGN_UP(region->phys + region->size, PAGE_SIZE);
	struct cl_platform platform;
	struct cl_memory roots;
	int err;

	if (!whole_pages(region)) {
		for (unsigned int i = 0; i < ARRAY_SIZE(taken_registers); i++)
			if (taken_registers[i].start == region->phys)
				WRITE_ONCE(taken_registers[i].end, 0);
		if (cell_registers_taken(start, PAGE_SIZE))
			return 0;
	}
	for_each_region(root_cell.config, i, roots) {
		err = map_part(&roots, start, end);
		if (err)
			return err;
	}
	cl_get_entry(cl_find_section(root_cell.config, CL_SEC_PLATFORM), 0, &platform,
		     sizeof(platform));
	roots = (struct cl_memory){ .phys = platform.pool_phys,
				    .virt = platform.pool_phys,
				    .size = platform.pool_size,
				    .flags = CL_MEM_RAM };
	return map_part(&roots, start, end);
}

/* Of registers below a page the whole page leaves root's mappings, and what is the cell's is noted.
 */
static int take_from_root(const struct cl_memory *region)
{
	uint64_t start = page_floor(region->phys);
	unsigned int i = 0;
	int err;

	err = arch_unmap(&root_cell, start,
			 ALIGN_UP(region->phys + region->size, PAGE_SIZE) - start);
	if (err || whole_pages(region))
		return err;
	while (i < ARRAY_SIZE(taken_registers) && taken_registers[i].end)
		i++;
	if (i == ARRAY_SIZE(taken_registers))
		return -ENOSPC;
	WRITE_ONCE(taken_registers[i].start, region->phys);
	WRITE_ONCE(taken_registers[i].end, region->phys + region->size);
	return 0;
}

/* Make every CPU of root, this one included, and its devices forget what was unmapped. */
static void flush_root(void)
{
	struct cpu *self = arch_this_cpu();

	for_each_cpu_in(&root_cell, i)
		if (&cpus[i] != self)
			cpu_post(&cpus[i], CPU_EV_FLUSH);
	arch_flush_guest_tlb(self);
	arch_flush_devices();
	for_each_cpu_in(&root_cell, i)
		if (&cpus[i] != self)
			cpu_wait(&cpus[i], CPU_EV_FLUSH);
}

int cell_refuse(int error, const char *object, const char *field, uint64_t found, uint64_t expected,
		const char *rule)
{
	struct cl_finding *finding = &info.head.finding;

	memset(finding, 0, sizeof(*finding));
	finding->error = -error;
	finding->found = found;
	finding->expected = expected;
	copy_string(finding->object, object, sizeof(finding->object));
	copy_string(finding->field, field, sizeof(finding->field));
	copy_string(finding->rule, rule, sizeof(finding->rule));
	return -error;
}

/* Root has changed the state of a cell, or has seen its change. */
static void managed(const struct cell *cell, enum cl_event event, const char *what)
{
	log_event(CL_LOG_INFO, CL_NO_CELL, event, cell->id, "cell '%s' (%u) %s", cell->info->name,
		  cell->id, what);
}

static void assign_cpu(struct cpu *cpu, struct cell *cell)
{
	struct cl_cell_info *old = cpu->cell->info;

	check_invariant(cpu->parked && cpu->id < cpu_count);
	old->cpus[cpu->id / 64] &= ~BIT(cpu->id % 64);
	cell->info->cpus[cpu->id / 64] |= BIT(cpu->id % 64);
	cpu->cell = cell;
	cpu->info->cell = cell->id;
	memset(cpu->info->exits, 0, sizeof(cpu->info->exits));
}

/* The cell of a management call; root itself is not managed. */
static struct cell *managed_cell(uint64_t id)
{
	if (id == 0 || id >= CONFIG_MAX_CELLS)
		return NULL;
	return cells[index_nospec(id, CONFIG_MAX_CELLS)];
}

int cell_init_root(const struct cl_config *config)
{
	struct cl_cell_info *slot = &info.cells[0];
	struct cl_memory region;
	int err;

	disabling = false;
	all_locked = false;
	memset(cells, 0, sizeof(cells));
	memset(taken_registers, 0, sizeof(taken_registers));
	memset(&root_cell, 0, sizeof(root_cell));
	root_cell.config = config;
	root_cell.info = slot;
	slot->state = CL_STATE_RUNNING;
	slot->flags = config->flags;
	slot->generation = 1;
	copy_string(slot->name, config->name, sizeof(slot->name));
	for_each_cpu(i) {
		slot->cpus[i / 64] |= BIT(i % 64);
		cpus[i].cell = &root_cell;
	}
	err = arch_cell_init(&root_cell);
	if (err)
		return cell_refuse(
			-err, "platform", "hv_size", info.head.hv_size, 0,
			"not enough hypervisor memory for the root cell; enlarge hv_size");
	for_each_region(config, i, region) {
		err = arch_map(&root_cell, &region);
		if (err)
			return cell_refuse(
				-err, "memory region", "size", region.size, 0,
				"not enough hypervisor memory to map it; enlarge hv_size");
		if (!(region.flags & CL_MEM_IO))
			slot->memory += region.size;
	}
	/* The info region is for reading, the rest of the hypervisor's memory is not there. */
	err = arch_unmap(&root_cell, info.head.hv_phys, info.head.hv_size);
	if (!err) {
		struct cl_memory window = { .phys = virt_to_phys(&info),
					    .virt = virt_to_phys(&info),
					    .size = sizeof(info),
					    .flags = CL_MEM_READ };

		err = arch_map(&root_cell, &window);
	}
	if (err)
		return cell_refuse(-err, "platform", "hv_size", info.head.hv_size, 0,
				   "not enough hypervisor memory; enlarge hv_size");
	cells[0] = &root_cell;
	return 0;
}

/* Copy the blob out of root's memory: what is checked is then what is used. */
static struct cl_config *fetch_config(uint64_t phys, uint64_t size, unsigned int *pages)
{
	unsigned char *copy;
	uint64_t done = 0;

	if (size < sizeof(struct cl_config) || size > CL_CONFIG_MAX) {
		cell_refuse(EINVAL, "config", "total_size", size, CL_CONFIG_MAX,
			    "a config has at least a header and at most this size");
		return NULL;
	}
	*pages = (unsigned int)(ALIGN_UP(size, PAGE_SIZE) / PAGE_SIZE);
	copy = page_alloc(*pages);
	if (!copy) {
		cell_refuse(ENOMEM, "config", "total_size", size, page_count_free() * PAGE_SIZE,
			    "hypervisor memory is used up; destroy a cell or enlarge hv_size");
		return NULL;
	}
	while (done < size) {
		uint64_t host = arch_translate(&root_cell, phys + done, CL_MEM_READ);
		uint64_t offset = (phys + done) & ~PAGE_MASK;
		uint64_t piece = MIN(size - done, PAGE_SIZE - offset);

		if (host == ~0UL) {
			cell_refuse(EINVAL, "config", "address", phys + done, 0,
				    "root does not own the memory that the config is in");
			page_free(copy, *pages);
			return NULL;
		}
		memcpy(copy + done, (char *)arch_window(host & PAGE_MASK) + offset, piece);
		arch_window_close();
		done += piece;
	}
	return (struct cl_config *)copy;
}

/* Everything that can be wrong with a new cell; nothing is changed. */
static int check_new_cell(const struct cl_config *config, uint64_t size)
{
	struct cl_finding *finding = &info.head.finding;
	const struct cl_section *section;
	struct cl_limits limits;
	struct cl_memory region;
	int err;

	arch_limits(&limits);
	err = cl_check_config(config, size, &limits, finding);
	if (err)
		return err;
	if (config->flags & CL_CELL_ROOT)
		return cell_refuse(EINVAL, "config", "flags", config->flags, 0,
				   "this is a root cell's config; hvctl enable takes it");
	err = cl_check_against_root(config, root_cell.config, finding);
	if (err)
		return err;
	for (unsigned int i = 1; i < CONFIG_MAX_CELLS; i++) {
		if (!cells[i])
			continue;
		err = cl_check_pair(config, cells[i]->config, finding);
		if (err)
			return err;
	}
	for_each_region(config, i, region) {
		if (region.flags & CL_MEM_COMM)
			continue;
		if (region.phys == CL_AUTO)
			return cell_refuse(EINVAL, "memory region", "phys", CL_AUTO, 0,
					   "the driver has to fill in addresses that say CL_AUTO");
	}
	section = cl_find_section(config, CL_SEC_CPUS);
	for (uint32_t i = 0; i < section->count; i++) {
		struct cl_cpu entry;

		cl_get_entry(section, i, &entry, sizeof(entry));
		if (entry.id >= cpu_count || cpus[entry.id].cell != &root_cell)
			return cell_refuse(EBUSY, "CPU", "id", entry.id, cpu_count,
					   "root does not own this CPU; see hvctl cell list");
		if (&cpus[entry.id] == arch_this_cpu())
			return cell_refuse(
				EBUSY, "CPU", "id", entry.id, 0,
				"this CPU is executing the request; take it offline first");
	}
	return 0;
}

static void free_cell(struct cell *cell)
{
	arch_cell_exit(cell);
	page_free(cell->comm, cell->comm ? 1 : 0);
	page_free((void *)cell->config, cell->config_pages);
	cells[cell->id] = NULL;
	cell->info->state = CL_STATE_UNUSED;
	cell->info->locked = 0;
	page_free(cell, 1);
}

static struct cell *new_cell(const struct cl_config *config, unsigned int config_pages)
{
	const struct cl_section *watchdog = cl_find_section(config, CL_SEC_WATCHDOG);
	struct cl_watchdog dog;
	struct cl_memory region;
	struct cell *cell;
	uint32_t id;
	int err;

	_Static_assert(sizeof(struct cell) <= PAGE_SIZE, "struct cell outgrew its page");
	for (id = 1; id < CONFIG_MAX_CELLS && cells[id]; id++)
		;
	if (id == CONFIG_MAX_CELLS) {
		cell_refuse(ENOSPC, "config", "name", id, CONFIG_MAX_CELLS - 1,
			    "as many cells exist as this build allows (CONFIG_MAX_CELLS)");
		return NULL;
	}
	cell = page_alloc(1);
	if (!cell)
		goto no_memory;
	cell->id = id;
	cell->config = config;
	cell->info = &info.cells[id];
	if (watchdog) {
		cl_get_entry(watchdog, 0, &dog, sizeof(dog));
		cell->watchdog_ms = dog.timeout_ms;
	}
	err = arch_cell_init(cell);
	if (err) {
		page_free(cell, 1);
		if (err == -ENOMEM)
			goto no_memory;
		return NULL; /* the architecture has said why */
	}
	cells[id] = cell;
	cell->info->generation++;
	cell->info->flags = config->flags;
	cell->info->memory = 0;
	memset(cell->info->cpus, 0, sizeof(cell->info->cpus));
	copy_string(cell->info->name, config->name, sizeof(cell->info->name));
	cell->info->id = id;
	cell->info->console_written = 0;
	cell->info->console_offset = 0;
	log_forget_cell(id);
	if (config->flags & CL_CELL_VUART) {
		memset(info.consoles[id], 0, CL_CONSOLE_SIZE);
		uart_init(&cell->uart, cell, info.consoles[id], &cell->info->console_written);
		cell->info->console_offset =
			offsetof(struct info_region, consoles) + id * CL_CONSOLE_SIZE;
	}
	for_each_region(config, i, region) {
		if (is_ram(&region))
			cell->info->memory += region.size;
		if (region.flags & CL_MEM_COMM) {
			cell->comm = page_alloc(1);
			if (!cell->comm) {
				free_cell(cell);
				goto no_memory;
			}
			region.phys = virt_to_phys(cell->comm);
			region.flags = CL_MEM_READ | CL_MEM_WRITE;
		}
		if (arch_map(cell, &region)) {
			free_cell(cell);
			goto no_memory;
		}
	}
	cell->config_pages = config_pages; /* from here on free_cell() frees it too */
	return cell;

no_memory:
	cell_refuse(
		ENOMEM, "config", "name", page_count_free() * PAGE_SIZE, 0,
		"hypervisor memory is used up; destroy a cell or enlarge hv_size in the root config");
	return NULL;
}

static int64_t create_locked(uint64_t config_phys, uint64_t size)
{
	unsigned int used_before = (unsigned int)(page_bytes_used() / PAGE_SIZE);
	const struct cl_section *section;
	struct cl_memory region;
	struct cl_config *config;
	struct cell *cell;
	unsigned int config_pages;
	int err;

	if (all_locked)
		return cell_refuse(EPERM, "platform", "lock", 1, 0,
				   "all is locked (hvctl lock) until the machine is reset");
	if (disabling)
		return -EBUSY;
	config = fetch_config(config_phys, size, &config_pages);
	if (!config)
		return info.head.finding.error;
	err = check_new_cell(config, size);
	if (err) {
		page_free(config, config_pages);
		return err;
	}
	cell = new_cell(config, config_pages);
	if (!cell) {
		page_free(config, config_pages);
		return info.head.finding.error;
	}

	/* Root keeps loadable memory until the start; the rest leaves it now. */
	for_each_region(config, i, region) {
		if (!taken_from_root(&region) || region.flags & CL_MEM_LOADABLE)
			continue;
		err = take_from_root(&region);
		if (err)
			goto give_back;
	}
	cell->loadable = true;
	flush_root();

	section = cl_find_section(config, CL_SEC_CPUS);
	for (uint32_t i = 0; i < section->count; i++) {
		struct cl_cpu entry;

		cl_get_entry(section, i, &entry, sizeof(entry));
		cpu_post(&cpus[entry.id], CPU_EV_PARK);
		if (!cpu_wait(&cpus[entry.id], CPU_EV_PARK)) {
			err = cell_refuse(EIO, "CPU", "id", entry.id, 0, "it does not answer");
			goto give_back;
		}
		assign_cpu(&cpus[entry.id], cell);
	}
	arch_stop_devices(cell);
	cell->info->hv_memory = page_bytes_used() - used_before * PAGE_SIZE + CL_CONSOLE_SIZE;
	info.head.mem_used = info.head.mem_image + page_bytes_used();
	cell->info->state = CL_STATE_STOPPED;
	managed(cell, CL_EVENT_CREATED, "created");
	return cell->id;

give_back:
	/* Mapping back what was just unmapped finds all tables in place: it cannot fail. */
	for_each_cpu_in(cell, i) {
		assign_cpu(&cpus[i], &root_cell);
		cpu_post(&cpus[i], CPU_EV_WAIT);
	}
	for_each_region(config, i, region)
		if (taken_from_root(&region))
			(void)give_to_root(&region);
	free_cell(cell);
	if (err == -ENOMEM)
		cell_refuse(ENOMEM, "config", "name", 0, 0,
			    "hypervisor memory is used up; enlarge hv_size in the root config");
	if (err == -ENOSPC)
		cell_refuse(ENOSPC, "memory region", "size", ARRAY_SIZE(taken_registers) + 1,
			    ARRAY_SIZE(taken_registers),
			    "regions below a page, @ at most in all cells together");
	return err;
}

int64_t cell_create(uint64_t config_phys, uint64_t size)
{
	int64_t result;

	if (!lock_try(&management))
		return -EAGAIN;
	memset(&info.head.finding, 0, sizeof(info.head.finding));
	result = create_locked(config_phys, size);
	lock_drop(&management);
	return result;
}

/* Stop all CPUs of a cell: they wait in the hypervisor, registers reset when they start again. */
static int park_cpus(struct cell *cell)
{
	for_each_cpu_in(cell, i)
		cpu_post(&cpus[i], CPU_EV_PARK);
	for_each_cpu_in(cell, i)
		if (!cpu_wait(&cpus[i], CPU_EV_PARK))
			return -EIO;
	return 0;
}

static int loadable_to_root(struct cell *cell)
{
	struct cl_memory region;
	int err;

	for_each_region(cell->config, i, region) {
		if (!(region.flags & CL_MEM_LOADABLE))
			continue;
		err = give_to_root(&region);
		if (err)
			return err;
	}
	cell->loadable = true;
	return 0;
}

static int64_t set_loadable_locked(struct cell *cell)
{
	int err;

	if (!cell)
		return -ENOENT;
	if (cell->info->state == CL_STATE_DESTROYING)
		return -EBUSY;
	err = park_cpus(cell);
	if (err)
		return err;
	arch_stop_devices(cell);
	if (cell->info->state != CL_STATE_STOPPED)
		managed(cell, CL_EVENT_STOPPED, "stopped by root");
	cell->info->state = CL_STATE_STOPPED;
	return cell->loadable ? 0 : loadable_to_root(cell);
}

static void fill_comm(struct cell *cell)
{
	const struct cl_section *section = cl_find_section(cell->config, CL_SEC_CPUS);
	struct cl_comm *comm = cell->comm;

	memset(comm, 0, PAGE_SIZE);
	comm->magic = CL_COMM_MAGIC;
	comm->abi_version = CL_ABI_VERSION;
	comm->tsc_khz = info.head.tsc_khz;
	comm->cell_state = CL_STATE_RUNNING;
	comm->cpu_count = MIN(section->count, CL_COMM_MAX_CPUS);
	for (uint32_t i = 0; i < comm->cpu_count; i++) {
		struct cl_cpu entry;

		cl_get_entry(section, i, &entry, sizeof(entry));
		comm->hw_ids[i] = cpus[entry.id].hw_id;
	}
	arch_fill_comm(comm);
}

static int64_t start_locked(struct cell *cell, uint64_t now)
{
	struct arch_start entry;
	struct cl_memory region;
	struct cl_cpu first;
	int err;

	if (!cell)
		return -ENOENT;
	if (cell->info->state != CL_STATE_STOPPED && cell->info->state != CL_STATE_SHUT_DOWN &&
	    cell->info->state != CL_STATE_FAILED && cell->info->state != CL_STATE_RESET)
		return -EBUSY;
	if (cell->loadable) {
		for_each_region(cell->config, i, region) {
			if (!(region.flags & CL_MEM_LOADABLE))
				continue;
			err = take_from_root(&region);
			if (err) {
				(void)loadable_to_root(cell);
				return err;
			}
		}
		cell->loadable = false;
		flush_root();
	}
	if (cell->comm)
		fill_comm(cell);
	cell->denied = 0;
	cell->pci_sizing = 0;
	cell->start_ns = now;
	cell->watchdog_seen = arch_timestamp();
	uart_restart(&cell->uart);
	arch_cell_entry(cell, &entry);
	cl_get_entry(cl_find_section(cell->config, CL_SEC_CPUS), 0, &first, sizeof(first));
	/* All CPUs forget their past and wait; then the first one starts. */
	for_each_cpu_in(cell, i)
		cpu_post(&cpus[i], CPU_EV_WAIT);
	for_each_cpu_in(cell, i)
		if (!cpu_wait(&cpus[i], CPU_EV_WAIT))
			return -EIO;
	err = arch_start_devices(cell);
	if (err)
		return err;
	cell->info->state = CL_STATE_RUNNING;
	cell->locked = cell->config->flags & CL_CELL_LOCKED;
	cell->info->locked = cell->locked;
	cpus[first.id].start = entry;
	/* Before anything that it can do. */
	managed(cell, CL_EVENT_STARTED, "started");
	cpu_post(&cpus[first.id], CPU_EV_START);
	return 0;
}

static int64_t destroy_locked(struct cell *cell)
{
	int err;

	if (!cell)
		return -ENOENT;
	if (cell->info->state == CL_STATE_DESTROYING)
		return 0;
	err = park_cpus(cell);
	if (err)
		return err;
	arch_stop_devices(cell);
	cell->info->state = CL_STATE_DESTROYING;
	cell->scrubbed = 0;
	for_each_cpu_in(cell, i) {
		assign_cpu(&cpus[i], &root_cell);
		cpu_post(&cpus[i], CPU_EV_WAIT);
	}
	if (cell->loadable) {
		struct cl_memory region;

		/* Root must not see the memory while it is being zeroed, and cannot keep what it
		 * put there. */
		for_each_region(cell->config, i, region)
			if (region.flags & CL_MEM_LOADABLE)
				(void)take_from_root(&region);
		cell->loadable = false;
		flush_root();
	}
	managed(cell, CL_EVENT_DESTROYED, "destroyed");
	return 0;
}

/* Zero the next SCRUB_BYTES of the cell's RAM, counted over its regions. Returns what remains. */
static uint64_t scrub_piece(struct cell *cell)
{
	uint64_t position = 0, budget = SCRUB_BYTES;
	struct cl_memory region;

	for_each_region(cell->config, i, region) {
		if (!is_ram(&region) || !(region.flags & CL_MEM_WRITE))
			continue;
		while (budget && cell->scrubbed >= position &&
		       cell->scrubbed < position + region.size) {
			memset(arch_window(region.phys + cell->scrubbed - position), 0, PAGE_SIZE);
			cell->scrubbed += PAGE_SIZE;
			budget -= PAGE_SIZE;
		}
		position += region.size;
	}
	arch_window_close();
	return position - cell->scrubbed;
}

static int64_t scrub_locked(struct cell *cell)
{
	struct cl_memory region;
	uint64_t remaining;
	int err;

	if (!cell)
		return -ENOENT;
	if (cell->info->state != CL_STATE_DESTROYING)
		return -EBUSY;
	remaining = scrub_piece(cell);
	if (remaining)
		return (int64_t)remaining;
	for_each_region(cell->config, i, region) {
		if (!taken_from_root(&region))
			continue;
		err = give_to_root(&region);
		if (err)
			return err;
	}
	free_cell(cell);
	info.head.mem_used = info.head.mem_image + page_bytes_used();
	return 0;
}

static int64_t state_locked(struct cell *cell)
{
	arch_poll_devices();
	if (!cell)
		return -ENOENT;
	/* The cell says goodbye in its comm region; here it is believed. */
	if (cell->info->state == CL_STATE_RUNNING && cell->comm &&
	    READ_ONCE(cell->comm->cell_state) == CL_STATE_SHUT_DOWN) {
		int err = park_cpus(cell);

		if (err)
			return err;
		cell->info->state = CL_STATE_SHUT_DOWN;
		managed(cell, CL_EVENT_SHUT_DOWN, "shut down");
	}
	return cell->info->state;
}

/*
 * Whether its time is over the hypervisor says by its own clock: root, which also calls when it is
 * locked out, cannot end a cell that kicks. The cell can write anything there at any time.
 */
static int64_t watchdog_locked(struct cell *cell)
{
	uint64_t now = arch_timestamp();
	uint32_t *word, found;
	int err;

	if (!cell)
		return -ENOENT;
	if (!cell->watchdog_ms || cell->info->state != CL_STATE_RUNNING)
		return 0;
	word = &cell->comm->watchdog;
	arch_sync_uncached(word, sizeof(*word));
	found = __atomic_load_n(word, __ATOMIC_SEQ_CST) & (CL_WATCHDOG_ARMED | CL_WATCHDOG_KICKED);
	if (found & CL_WATCHDOG_KICKED) {
		__atomic_fetch_and(word, ~(uint32_t)CL_WATCHDOG_KICKED, __ATOMIC_SEQ_CST);
		arch_sync_uncached(word, sizeof(*word));
	}
	if (found != CL_WATCHDOG_ARMED) {
		cell->watchdog_seen = arch_timestamp(); /* not before that */
		return found;
	}
	/* Below 0: the counters of two CPUs are not quite the same. */
	if ((int64_t)(now - cell->watchdog_seen) <=
	    (int64_t)(cell->watchdog_ms * arch_ticks_per_ms()))
		return found;
	err = park_cpus(cell);
	if (err)
		return err;
	/* It can have come to another end meanwhile. */
	if (cell->info->state == CL_STATE_RUNNING) {
		log_event(CL_LOG_ERROR, cell->id, CL_EVENT_FAILED, cell->id,
			  "cell '%s' (%u): its watchdog was not kicked for %u ms", cell->info->name,
			  cell->id, cell->watchdog_ms);
		cell->info->state = CL_STATE_FAILED;
	}
	return found;
}

static bool is_locked(const struct cell *cell)
{
	return all_locked || (cell && cell->locked);
}

static inline __attribute__((always_inline)) int64_t
with_lock(uint64_t id, int64_t (*operation)(struct cell *cell))
{
	struct cell *cell;
	int64_t result;

	if (!lock_try(&management))
		return -EAGAIN;
	cell = managed_cell(id);
	result = is_locked(cell) && operation != state_locked && operation != watchdog_locked
			 ? -EPERM
			 : operation(cell);
	lock_drop(&management);
	return result;
}

int64_t cell_set_loadable(uint64_t id)
{
	return with_lock(id, set_loadable_locked);
}

int64_t cell_start(uint64_t id, uint64_t now)
{
	struct cell *cell;
	int64_t result;

	if (!lock_try(&management))
		return -EAGAIN;
	cell = managed_cell(id);
	result = is_locked(cell) ? -EPERM : start_locked(cell, now);
	lock_drop(&management);
	return result;
}

int64_t cell_destroy(uint64_t id)
{
	return with_lock(id, destroy_locked);
}

int64_t cell_scrub(uint64_t id)
{
	return with_lock(id, scrub_locked);
}

int64_t cell_state(uint64_t id)
{
	return with_lock(id, state_locked);
}

/* Operating systems do not look into the comm region, but know what a power button is. */
static int64_t give_message(struct cell *cell, uint32_t message)
{
	bool heard = cell->comm;

	if (cell->info->state != CL_STATE_RUNNING)
		return -ENODEV;
	if (cell->comm)
		WRITE_ONCE(cell->comm->message, message);
	if (message == CL_MSG_SHUTDOWN && arch_press_button(cell))
		heard = true;
	return heard ? 0 : -ENODEV;
}

int64_t cell_watchdog(uint64_t id)
{
	return with_lock(id, watchdog_locked);
}

int64_t cell_message(uint64_t id, uint64_t message)
{
	struct cell *cell;
	int64_t result = 0;

	if (!lock_try(&management))
		return -EAGAIN;
	cell = managed_cell(id);
	if (is_locked(cell))
		result = -EPERM;
	else if (!cell)
		result = -ENOENT;
	else
		result = give_message(cell, (uint32_t)message);
	lock_drop(&management);
	return result;
}

int64_t cell_console_write(uint64_t id, uint64_t count, uint64_t bytes)
{
	struct cell *cell;
	int64_t result;

	if (count < 1 || count > sizeof(bytes))
		return -EINVAL;
	if (!lock_try(&management))
		return -EAGAIN;
	cell = managed_cell(id);
	if (is_locked(cell))
		result = -EPERM;
	else if (!cell)
		result = -ENOENT;
	else if (!(cell->config->flags & CL_CELL_VUART))
		result = -ENODEV;
	else
		result = uart_receive(&cell->uart, (const uint8_t *)&bytes, (unsigned int)count);
	lock_drop(&management);
	return result;
}

static int64_t lock_all_locked(void)
{
	for (unsigned int i = 1; i < CONFIG_MAX_CELLS; i++) {
		if (!cells[i])
			continue;
		if (cells[i]->loadable || cells[i]->info->state == CL_STATE_DESTROYING)
			return cell_refuse(
				EBUSY, cells[i]->info->name, "state", cells[i]->info->state,
				CL_STATE_RUNNING,
				"a cell whose memory root cannot reach: start or destroy it");
	}
	all_locked = true;
	info.head.flags |= CL_INFO_LOCKED;
	log_info("all cells are locked until the machine is reset");
	return 0;
}

int64_t cell_lock_all(void)
{
	int64_t result;

	if (!lock_try(&management))
		return -EAGAIN;
	memset(&info.head.finding, 0, sizeof(info.head.finding));
	result = all_locked || disabling ? -EPERM : lock_all_locked();
	lock_drop(&management);
	return result;
}

/* No management lock: a cell must not wait for root. A call of root sees the lock or it does not. */
int64_t cell_release(void)
{
	struct cell *cell = arch_this_cpu()->cell;

	if (!cell->locked)
		return -EINVAL;
	cell->locked = false;
	cell->info->locked = 0;
	log_write(CL_LOG_INFO, cell->id, "cell '%s' has released its lock", cell->info->name);
	return 0;
}

bool cell_any_locked(void)
{
	bool locked = all_locked;

	for (unsigned int i = 1; i < CONFIG_MAX_CELLS; i++)
		locked = locked || info.cells[i].locked;
	return locked;
}

int cell_map_to_root(const struct cl_memory *region)
{
	int err;

	if (!lock_try(&management))
		return -EAGAIN;
	/* A page in which a cell has registers is nobody's as a whole. */
	err = cell_registers_taken(region->phys, (unsigned int)region->size)
		      ? -EBUSY
		      : arch_map(&root_cell, region);
	lock_drop(&management);
	return err;
}

bool cell_management_begin(void)
{
	if (!lock_try(&management))
		return false;
	arch_poll_devices();
	return true;
}

void cell_management_end(void)
{
	lock_drop(&management);
}

int cell_begin_disable(void)
{
	int err = 0;

	/* All of root's CPUs come at once: the first one decides for all. */
	lock_take(&disable_lock);
	if (disabling)
		goto out;
	if (!lock_try(&management)) {
		err = -EBUSY;
		goto out;
	}
	for (unsigned int i = 1; i < CONFIG_MAX_CELLS; i++)
		if (cells[i])
			err = -EBUSY;
	if (all_locked)
		err = -EPERM;
	disabling = !err;
	lock_drop(&management);
out:
	lock_drop(&disable_lock);
	return err;
}

/* The cell on this CPU ends, in this state: all its CPUs park, this one at once. */
static void end_cell(struct cell *cell, uint32_t state)
{
	struct cpu *self = arch_this_cpu();

	for_each_cpu_in(cell, i)
		if (&cpus[i] != self)
			cpu_post(&cpus[i], CPU_EV_PARK);
	__atomic_fetch_or(&self->events, CPU_EV_PARK, __ATOMIC_SEQ_CST);
	/* Last: from here on root can start the cell again, and a park must not follow that. */
	if (cell->info->state == CL_STATE_RUNNING)
		__atomic_store_n(&cell->info->state, state, __ATOMIC_RELEASE);
	cpu_handle_events();
}

void cell_fail(const char *fmt, ...)
{
	struct cell *cell = arch_this_cpu()->cell;
	char text[CL_LOG_TEXT];
	va_list args;

	va_start(args, fmt);
	vformat(text, sizeof(text), fmt, args);
	va_end(args);
	log_event(CL_LOG_ERROR, cell->id, CL_EVENT_FAILED, cell->id, "cell '%s' stopped: %s",
		  cell->info->name, text);
	end_cell(cell, CL_STATE_FAILED);
}

void cell_cpu_lost(void)
{
	struct cpu *cpu = arch_this_cpu();
	struct cell *cell = cpu->cell;

	cpu->info->state = CL_CPU_FAILED;
	if (cell->info->state != CL_STATE_RUNNING)
		return;
	cell->info->state = CL_STATE_FAILED;
	log_event(CL_LOG_WARNING, CL_NO_CELL, CL_EVENT_FAILED, cell->id,
		  "cell '%s' (%u) has lost CPU %u", cell->info->name, cell->id, cpu->id);
}

static void log_end(const struct cell *cell, uint32_t state)
{
	bool reset = state == CL_STATE_RESET;

	log_event(CL_LOG_INFO, cell->id, reset ? CL_EVENT_RESET : CL_EVENT_SHUT_DOWN, cell->id,
		  "cell '%s' (%u) %s", cell->info->name, cell->id,
		  reset ? "asks for a restart" : "shut down");
}

void cell_shut_down(void)
{
	struct cell *cell = arch_this_cpu()->cell;

	log_end(cell, CL_STATE_SHUT_DOWN);
	end_cell(cell, CL_STATE_SHUT_DOWN);
}

void cell_reset(void)
{
	struct cell *cell = arch_this_cpu()->cell;

	log_end(cell, CL_STATE_RESET);
	end_cell(cell, CL_STATE_RESET);
}

void cell_end_after_exit(uint32_t state)
{
	struct cell *cell = arch_this_cpu()->cell;

	/* It has asked before, and has not come to an end yet. */
	if (READ_ONCE(cell->info->state) != CL_STATE_RUNNING)
		return;
	log_end(cell, state);
	for_each_cpu_in(cell, i)
		cpu_post(&cpus[i], CPU_EV_PARK);
	/* Last, as in end_cell(). */
	__atomic_store_n(&cell->info->state, state, __ATOMIC_RELEASE);
}

void cell_denied_slow(struct cell *cell, const char *what, uint64_t address, uint64_t value)
{
	if (__atomic_fetch_add(&cell->denied, 1, __ATOMIC_RELAXED) < DENIED_LINES)
		log_write(CL_LOG_WARNING, cell->id, "cell '%s': refused %s 0x%lx (value 0x%lx)",
			  cell->info->name, what, address, value);
}
