/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Between the config validator's common part (check.c) and its parts for one architecture each
 * (arch/NAME/check_NAME.c). Who links the validator says by a header check_arch.h which of these
 * there are: arch_check(STEP, check, ...) calls NAME_check_STEP(check, ...). The hypervisor and the
 * driver have their own only; hvctl has all, and goes by the config's architecture.
 */
#ifndef HV_CHECK_PARTS_H
#define HV_CHECK_PARTS_H

#include <cloister/check.h>

/* Linux' error numbers, as everywhere in the ABI. */
#define REFUSE_FORMAT	(-8)  /* ENOEXEC: not a config for this hypervisor */
#define REFUSE_CONFLICT (-16) /* EBUSY: somebody else has it */
#define REFUSE_INVALID	(-22) /* EINVAL */

#define PAGE	  0x1000ULL
#define CHIP_PINS 128 /* of one struct cl_irqchip */

struct range {
	uint64_t start;
	uint64_t size;
};

struct check {
	const struct cl_config *config;
	const struct cl_limits *limits; /* NULL where two configs are compared */
	struct cl_finding *finding;
	/* what is being looked at */
	const char *object;
	uint32_t index;
};

/*
 * The steps of an architecture's part. All return 0, or have refused.
 *
 * header	members of struct cl_config
 * console	type and address, of a type that is not CL_CONSOLE_NONE
 * sections	sections that only this architecture has; those that it has not
 * irqchip	address and first pin of an interrupt controller
 * region	a memory region, which is good by itself, against what is not memory here
 * function	where the interrupt of a PCI function goes to
 * pair		its sections in two cells
 * root		its sections in a cell against those of the root config
 */
#define CHECK_PART(arch)                                                           \
	int arch##_check_header(struct check *c);                                  \
	int arch##_check_console(struct check *c, const struct cl_platform *p);    \
	int arch##_check_sections(struct check *c);                                \
	int arch##_check_irqchip(struct check *c, const struct cl_irqchip *chip);  \
	int arch##_check_region(struct check *c, const struct cl_memory *m);       \
	int arch##_check_function(struct check *c, const struct cl_pci_device *f); \
	int arch##_check_pair(struct check *c, const struct cl_config *b);         \
	int arch##_check_root(struct check *c, const struct cl_config *root)

CHECK_PART(x86);
CHECK_PART(arm64);

/* What is wrong with the member `field` of what is being looked at. Returns error. */
int check_refuse(struct check *c, int error, const char *field, uint64_t found, uint64_t expected,
		 const char *rule);
int check_conflict(struct check *c, const struct cl_config *other, const char *field,
		   uint64_t found, uint64_t expected, const char *rule);

static inline int refuse(struct check *c, const char *field, uint64_t found, uint64_t expected,
			 const char *rule)
{
	return check_refuse(c, REFUSE_INVALID, field, found, expected, rule);
}

/* Begin with the section of this type: what is refused from now on is one of its entries. */
const struct cl_section *check_look_at(struct check *c, uint32_t type);

/* This config has no such section. */
int check_absent(struct check *c, uint32_t type, const char *rule);

/* A range of physical or guest-physical addresses. */
int check_range(struct check *c, const char *field, uint64_t start, uint64_t size, uint64_t align);

/* The end of what the machine can address. */
uint64_t check_address_end(const struct check *c);

bool check_next_entry(const struct cl_section *section, uint32_t index, void *out,
		      uint32_t out_size);

/* Walk the entries of a section, which may be missing, as copies. */
#define cl_for_each(section, i, entry) \
	for (i = 0; check_next_entry(section, i, &(entry), sizeof(entry)); i++)

static inline bool is_root(const struct check *c)
{
	return c->config->flags & CL_CELL_ROOT;
}

/* Both ranges are known not to wrap; an empty one overlaps nothing. */
static inline bool overlap(struct range a, struct range b)
{
	return a.size && b.size && a.start < b.start + b.size && b.start < a.start + a.size;
}

static inline bool inside(uint64_t address, struct range r)
{
	return address >= r.start && address - r.start < r.size;
}

static inline struct range virt_range(const struct cl_memory *m)
{
	return (struct range){ m->virt, m->size };
}

/* Size 0 where the config does not say which memory it is. */
static inline struct range phys_range(const struct cl_memory *m)
{
	if ((m->flags & CL_MEM_COMM) || m->phys == CL_AUTO)
		return (struct range){ 0, 0 };
	return (struct range){ m->phys, m->size };
}

#endif
