// SPDX-License-Identifier: GPL-2.0
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <cloister/config.h>
#include <cloister/info.h>
#include "ownership.h"

/* Redirection entry of an IOAPIC: mask, destination mode, remappable format, destination. */
#define ENTRY_MASKED	 (1ULL << 16)
#define ENTRY_LOGICAL	 (1ULL << 11)
#define ENTRY_REMAPPABLE (1ULL << 48)
#define ENTRY_DEST(e)	 ((uint32_t)((e) >> 56))

/* GICD_IROUTER as a hardware id: Aff3 follows the others. */
#define ROUTE_HW_ID(r) ((uint32_t)((r) >> 32 & 0xff) << 24 | (uint32_t)((r)&0xffffff))

/* Ports of the PCI configuration space: always the hypervisor's. */
#define PCI_PORTS     0xcf8
#define PCI_PORTS_END 0xd00

struct check {
	const struct ownership *o;
	size_t violations;
};

const char *ownership_kind(uint32_t kind)
{
	static const char *const names[] = {
		[CL_INSPECT_MEMORY] = "memory",
		[CL_INSPECT_SHARED] = "shared",
		[CL_INSPECT_LENT] = "lent",
		[CL_INSPECT_HV_MEMORY] = "hypervisor memory",
		[CL_INSPECT_HV_MAPPING] = "hypervisor mapping",
		[CL_INSPECT_HV_WINDOW] = "hypervisor window",
		[CL_INSPECT_CPU] = "CPU",
		[CL_INSPECT_PORT] = "I/O port",
		[CL_INSPECT_MSR] = "MSR",
		[CL_INSPECT_PIN] = "interrupt pin",
		[CL_INSPECT_PCI] = "PCI function",
		[CL_INSPECT_STREAM] = "DMA of functions",
	};

	return kind < sizeof(names) / sizeof(names[0]) && names[kind] ? names[kind] : "unknown";
}

void ownership_access(uint32_t access, char buf[4])
{
	buf[0] = access & CL_MEM_READ ? 'r' : '-';
	buf[1] = access & CL_MEM_WRITE ? 'w' : '-';
	buf[2] = access & CL_MEM_EXECUTE ? 'x' : '-';
	buf[3] = '\0';
}

static const char *name(struct check *c, uint32_t cell, char buf[32])
{
	return c->o->cell_name(c->o->context, cell, buf);
}

static void __attribute__((format(printf, 2, 3)))
violation(struct check *c, const char *format, ...)
{
	char text[256];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	c->violations++;
	c->o->violation(c->o->context, text);
}

/* The part that [start, start + size) and a record have in common; false: none. */
static bool common(const struct cl_inspect_record *r, uint64_t *start, uint64_t *end)
{
	if (r->start > *start)
		*start = r->start;
	if (r->start + r->size < *end)
		*end = r->start + r->size;
	return *start < *end;
}

/* Are all of [start, end) in records of this kind and cell, with at least this access? */
static bool covered(struct check *c, uint32_t kind, uint32_t cell, uint64_t start, uint64_t end,
		    uint32_t access)
{
	bool progress = true;

	while (start < end && progress) {
		progress = false;
		for (size_t i = 0; i < c->o->count; i++) {
			const struct cl_inspect_record *r = &c->o->records[i];

			if (r->kind == kind && r->cell == cell && !(access & ~r->access) &&
			    r->start <= start && start < r->start + r->size) {
				start = r->start + r->size;
				progress = true;
			}
		}
	}
	return start >= end;
}

/* Root shares what another cell's config calls shared: its own config need not say so. */
static bool declared_shared(struct check *c, uint32_t cell, uint64_t start, uint64_t end)
{
	return cell == 0 || covered(c, CL_INSPECT_SHARED, cell, start, end, 0);
}

static void two_owners(struct check *c, const char *what, uint64_t first, uint64_t last, uint32_t a,
		       uint32_t b)
{
	char name_a[32], name_b[32];

	violation(c, "%s 0x%llx to 0x%llx has two owners, '%s' and '%s'", what,
		  (unsigned long long)first, (unsigned long long)last, name(c, a, name_a),
		  name(c, b, name_b));
}

static void memory_pair(struct check *c, const struct cl_inspect_record *a,
			const struct cl_inspect_record *b)
{
	uint64_t start = a->target > b->target ? a->target : b->target;
	uint64_t end_a = a->target + a->size, end_b = b->target + b->size;
	uint64_t end = end_a < end_b ? end_a : end_b;

	if (declared_shared(c, a->cell, start, end) && declared_shared(c, b->cell, start, end))
		return;
	/* Lent to one of them: it need not be the owner. */
	if (covered(c, CL_INSPECT_LENT, a->cell, start, end, a->access) ||
	    covered(c, CL_INSPECT_LENT, b->cell, start, end, b->access))
		return;
	two_owners(c, "memory", start, end - 1, a->cell, b->cell);
}

static int by_target(const void *left, const void *right)
{
	const struct cl_inspect_record *a = *(const struct cl_inspect_record *const *)left;
	const struct cl_inspect_record *b = *(const struct cl_inspect_record *const *)right;

	return a->target < b->target ? -1 : a->target > b->target;
}

static void check_memory(struct check *c)
{
	const struct cl_inspect_record **sorted = calloc(c->o->count + 1, sizeof(*sorted));
	size_t count = 0;

	if (!sorted) {
		violation(c, "not enough memory to compare the cells");
		return;
	}
	for (size_t i = 0; i < c->o->count; i++)
		if (c->o->records[i].kind == CL_INSPECT_MEMORY)
			sorted[count++] = &c->o->records[i];
	qsort(sorted, count, sizeof(*sorted), by_target);
	for (size_t i = 0; i < count; i++)
		for (size_t k = i + 1;
		     k < count && sorted[k]->target < sorted[i]->target + sorted[i]->size; k++)
			if (sorted[k]->cell != sorted[i]->cell)
				memory_pair(c, sorted[i], sorted[k]);
	free(sorted);
}

/* A cell's mapping, against what is the hypervisor's or only lent. */
static void check_mapping(struct check *c, const struct cl_inspect_record *m)
{
	char buf[32], access[4];

	ownership_access(m->access, access);
	for (size_t i = 0; i < c->o->count; i++) {
		const struct cl_inspect_record *r = &c->o->records[i];
		uint64_t start = m->target, end = m->target + m->size;

		if (r->kind == CL_INSPECT_HV_MEMORY && common(r, &start, &end) &&
		    !covered(c, CL_INSPECT_LENT, m->cell, start, end, m->access))
			violation(c,
				  "cell '%s' maps hypervisor memory 0x%llx to 0x%llx (%s, at "
				  "0x%llx)",
				  name(c, m->cell, buf), (unsigned long long)start,
				  (unsigned long long)end - 1, access,
				  (unsigned long long)(m->start + start - m->target));
		else if (r->kind == CL_INSPECT_LENT && r->cell == m->cell &&
			 common(r, &start, &end) && m->access & ~r->access)
			violation(c, "cell '%s' has more access (%s) to 0x%llx than it is to have",
				  name(c, m->cell, buf), access, (unsigned long long)start);
	}
}

static void check_hypervisor(struct check *c, const struct cl_inspect_record *m)
{
	bool own = false;

	if (m->access & CL_MEM_WRITE && m->access & CL_MEM_EXECUTE)
		violation(c,
			  "CPU %u: the hypervisor's mapping at 0x%llx is writable and executable",
			  m->index, (unsigned long long)m->start);
	for (size_t i = 0; i < c->o->count; i++) {
		const struct cl_inspect_record *r = &c->o->records[i];

		own |= r->kind == CL_INSPECT_HV_MEMORY && r->start <= m->target &&
		       m->target + m->size <= r->start + r->size;
	}
	if (own)
		return;
	if (m->kind == CL_INSPECT_HV_MAPPING)
		violation(c,
			  "CPU %u: the hypervisor maps foreign memory 0x%llx at 0x%llx, outside of "
			  "its windows",
			  m->index, (unsigned long long)m->target, (unsigned long long)m->start);
	else if (m->access & CL_MEM_EXECUTE)
		violation(c, "CPU %u: the hypervisor's window at 0x%llx is executable", m->index,
			  (unsigned long long)m->start);
}

/* Ports, PCI functions, pins, CPUs: in no case two cells' at once. */
static void check_pair(struct check *c, const struct cl_inspect_record *a,
		       const struct cl_inspect_record *b)
{
	uint64_t start = a->start, end = a->start + a->size;

	if (a->kind != b->kind || a->cell == b->cell || !common(b, &start, &end))
		return;
	if (a->kind == CL_INSPECT_PIN && a->index == b->index)
		two_owners(c, ownership_kind(a->kind), a->index, a->index, a->cell, b->cell);
	else if (a->kind == CL_INSPECT_PORT || a->kind == CL_INSPECT_PCI ||
		 a->kind == CL_INSPECT_CPU)
		two_owners(c, ownership_kind(a->kind), start, end - 1, a->cell, b->cell);
}

static bool cell_has_hw_id(struct check *c, uint32_t cell, uint32_t hw_id)
{
	for (size_t i = 0; i < c->o->count; i++) {
		const struct cl_inspect_record *r = &c->o->records[i];

		if (r->kind != CL_INSPECT_CPU || r->cell != cell)
			continue;
		for (uint64_t cpu = r->start; cpu < r->start + r->size; cpu++)
			if (c->o->hw_id(c->o->context, (uint32_t)cpu) == hw_id)
				return true;
	}
	return false;
}

/* Logical destinations reach root only; what a remapping unit makes of an entry is not seen here. */
static void check_entry(struct check *c, const struct cl_inspect_record *r)
{
	char buf[32];

	if (r->target & (ENTRY_MASKED | ENTRY_REMAPPABLE) ||
	    (r->target & ENTRY_LOGICAL && r->cell == 0) ||
	    cell_has_hw_id(c, r->cell, ENTRY_DEST(r->target)))
		return;
	violation(c, "pin %u of '%s' interrupts a CPU that is not its own (APIC id %u)", r->index,
		  name(c, r->cell, buf), ENTRY_DEST(r->target));
}

static void check_route(struct check *c, const struct cl_inspect_record *r)
{
	char buf[32];

	if (!cell_has_hw_id(c, r->cell, ROUTE_HW_ID(r->target)))
		violation(c, "pin %u of '%s' interrupts a CPU that is not its own (affinity 0x%x)",
			  r->index, name(c, r->cell, buf), ROUTE_HW_ID(r->target));
}

static void check_streams(struct check *c, const struct cl_inspect_record *r)
{
	uint64_t end = r->start + r->size;
	char buf[32];

	if (r->cell == CL_NO_CELL)
		violation(c, "PCI functions 0x%llx to 0x%llx reach what no cell's tables say",
			  (unsigned long long)r->start, (unsigned long long)end - 1);
	else if (!covered(c, CL_INSPECT_PCI, r->cell, r->start, end, 0))
		violation(c, "PCI functions 0x%llx to 0x%llx, not all of '%s', reach its memory",
			  (unsigned long long)r->start, (unsigned long long)end - 1,
			  name(c, r->cell, buf));
}

static void check_one(struct check *c, const struct cl_inspect_record *r)
{
	char buf[32], buf2[32];

	switch (r->kind) {
	case CL_INSPECT_MEMORY:
		check_mapping(c, r);
		break;
	case CL_INSPECT_HV_MAPPING:
	case CL_INSPECT_HV_WINDOW:
		check_hypervisor(c, r);
		break;
	case CL_INSPECT_CPU:
		if (r->target != r->cell)
			violation(c, "CPU %llu is counted as one of '%s', and runs '%s'",
				  (unsigned long long)r->start, name(c, r->cell, buf),
				  name(c, (uint32_t)r->target, buf2));
		break;
	case CL_INSPECT_PORT:
		if (r->start < PCI_PORTS_END && r->start + r->size > PCI_PORTS)
			violation(c, "cell '%s' reaches the PCI configuration ports directly",
				  name(c, r->cell, buf));
		break;
	case CL_INSPECT_MSR:
		if (r->index)
			violation(c, "cell '%s' reaches MSR 0x%llx to 0x%llx against the policy",
				  name(c, r->cell, buf), (unsigned long long)r->start,
				  (unsigned long long)(r->start + r->size - 1));
		break;
	case CL_INSPECT_PIN:
		if (c->o->arch == CL_ARCH_ARM64)
			check_route(c, r);
		else
			check_entry(c, r);
		break;
	case CL_INSPECT_STREAM:
		check_streams(c, r);
		break;
	}
}

size_t ownership_check(const struct ownership *o)
{
	struct check c = { .o = o };

	check_memory(&c);
	for (size_t i = 0; i < o->count; i++) {
		check_one(&c, &o->records[i]);
		for (size_t k = i + 1; k < o->count; k++)
			check_pair(&c, &o->records[i], &o->records[k]);
	}
	return c.violations;
}
