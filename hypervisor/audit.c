// SPDX-License-Identifier: GPL-2.0
/*
 * What root does beyond what it has. Each page, port, pin or firmware call gets an entry in the
 * info region, with the first instruction pointer and a count; the first access is logged.
 */
#include <audit.h>
#include <cell.h>
#include <log.h>

/* The first entries are logged as well. */
#define LOGGED 16

static struct lock audit_lock;
static struct cl_platform platform __ro_after_init;
static bool allowing __ro_after_init;

void audit_init(const struct cl_platform *root_platform, bool allow)
{
	platform = *root_platform;
	allowing = allow;
	if (allow)
		info.head.flags |= CL_INFO_AUDIT;
}

static bool inside(uint64_t address, uint64_t start, uint64_t size)
{
	return address - start < size;
}

/*
 * Something that root's config lists, or its pool, and that root cannot reach nevertheless, is
 * another cell's: cells get nothing but that. So the config alone tells, without a look at the
 * other cells, which may come and go at this moment. What the hypervisor emulates is its own.
 */
static bool foreign_memory(uint64_t address)
{
	struct cl_memory region;

	if (inside(address, info.head.hv_phys, info.head.hv_size) ||
	    inside(address, platform.pool_phys, platform.pool_size) || arch_is_moderated(address))
		return true;
	for_each_region(root_cell.config, i, region)
		if (inside(address, region.virt, region.size))
			return true;
	return false;
}

static bool foreign_port(uint64_t port)
{
	const struct cl_section *section = cl_find_section(root_cell.config, CL_SEC_PIO);

	for (uint32_t i = 0; section && i < section->count; i++) {
		struct cl_pio range;

		cl_get_entry(section, i, &range, sizeof(range));
		if (inside(port, range.base, range.length))
			return true;
	}
	return false;
}

static bool foreign_pin(uint64_t address)
{
	const struct cl_section *section = cl_find_section(root_cell.config, CL_SEC_IRQCHIP);

	for (uint32_t i = 0; section && i < section->count; i++) {
		struct cl_irqchip chip;
		uint64_t pin;

		cl_get_entry(section, i, &chip, sizeof(chip));
		pin = address - chip.address;
		if (pin < 8 * sizeof(chip.pins) && chip.pins[pin / 64] & BIT(pin % 64))
			return true;
	}
	return false;
}

static bool is_foreign(enum cl_audit_kind kind, uint64_t address)
{
	if (kind == CL_AUDIT_MEMORY)
		return foreign_memory(address);
	if (kind == CL_AUDIT_PORT)
		return foreign_port(address);
	/* A call to the firmware is nobody's own. */
	return kind == CL_AUDIT_PIN && foreign_pin(address);
}

/* The entry of this page, port, pin or call, or a new one; NULL: all are in use. With the lock. */
static struct cl_audit *find_entry(enum cl_audit_kind kind, uint64_t address, bool *is_new)
{
	*is_new = false;
	for (unsigned int i = 0; i < ARRAY_SIZE(info.audit); i++) {
		struct cl_audit *entry = &info.audit[i];

		if (entry->kind == kind && entry->address == address)
			return entry;
		if (!entry->kind) {
			*is_new = true;
			entry->address = address;
			return entry;
		}
	}
	return NULL;
}

enum audit_answer audit_access(enum cl_audit_kind kind, uint64_t address, unsigned int access,
			       uint64_t rip)
{
	static const char *const kinds[] = { "", "memory", "I/O port", "interrupt pin",
					     "firmware call" };
	bool foreign = is_foreign(kind, address);
	bool allowed = allowing && !foreign, is_new;
	uint64_t place = kind == CL_AUDIT_MEMORY ? address & PAGE_MASK : address;
	enum audit_answer answer = allowed ? AUDIT_ALLOW : AUDIT_REFUSE;
	struct cl_audit *entry;

	lock_take(&audit_lock);
	entry = find_entry(kind, place, &is_new);
	if (entry) {
		entry->flags |= access | (allowed ? CL_AUDIT_ALLOWED : 0) |
				(foreign ? CL_AUDIT_FOREIGN : 0);
		if (is_new)
			entry->rip = rip;
		if (entry->count++ >= AUDIT_EMULATED && allowed && kind == CL_AUDIT_MEMORY)
			answer = AUDIT_MAP;
		/* Last: a reader takes it for valid from here on. */
		__atomic_store_n(&entry->kind, kind, __ATOMIC_RELEASE);
	} else {
		/* No room to account for it: it is not allowed either. */
		info.head.audit_dropped++;
		answer = AUDIT_REFUSE;
	}
	lock_drop(&audit_lock);

	if (is_new && entry == &info.audit[LOGGED])
		log_write(CL_LOG_WARNING, 0, "root: more of this is not logged: see hvctl audit");
	else if (is_new && entry < &info.audit[LOGGED])
		log_write(CL_LOG_WARNING, 0, "root: %s of %s 0x%lx, %s: %s (at 0x%lx)",
			  access & CL_AUDIT_WRITE     ? "write"
			  : access & CL_AUDIT_EXECUTE ? "execution"
						      : "read",
			  kinds[kind], address,
			  foreign ? "which it does not have now" : "not in its config",
			  answer == AUDIT_REFUSE ? "refused" : "allowed", rip);
	if (answer == AUDIT_REFUSE && !allowing && root_cell.config->flags & CL_CELL_STRICT) {
		cell_fail("%s 0x%lx is not root's, and its config says CL_CELL_STRICT", kinds[kind],
			  address);
		return AUDIT_STOPPED;
	}
	return answer;
}

enum audit_answer audit_map(uint64_t address)
{
	struct cl_memory page = { .phys = address & PAGE_MASK,
				  .virt = address & PAGE_MASK,
				  .size = PAGE_SIZE,
				  /* Memory types are the guest's and the MTRRs', as natively. */
				  .flags = CL_MEM_RAM };
	int err = cell_map_to_root(&page);
	bool is_new;

	if (err == -EAGAIN)
		return AUDIT_AGAIN;
	if (err)
		return AUDIT_REFUSE;
	lock_take(&audit_lock);
	find_entry(CL_AUDIT_MEMORY, page.phys, &is_new)->flags |= CL_AUDIT_DIRECT;
	lock_drop(&audit_lock);
	return AUDIT_AGAIN;
}
