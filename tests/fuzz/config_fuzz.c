// SPDX-License-Identifier: GPL-2.0
/*
 * The config validator: nothing outside the blob is read, nothing is written to it, and what it
 * decides is what a naive second look at the same bytes says.
 *
 * Input: struct head, then three blobs: a root config and two cells.
 */
#include "fuzz.h"
#include <cloister/check.h>
#include <cloister/finding_format.h>

#define BLOBS 3 /* root first */
#define PAGE  0x1000ULL

#define RAW_ARM64 0x80 /* configs for arm64 */

struct head {
	uint8_t raw; /* bit n: header of blob n is taken as it is, else put in order; RAW_ARM64 */
	uint8_t phys_bits; /* 32 more than this, modulo 21 */
	uint8_t max_cpus;
	uint8_t hv_page; /* where the hypervisor is, in units of 2 MiB */
	uint16_t sizes[BLOBS];
};

/* A config as arrays, read by code that shares nothing with check.c. */
#define MAX_ENTRIES 512

struct parsed {
	struct cl_config config;
	struct cl_platform platform;
	struct cl_gic gic;
	bool has_pci; /* section present */
	struct cl_watchdog watchdog;
	unsigned int gics, iommus, watchdogs;
	bool has_iommus;
	unsigned int cpus, regions, ports, chips, devices, calls;
	struct cl_cpu cpu[MAX_ENTRIES];
	struct cl_memory memory[MAX_ENTRIES];
	struct cl_pio pio[MAX_ENTRIES];
	struct cl_irqchip chip[MAX_ENTRIES];
	struct cl_pci_device device[MAX_ENTRIES];
	struct cl_firmware call[MAX_ENTRIES];
	struct cl_iommu iommu[MAX_ENTRIES];
};

static struct parsed parsed[BLOBS];

#define READ_ENTRY(array, count)                                                           \
	do {                                                                               \
		require((count) < MAX_ENTRIES, "more entries than CL_CONFIG_MAX has");     \
		memset(&(array)[count], 0, sizeof((array)[0]));                            \
		memcpy(&(array)[(count)++], entry,                                         \
		       entry_size < sizeof((array)[0]) ? entry_size : sizeof((array)[0])); \
	} while (0)

static void parse(const uint8_t *blob, size_t size, struct parsed *p)
{
	size_t at;

	memset(p, 0, offsetof(struct parsed, cpu));
	memcpy(&p->config, blob, sizeof(p->config));
	for (at = p->config.header_size; at < size;) {
		struct cl_section section;

		memcpy(&section, blob + at, sizeof(section));
		at += sizeof(section);
		p->has_pci |= section.type == CL_SEC_PCI;
		p->has_iommus |= section.type == CL_SEC_IOMMU;
		for (uint32_t i = 0; i < section.count; i++, at += section.entry_size) {
			size_t entry_size = section.entry_size;
			const uint8_t *entry = blob + at;
			unsigned int one = 0;

			switch (section.type) {
			case CL_SEC_PLATFORM:
				READ_ENTRY(&p->platform, one);
				break;
			case CL_SEC_CPUS:
				READ_ENTRY(p->cpu, p->cpus);
				break;
			case CL_SEC_MEMORY:
				READ_ENTRY(p->memory, p->regions);
				break;
			case CL_SEC_PIO:
				READ_ENTRY(p->pio, p->ports);
				break;
			case CL_SEC_IRQCHIP:
				READ_ENTRY(p->chip, p->chips);
				break;
			case CL_SEC_PCI:
				READ_ENTRY(p->device, p->devices);
				break;
			case CL_SEC_GIC:
				p->gics++;
				READ_ENTRY(&p->gic, one);
				break;
			case CL_SEC_IOMMU:
				READ_ENTRY(p->iommu, p->iommus);
				break;
			case CL_SEC_FIRMWARE:
				READ_ENTRY(p->call, p->calls);
				break;
			case CL_SEC_WATCHDOG:
				p->watchdogs++;
				READ_ENTRY(&p->watchdog, one);
				break;
			default:
				require(false, "section %u was accepted", section.type);
			}
		}
	}
	require(at == size, "sections end at %zu of %zu", at, size);
}

/* Wide enough that no sum wraps. */
typedef unsigned __int128 wide;

static bool meet(wide a, wide a_size, wide b, wide b_size)
{
	for (int swap = 0; swap < 2; swap++) {
		if (a >= b && a < b + b_size && a_size)
			return true;
		wide t = a, t_size = a_size;

		a = b, a_size = b_size;
		b = t, b_size = t_size;
	}
	return false;
}

/* Does the region say which physical memory it is? */
static bool has_phys(const struct cl_memory *m)
{
	return !(m->flags & CL_MEM_COMM) && m->phys != CL_AUTO;
}

static bool share_memory(const struct cl_memory *a, const struct cl_memory *b)
{
	return has_phys(a) && has_phys(b) && meet(a->phys, a->size, b->phys, b->size) &&
	       !(a->flags & CL_MEM_SHARED && b->flags & CL_MEM_SHARED);
}

/* Registers that the hypervisor has, and root with its help. */
static bool is_gic(const struct parsed *p, wide start, wide size)
{
	const struct cl_gic *gic = &p->gic;

	for (unsigned int i = 0; i < CL_ITS_MAX; i++)
		if (gic->its_phys[i] && meet(start, size, gic->its_phys[i], 0x10000))
			return true;
	if (gic->version == 2)
		return meet(start, size, gic->dist_phys, PAGE) ||
		       meet(start, size, gic->cpu_phys, 2 * PAGE) ||
		       meet(start, size, gic->hyp_phys, PAGE) ||
		       meet(start, size, gic->vcpu_phys, 2 * PAGE);
	return meet(start, size, gic->dist_phys, 0x10000) ||
	       meet(start, size, gic->redist_phys, gic->redist_size);
}

/* SMCCC ids: fast calls of SiP, OEM, and TRNG. */
static bool is_service(uint32_t function)
{
	uint32_t plain = function & ~0x40000000U;

	return (plain >= 0x82000000 && plain <= 0x8200ffff) ||
	       (plain >= 0x83000000 && plain <= 0x8300ffff) ||
	       (plain >= 0x84000050 && plain <= 0x8400005f);
}

static uint32_t count_functions(const struct cl_iommu *iommu)
{
	return iommu->functions ? iommu->functions : 0x10000;
}

static void check_arm64(const struct parsed *p)
{
	bool root = p->config.flags & CL_CELL_ROOT;

	require(p->gics == root && (root || !p->has_iommus) && p->iommus <= CL_IOMMU_MAX &&
			!p->ports,
		"sections");
	require(!root || !(p->config.flags & CL_CELL_DIRECT_IRQ), "direct interrupts of root");
	for (unsigned int i = 0; i < p->regions; i++) {
		const struct cl_memory *m = &p->memory[i];

		require(!p->gics || !is_gic(p, m->virt, m->size), "region %u: GIC", i);
		for (unsigned int j = 0; j < p->iommus; j++)
			require(!meet(m->virt, m->size, p->iommu[j].phys, CL_SMMU_SIZE),
				"region %u: SMMU", i);
		require(!(p->config.flags & CL_CELL_VUART) ||
				!meet(m->virt, m->size, CL_VUART_ADDRESS, CL_VUART_SIZE),
			"region %u: UART", i);
	}
	for (unsigned int i = 0; i < p->chips; i++) {
		require(p->chip[i].first >= 32 && p->chip[i].first < 1020, "chip %u", i);
		require(!p->gics || p->chip[i].address == p->gic.dist_phys, "chip %u", i);
	}
	for (unsigned int i = 0; i < p->iommus; i++) {
		const struct cl_iommu *a = &p->iommu[i];

		require((wide)a->first + count_functions(a) <= 0x10000 &&
				(wide)a->stream + count_functions(a) <= 0x10000,
			"functions of %u", i);
		for (unsigned int j = 0; j < i; j++)
			require(!meet(a->phys, CL_SMMU_SIZE, p->iommu[j].phys, CL_SMMU_SIZE) &&
					!meet(a->first, count_functions(a), p->iommu[j].first,
					      count_functions(&p->iommu[j])),
				"IOMMUs %u and %u", i, j);
	}
	require(p->calls <= CL_FIRMWARE_MAX, "%u calls", p->calls);
	for (unsigned int i = 0; i < p->calls; i++) {
		const struct cl_firmware *f = &p->call[i];

		require(f->count && f->count <= 0x10000, "calls %u", i);
		for (uint32_t n = 0; n < f->count; n++)
			require(is_service(f->function + n), "call %#x", f->function + n);
		for (unsigned int j = 0; j < i; j++)
			require(!meet(f->function, f->count, p->call[j].function, p->call[j].count),
				"calls %u %u", i, j);
	}
}

static void check_watchdog(const struct parsed *p)
{
	bool comm = false;

	for (unsigned int i = 0; i < p->regions; i++)
		comm |= p->memory[i].flags & CL_MEM_COMM;
	require(p->watchdogs <= 1, "%u watchdogs", p->watchdogs);
	require(!p->watchdogs ||
			(comm && !(p->config.flags & CL_CELL_ROOT) && !p->watchdog.reserved &&
			 p->watchdog.timeout_ms >= 100 && p->watchdog.timeout_ms <= 3600000),
		"watchdog of %u ms", p->watchdog.timeout_ms);
}

static void check_x86(const struct parsed *p)
{
	bool root = p->config.flags & CL_CELL_ROOT;

	require(!p->gics && !p->has_iommus && !p->calls, "sections");
	for (unsigned int i = 0; i < p->regions; i++) {
		const struct cl_memory *m = &p->memory[i];

		require(!meet(m->virt, m->size, 0xfee00000, PAGE), "region %u: APIC", i);
		require(!has_phys(m) || !meet(m->phys, m->size, 0xfee00000, PAGE),
			"region %u: APIC", i);
	}
	for (unsigned int i = 0; i < p->ports; i++) {
		const struct cl_pio *a = &p->pio[i];

		require(a->length && (wide)a->base + a->length <= 0x10000, "ports %u", i);
		require(root || !meet(a->base, a->length, 0xcf8, 8), "PCI ports");
		require(!(p->config.flags & CL_CELL_VUART) || !meet(a->base, a->length, 0x3f8, 8),
			"UART ports");
		for (unsigned int j = 0; j < i; j++)
			require(!meet(a->base, a->length, p->pio[j].base, p->pio[j].length),
				"ports %u %u", i, j);
	}
}

/* Of the IOAPIC that everybody has. */
static bool has_pin(const struct parsed *p, unsigned int pin)
{
	bool found = false;

	for (unsigned int i = 0; i < p->chips; i++)
		for (unsigned int n = 0; n < 128; n++)
			found |= p->chip[i].address == 0xfec00000 && n == pin &&
				 p->chip[i].pins[n / 64] & 1ULL << n % 64;
	return found;
}

/* What a config that was accepted must keep to, whatever it says. */
static void check_alone(const struct parsed *p, const struct cl_limits *limits)
{
	bool root = p->config.flags & CL_CELL_ROOT;
	wide end = (wide)1 << limits->phys_bits;
	bool entry_found = false;

	require(memchr(p->config.name, 0, CL_NAME_LEN) && p->config.name[0], "name");
	for (unsigned int i = 0; i < p->regions; i++) {
		const struct cl_memory *m = &p->memory[i];

		require(m->size && m->flags & CL_MEM_READ, "region %u", i);
		require((wide)m->virt + m->size <= end, "region %u ends behind the machine", i);
		require(!root || (has_phys(m) && m->phys == m->virt), "region %u of root", i);
		if (m->virt <= p->config.entry && p->config.entry - m->virt < m->size &&
		    m->flags & CL_MEM_EXECUTE && !(m->flags & CL_MEM_IO))
			entry_found = true;
		for (unsigned int j = 0; j < i; j++) {
			const struct cl_memory *n = &p->memory[j];

			require(!meet(m->virt, m->size, n->virt, n->size), "regions %u %u", i, j);
			require(!share_memory(m, n), "regions %u and %u share memory", i, j);
			require(!(m->flags & n->flags & CL_MEM_COMM), "two comm regions");
		}
		for (unsigned int j = 0; j < p->chips; j++)
			require(!meet(m->virt, m->size, p->chip[j].address, PAGE), "chip %u", j);
		if (!has_phys(m))
			continue;
		require((wide)m->phys + m->size <= end, "region %u ends behind the machine", i);
		require(root || !meet(m->phys, m->size, limits->hv_phys, limits->hv_size),
			"region %u has the hypervisor's memory", i);
		/* What is not in whole pages is never mapped, so that it must be moderated. */
		require(!((m->phys | m->virt | m->size) % PAGE) || m->flags & CL_MEM_IO,
			"region %u is not whole pages", i);
		require(!root || !((m->phys | m->size) % PAGE) ||
				!(meet(m->phys, m->size, limits->hv_phys, limits->hv_size) ||
				  (p->platform.pool_phys != CL_AUTO &&
				   meet(m->phys, m->size, p->platform.pool_phys,
					p->platform.pool_size))),
			"region %u: registers of root in memory of others", i);
	}
	require(root || entry_found, "entry");
	require(!root || !p->cpus, "CPUs of root");
	require(root || p->cpus, "no CPU");
	for (unsigned int i = 0; i < p->cpus; i++) {
		require(p->cpu[i].id < limits->max_cpus, "CPU %u", p->cpu[i].id);
		for (unsigned int j = 0; j < i; j++)
			require(p->cpu[i].id != p->cpu[j].id, "CPU %u twice", p->cpu[i].id);
	}
	check_watchdog(p);
	if (limits->arch == CL_ARCH_ARM64)
		check_arm64(p);
	else
		check_x86(p);
	for (unsigned int i = 0; i < p->devices; i++)
		require(!p->device[i].intx || (!root && limits->arch == CL_ARCH_X86_64 &&
					       has_pin(p, p->device[i].intx)),
			"device %u: a pin that is not the cell's", i);
	for (unsigned int i = 0; i < p->devices; i++)
		for (unsigned int j = 0; j < i; j++)
			require(p->device[i].bus != p->device[j].bus ||
					p->device[i].devfn != p->device[j].devfn,
				"devices %u %u", i, j);
}

static bool in_conflict(const struct parsed *a, const struct parsed *b)
{
	bool found = !strcmp(a->config.name, b->config.name);

	for (unsigned int i = 0; i < a->cpus; i++)
		for (unsigned int j = 0; j < b->cpus; j++)
			found |= a->cpu[i].id == b->cpu[j].id;
	for (unsigned int i = 0; i < a->regions; i++)
		for (unsigned int j = 0; j < b->regions; j++)
			found |= share_memory(&a->memory[i], &b->memory[j]);
	for (unsigned int i = 0; i < a->ports; i++)
		for (unsigned int j = 0; j < b->ports; j++)
			found |= meet(a->pio[i].base, a->pio[i].length, b->pio[j].base,
				      b->pio[j].length);
	for (unsigned int i = 0; i < a->chips; i++)
		for (unsigned int j = 0; j < b->chips; j++)
			found |= a->chip[i].address == b->chip[j].address &&
				 a->chip[i].first == b->chip[j].first &&
				 (a->chip[i].pins[0] & b->chip[j].pins[0] ||
				  a->chip[i].pins[1] & b->chip[j].pins[1]);
	for (unsigned int i = 0; i < a->devices; i++)
		for (unsigned int j = 0; j < b->devices; j++)
			found |= a->device[i].bus == b->device[j].bus &&
				 a->device[i].devfn == b->device[j].devfn;
	return found;
}

static bool root_has_byte(const struct parsed *root, wide address, uint64_t flags)
{
	uint64_t access = flags & CL_MEM_RAM;
	const struct cl_platform *p = &root->platform;

	if (p->pool_phys != CL_AUTO && meet(address, 1, p->pool_phys, p->pool_size))
		return true;
	for (unsigned int i = 0; i < root->regions; i++) {
		const struct cl_memory *m = &root->memory[i];

		if (!meet(address, 1, m->virt, m->size) || (m->flags & access) != access)
			continue;
		/* registers for registers; RAM only where root has RAM */
		if (flags & CL_MEM_IO || !(m->flags & CL_MEM_IO))
			return true;
	}
	return false;
}

/*
 * A range is root's if its first byte is, and so is each byte in it at which something of root's
 * ends: between two such places nothing changes.
 */
static bool root_has_memory(const struct parsed *root, const struct cl_memory *m)
{
	const struct cl_platform *p = &root->platform;
	bool all = root_has_byte(root, m->phys, m->flags);

	for (unsigned int i = 0; i < root->regions; i++) {
		wide end = (wide)root->memory[i].virt + root->memory[i].size;

		if (meet(end, 1, m->phys, m->size))
			all &= root_has_byte(root, end, m->flags);
	}
	if (p->pool_phys != CL_AUTO && meet((wide)p->pool_phys + p->pool_size, 1, m->phys, m->size))
		all &= root_has_byte(root, (wide)p->pool_phys + p->pool_size, m->flags);
	return all;
}

static bool root_has_port(const struct parsed *root, uint64_t port)
{
	for (unsigned int i = 0; i < root->ports; i++)
		if (meet(port, 1, root->pio[i].base, root->pio[i].length))
			return true;
	return false;
}

static bool root_has_pins(const struct parsed *root, const struct cl_irqchip *chip)
{
	for (unsigned int i = 0; i < root->chips; i++)
		if (root->chip[i].address == chip->address && root->chip[i].first == chip->first)
			return !(chip->pins[0] & ~root->chip[i].pins[0]) &&
			       !(chip->pins[1] & ~root->chip[i].pins[1]);
	return false;
}

static bool behind_iommu(const struct parsed *root, const struct cl_pci_device *device)
{
	bool found = !root->iommus;

	for (unsigned int i = 0; i < root->iommus; i++)
		found |= meet((wide)device->bus << 8 | device->devfn, 1, root->iommu[i].first,
			      count_functions(&root->iommu[i]));
	return found;
}

static bool root_has_device(const struct parsed *root, const struct cl_pci_device *device)
{
	if (!behind_iommu(root, device))
		return false;
	if (!root->has_pci)
		return true;
	for (unsigned int i = 0; i < root->devices; i++)
		if (root->device[i].bus == device->bus && root->device[i].devfn == device->devfn)
			return true;
	return false;
}

static bool root_has_calls(const struct parsed *root, const struct cl_firmware *calls)
{
	for (uint32_t n = 0; n < calls->count; n++) {
		bool found = false;

		for (unsigned int i = 0; i < root->calls; i++)
			found |= meet(calls->function + n, 1, root->call[i].function,
				      root->call[i].count);
		if (!found)
			return false;
	}
	return true;
}

static bool root_has_all(const struct parsed *cell, const struct parsed *root)
{
	const struct cl_platform *p = &root->platform;
	wide pool = 0;

	if (!strcmp(cell->config.name, root->config.name))
		return false;
	for (unsigned int i = 0; i < cell->regions; i++) {
		const struct cl_memory *m = &cell->memory[i];

		if (m->flags & CL_MEM_COMM)
			continue;
		if (m->phys == CL_AUTO) {
			pool += m->size;
			continue;
		}
		if (p->hv_phys != CL_AUTO && meet(m->phys, m->size, p->hv_phys, p->hv_size))
			return false;
		if (!root_has_memory(root, m))
			return false;
	}
	if (pool > p->pool_size)
		return false;
	for (unsigned int i = 0; i < cell->ports; i++)
		for (uint64_t port = 0; port < cell->pio[i].length; port++)
			if (!root_has_port(root, cell->pio[i].base + port))
				return false;
	for (unsigned int i = 0; i < cell->chips; i++)
		if (!root_has_pins(root, &cell->chip[i]))
			return false;
	for (unsigned int i = 0; i < cell->calls; i++)
		if (!root_has_calls(root, &cell->call[i]))
			return false;
	for (unsigned int i = 0; i < cell->devices; i++)
		if (!root_has_device(root, &cell->device[i]))
			return false;
	return true;
}

/* A refusal can be told to a person; hvctl and the driver print it. */
static void check_finding(int err, const struct cl_finding *f)
{
	char text[512];
	int length;

	require(err == f->error && err <= 0, "%d, finding %d", err, f->error);
	if (!err)
		return;
	require(memchr(f->cell, 0, sizeof(f->cell)) && memchr(f->other, 0, sizeof(f->other)) &&
			memchr(f->object, 0, sizeof(f->object)) &&
			memchr(f->field, 0, sizeof(f->field)) &&
			memchr(f->rule, 0, sizeof(f->rule)),
		"a text does not end");
	require(f->object[0] && f->field[0] && f->rule[0], "an empty text");
	length = cl_finding_format(text, sizeof(text), f);
	require(length > 0 && (size_t)length < sizeof(text), "sentence of %d characters", length);
}

static void put_in_order(uint8_t *blob, uint16_t size, bool root, uint16_t arch)
{
	struct cl_config config;

	if (size < sizeof(config))
		return;
	memcpy(&config, blob, sizeof(config));
	memcpy(config.magic, CL_CONFIG_MAGIC, sizeof(config.magic));
	config.abi_version = CL_ABI_VERSION;
	config.arch = arch;
	config.header_size = sizeof(config);
	config.total_size = size;
	config.restart &= root ? 0 : CL_RESTART_FLAGS;
	if (!config.restart)
		config.restart_limit = config.restart_seconds = 0;
	config.flags &= CL_CELL_FLAGS & ~(uint32_t)CL_CELL_ROOT;
	config.flags |= root ? CL_CELL_ROOT : 0;
	memcpy(blob, &config, sizeof(config));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct cl_finding finding;
	struct cl_limits limits = { .arch = CL_ARCH_X86_64 };
	uint8_t *blobs[BLOBS] = { NULL }, *copies[BLOBS] = { NULL };
	bool good[BLOBS];
	struct head head;

	if (size < sizeof(head))
		return -1;
	memcpy(&head, data, sizeof(head));
	data += sizeof(head);
	size -= sizeof(head);
	if (head.raw & RAW_ARM64)
		limits.arch = CL_ARCH_ARM64;
	limits.phys_bits = (uint8_t)(32 + head.phys_bits % 21);
	limits.max_cpus = head.max_cpus;
	limits.hv_phys = (uint64_t)head.hv_page << 21;
	limits.hv_size = head.hv_page ? 0x200000 : 0;

	for (int i = 0; i < BLOBS; i++) {
		uint16_t length = head.sizes[i] < size ? head.sizes[i] : (uint16_t)size;
		int err;

		/* Exactly as large as it says, for AddressSanitizer. */
		blobs[i] = malloc(length);
		copies[i] = malloc(length);
		memcpy(blobs[i], data, length);
		data += length;
		size -= length;
		if (!(head.raw & 1 << i))
			put_in_order(blobs[i], length, i == 0, limits.arch);
		memcpy(copies[i], blobs[i], length);
		err = cl_check_config(blobs[i], length, &limits, &finding);
		check_finding(err, &finding);
		require(!memcmp(blobs[i], copies[i], length), "the blob was written to");
		good[i] = !err;
		if (good[i]) {
			parse(blobs[i], length, &parsed[i]);
			check_alone(&parsed[i], &limits);
			/* What the pairwise checks expect */
			good[i] = !(parsed[i].config.flags & CL_CELL_ROOT) == (i != 0);
		}
	}
	for (int i = 1; i < BLOBS; i++) {
		const struct cl_config *cell = (const void *)blobs[i];
		int err;

		if (!good[i])
			continue;
		if (good[0]) {
			err = cl_check_against_root(cell, (const void *)blobs[0], &finding);
			check_finding(err, &finding);
			require(!err == root_has_all(&parsed[i], &parsed[0]), "root: error %d",
				err);
		}
		if (i == 2 && good[1]) {
			err = cl_check_pair(cell, (const void *)blobs[1], &finding);
			check_finding(err, &finding);
			require(!err == !in_conflict(&parsed[2], &parsed[1]), "pair: error %d",
				err);
		}
	}
	for (int i = 0; i < BLOBS; i++) {
		free(blobs[i]);
		free(copies[i]);
	}
	return 0;
}

/*
 * Changes that keep the form of a config: a number in an entry, an entry more or less. Bytes at
 * random would nearly always be refused by the first checks.
 */
static uint64_t random_state;

static uint64_t pick(uint64_t below)
{
	random_state = random_state * 6364136223846793005ULL + 1442695040888963407ULL;
	return below ? (random_state >> 33) % below : 0;
}

/* Start of the n-th section of a blob, or NULL; *left: bytes from there to the end. */
static uint8_t *find_section(uint8_t *blob, size_t size, uint64_t n, size_t *left)
{
	size_t at = sizeof(struct cl_config);

	while (at + sizeof(struct cl_section) <= size) {
		struct cl_section section;
		uint64_t length;

		memcpy(&section, blob + at, sizeof(section));
		length = sizeof(section) + (uint64_t)section.entry_size * section.count;
		*left = size - at;
		if (!section.entry_size || length > *left)
			return NULL;
		if (!n--)
			return blob + at;
		at += length;
	}
	return NULL;
}

static void change_number(uint8_t *where, size_t bytes, const uint8_t *all, size_t all_size)
{
	static const uint64_t constants[] = { 0,	  1,	 PAGE,	    0x200000,	CL_AUTO,
					      0xfee00000, 0xcf8, 0x8000000, 0x82000000, 0x9000000 };
	uint64_t value = 0;

	memcpy(&value, where, bytes);
	switch (pick(6)) {
	case 0:
		value = constants[pick(sizeof(constants) / sizeof(constants[0]))];
		break;
	case 1: /* a number from somewhere else */
		if (all_size >= 8)
			memcpy(&value, all + pick(all_size / 8) * 8 % (all_size - 7), bytes);
		break;
	case 2:
		value += pick(2) ? PAGE : -PAGE;
		break;
	case 3:
		value ^= 1ULL << pick(64);
		break;
	case 4:
		value += pick(17) - 8;
		break;
	default:
		LLVMFuzzerMutate((uint8_t *)&value, bytes, bytes);
	}
	memcpy(where, &value, bytes);
}

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned int seed)
{
	struct cl_section section;
	uint8_t *at, *blob = data + sizeof(struct head);
	struct head head;
	size_t left, entry;
	uint64_t which;

	random_state = seed;
	if (size < sizeof(head) || !pick(8))
		return LLVMFuzzerMutate(data, size, max_size);
	memcpy(&head, data, sizeof(head));
	which = pick(BLOBS);
	for (uint64_t i = 0; i < which; i++)
		blob += head.sizes[i];
	if (blob + head.sizes[which] > data + size)
		return LLVMFuzzerMutate(data, size, max_size);
	at = find_section(blob, head.sizes[which], pick(8), &left);
	if (at)
		memcpy(&section, at, sizeof(section));
	if (!at || section.entry_size % 8) {
		/* the header: name, flags, entry */
		if (head.sizes[which] < sizeof(struct cl_config))
			return LLVMFuzzerMutate(data, size, max_size);
		change_number(blob + 24 + pick(6) * 8, 8, data, size);
		return size;
	}
	entry = section.entry_size;
	if (!section.count || pick(4)) {
		if (section.count)
			change_number(at + sizeof(section) + pick(entry * section.count / 8) * 8,
				      pick(2) ? 8 : 4, data, size);
		return size;
	}
	/* The first entry once more, or no longer. */
	at += sizeof(section);
	if (pick(2) && size + entry <= max_size && head.sizes[which] + entry <= UINT16_MAX) {
		memmove(at + entry, at, (size_t)(data + size - at));
		size += entry;
		head.sizes[which] = (uint16_t)(head.sizes[which] + entry);
		section.count++;
	} else {
		memmove(at, at + entry, (size_t)(data + size - at) - entry);
		size -= entry;
		head.sizes[which] = (uint16_t)(head.sizes[which] - entry);
		section.count--;
	}
	memcpy(at - sizeof(section), &section, sizeof(section));
	memcpy(data, &head, sizeof(head));
	return size;
}
