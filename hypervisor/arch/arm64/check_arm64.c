// SPDX-License-Identifier: GPL-2.0
/* What the config validator asks of configs for arm64; see check_parts.h. */
#include <check_parts.h>

#define GICD_SIZE  0x10000ULL
#define GICC_SIZE  0x2000ULL
#define GICR_SIZE  0x20000ULL /* of one CPU; with GICv4 twice as much */
#define GITS_SIZE  0x10000ULL
#define SMMU_ALIGN 0x10000ULL
#define FIRST_SPI  32
#define SPI_END	   1020

int arm64_check_header(struct check *c)
{
	if (c->config->flags & CL_CELL_DIRECT_IRQ && is_root(c))
		return refuse(
			c, "flags", c->config->flags, CL_CELL_FLAGS & ~CL_CELL_DIRECT_IRQ,
			"bits out of @: CL_CELL_DIRECT_IRQ is for arm64 cells other than root");
	return 0;
}

int arm64_check_console(struct check *c, const struct cl_platform *p)
{
	if (p->console_type == CL_CONSOLE_16550_PIO)
		return refuse(c, "console_type", p->console_type, CL_CONSOLE_NONE,
			      "@: only x86 has I/O ports");
	if (!p->console_address || p->console_address >= check_address_end(c) ||
	    p->console_address % 4)
		return refuse(c, "console_address", p->console_address, check_address_end(c),
			      "the physical address of its registers, below @ and a multiple of 4");
	return 0;
}

int arm64_check_irqchip(struct check *c, const struct cl_irqchip *chip)
{
	if (!chip->address)
		return refuse(c, "address", 0, GICD_SIZE, "the address of the GIC's distributor");
	if (chip->first < FIRST_SPI || chip->first >= SPI_END ||
	    (chip->first - FIRST_SPI) % CHIP_PINS)
		return refuse(c, "first", chip->first, FIRST_SPI,
			      "@ plus a multiple of 128: shared interrupts by INTID");
	return 0;
}

static uint64_t gicd_size(const struct cl_gic *gic)
{
	return gic->version == 2 ? PAGE : GICD_SIZE;
}

/* What the hypervisor moderates of the interrupt controller is not memory of root's. */
static int check_gic_hole(struct check *c, const struct cl_memory *m)
{
	const struct cl_section *section = cl_find_section(c->config, CL_SEC_GIC);
	struct range parts[5 + CL_ITS_MAX];
	struct cl_gic gic;
	unsigned int part;

	if (!section)
		return 0;
	cl_get_entry(section, 0, &gic, sizeof(gic));
	parts[0] = (struct range){ gic.dist_phys, gicd_size(&gic) };
	parts[1] = (struct range){ gic.redist_phys, gic.redist_size };
	parts[2] = (struct range){ gic.cpu_phys, gic.cpu_phys ? GICC_SIZE : 0 };
	parts[3] = (struct range){ gic.hyp_phys, gic.hyp_phys ? PAGE : 0 };
	parts[4] = (struct range){ gic.vcpu_phys, gic.vcpu_phys ? GICC_SIZE : 0 };
	for (part = 0; part < CL_ITS_MAX; part++)
		parts[5 + part] =
			(struct range){ gic.its_phys[part], gic.its_phys[part] ? GITS_SIZE : 0 };
	for (part = 0; part < sizeof(parts) / sizeof(parts[0]); part++)
		if (overlap(virt_range(m), parts[part]))
			return refuse(c, "virt", m->virt, parts[part].start,
				      "addresses without the interrupt controller at @ "
				      "(CLOISTER_GIC): the hypervisor moderates it");
	return 0;
}

/* Nor are the registers of the IOMMUs, which the hypervisor alone uses. */
static int check_iommu_hole(struct check *c, const struct cl_memory *m)
{
	struct cl_iommu iommu;
	uint32_t i;

	cl_for_each(cl_find_section(c->config, CL_SEC_IOMMU), i, iommu)
		if (overlap(virt_range(m), (struct range){ iommu.phys, CL_SMMU_SIZE }))
			return refuse(c, "virt", m->virt, iommu.phys,
				      "addresses without the IOMMU at @ (CLOISTER_IOMMU): the "
				      "hypervisor has it");
	return 0;
}

static int check_gic_v2(struct check *c, const struct cl_gic *gic)
{
	int err;

	if (gic->redist_phys | gic->redist_size)
		return refuse(c, "redist_phys", gic->redist_phys, 0,
			      "@, as redist_size: version 2 has no redistributors");
	if (gic->its_phys[0])
		return refuse(c, "its_phys", gic->its_phys[0], 0,
			      "@: version 2 has no interrupt translation service");
	if (!gic->cpu_phys || !gic->hyp_phys || !gic->vcpu_phys)
		return refuse(c, "cpu_phys", gic->cpu_phys, PAGE,
			      "the address of GICC, and that of GICH and GICV in hyp_phys and "
			      "vcpu_phys");
	err = check_range(c, "cpu_phys", gic->cpu_phys, GICC_SIZE, PAGE);
	if (!err)
		err = check_range(c, "hyp_phys", gic->hyp_phys, PAGE, PAGE);
	if (!err)
		err = check_range(c, "vcpu_phys", gic->vcpu_phys, GICC_SIZE, PAGE);
	return err;
}

/* Those that there are come first, and none lies in another part of the GIC. */
static int check_its(struct check *c, const struct cl_gic *gic)
{
	const struct range dist = { gic->dist_phys, GICD_SIZE };
	const struct range redist = { gic->redist_phys, gic->redist_size };
	unsigned int i, other;

	for (i = 0; i < CL_ITS_MAX; i++) {
		const struct range its = { gic->its_phys[i], GITS_SIZE };
		int err;

		if (!its.start)
			continue;
		if (i && !gic->its_phys[i - 1])
			return refuse(c, "its_phys", its.start, 0,
				      "no address behind one that is @");
		err = check_range(c, "its_phys", its.start, its.size, GITS_SIZE);
		if (err)
			return err;
		for (other = 0; other < i; other++)
			if (gic->its_phys[other] == its.start)
				return refuse(c, "its_phys", its.start, 0, "each ITS once");
		if (overlap(its, dist) || overlap(its, redist))
			return refuse(c, "its_phys", its.start, 0,
				      "addresses outside the distributor's and the "
				      "redistributors'");
	}
	return 0;
}

static int check_gic_v3(struct check *c, const struct cl_gic *gic)
{
	int err = check_range(c, "redist_phys", gic->redist_phys, gic->redist_size, GICD_SIZE);

	if (err)
		return err;
	if (gic->redist_size < GICR_SIZE)
		return refuse(c, "redist_size", gic->redist_size, GICR_SIZE,
			      "at least @ for each CPU");
	if (overlap((struct range){ gic->dist_phys, GICD_SIZE },
		    (struct range){ gic->redist_phys, gic->redist_size }))
		return refuse(c, "redist_phys", gic->redist_phys, gic->dist_phys + GICD_SIZE,
			      "addresses outside the distributor's, which end at @");
	if (gic->cpu_phys | gic->hyp_phys | gic->vcpu_phys)
		return refuse(c, "cpu_phys", gic->cpu_phys, 0,
			      "@, as hyp_phys and vcpu_phys: version 3 has system registers");
	return check_its(c, gic);
}

static int check_gic(struct check *c)
{
	const struct cl_section *section = check_look_at(c, CL_SEC_GIC);
	struct cl_irqchip chip;
	struct cl_gic gic;
	uint32_t i;
	int err;

	if (!is_root(c))
		return check_absent(c, CL_SEC_GIC, "@: only the root cell describes the GIC");
	if (!section || section->count != 1)
		return refuse(c, "count", section ? section->count : 0, 1,
			      "@: the root cell needs one CLOISTER_GIC(...)");
	cl_get_entry(section, 0, &gic, sizeof(gic));
	if (gic.version != 2 && gic.version != 3)
		return refuse(c, "version", gic.version, 3, "2 or @, which also stands for 4");
	if (gic.maintenance_irq < 16 || gic.maintenance_irq > 31)
		return refuse(c, "maintenance_irq", gic.maintenance_irq, 16,
			      "the INTID of a private interrupt, @ to 31");
	err = check_range(c, "dist_phys", gic.dist_phys, gicd_size(&gic), gicd_size(&gic));
	if (!err)
		err = gic.version == 2 ? check_gic_v2(c, &gic) : check_gic_v3(c, &gic);
	if (err)
		return err;
	if (!gic.dist_phys)
		return refuse(c, "dist_phys", 0, GICD_SIZE, "the address of GICD");
	cl_for_each(cl_find_section(c->config, CL_SEC_IRQCHIP), i, chip)
		if (chip.address != gic.dist_phys)
			return refuse(c, "dist_phys", gic.dist_phys, chip.address,
				      "@, the address in CLOISTER_IRQCHIP");
	return 0;
}

static struct range functions_of(const struct cl_iommu *iommu)
{
	return (struct range){ iommu->first, iommu->functions ? iommu->functions : CL_FUNCTIONS };
}

static int check_iommu_functions(struct check *c, const struct cl_iommu *iommu)
{
	if (!iommu->functions && (iommu->first | iommu->stream))
		return refuse(c, "functions", 0, 1,
			      "at least @; 0 is for all functions, with first and stream 0, too");
	if (iommu->first > CL_FUNCTIONS || iommu->functions > CL_FUNCTIONS - iommu->first)
		return refuse(c, "first", iommu->first, CL_FUNCTIONS,
			      "a function (bus << 8 | devfn) that with the others is below @");
	if (iommu->stream > CL_FUNCTIONS || iommu->functions > CL_FUNCTIONS - iommu->stream)
		return refuse(c, "stream", iommu->stream, CL_FUNCTIONS,
			      "a stream id that with those of the other functions is below @");
	return 0;
}

static int check_iommu(struct check *c)
{
	const struct cl_section *section = check_look_at(c, CL_SEC_IOMMU);
	struct cl_iommu iommu, other;
	uint32_t i;
	int err;

	if (section && !is_root(c))
		return check_absent(c, CL_SEC_IOMMU, "@: only the root cell describes an IOMMU");
	if (section && section->count > CL_IOMMU_MAX)
		return refuse(c, "count", section->count, CL_IOMMU_MAX, "at most @");
	cl_for_each(section, c->index, iommu) {
		if (iommu.kind != CL_IOMMU_SMMUV3)
			return refuse(c, "kind", iommu.kind, CL_IOMMU_SMMUV3,
				      "@ (CL_IOMMU_SMMUV3)");
		if (!iommu.phys)
			return refuse(c, "phys", 0, CL_SMMU_SIZE, "the address of its registers");
		if (iommu.reserved | iommu.reserved2)
			return refuse(c, "reserved", iommu.reserved | iommu.reserved2, 0, "@");
		err = check_range(c, "phys", iommu.phys, CL_SMMU_SIZE, SMMU_ALIGN);
		if (!err)
			err = check_iommu_functions(c, &iommu);
		if (err)
			return err;
		for (i = 0; i < c->index; i++) {
			cl_get_entry(section, i, &other, sizeof(other));
			if (overlap((struct range){ iommu.phys, CL_SMMU_SIZE },
				    (struct range){ other.phys, CL_SMMU_SIZE }))
				return refuse(c, "phys", iommu.phys, i,
					      "registers that are not those of entry @");
			if (overlap(functions_of(&iommu), functions_of(&other)))
				return refuse(c, "first", iommu.first, i,
					      "functions that are not behind entry @");
		}
	}
	return 0;
}

/* With an IOMMU, a cell has no functions that are not behind one. */
static int root_iommu(struct check *c, const struct cl_config *root)
{
	const struct cl_section *section = cl_find_section(root, CL_SEC_IOMMU);
	const struct cl_section *devices = check_look_at(c, CL_SEC_PCI);
	struct cl_pci_device device;
	struct cl_iommu iommu;
	uint32_t i;

	if (!section || !section->count)
		return 0;
	cl_for_each(devices, c->index, device) {
		bool behind = false;

		cl_for_each(section, i, iommu)
			behind |= inside((uint64_t)device.bus << 8 | device.devfn,
					 functions_of(&iommu));
		if (!behind)
			return refuse(
				c, "devfn", device.bus << 8 | device.devfn, 0,
				"a device (bus << 8 | devfn) that is behind an IOMMU of the root "
				"config");
	}
	return 0;
}

static struct range calls(const struct cl_firmware *firmware)
{
	return (struct range){ firmware->function, firmware->count };
}

static int check_firmware(struct check *c)
{
	const struct cl_section *section = check_look_at(c, CL_SEC_FIRMWARE);
	struct cl_firmware mine, other;
	uint32_t i, left;

	if (section && section->count > CL_FIRMWARE_MAX)
		return refuse(c, "count", section->count, CL_FIRMWARE_MAX, "at most @ entries");
	cl_for_each(section, c->index, mine) {
		if (!cl_firmware_possible(mine.function))
			return refuse(c, "function", mine.function, 0x82000000,
				      "a fast call of a SiP (@) or OEM (0x83000000) service, or "
				      "0x84000050 to 0x8400005f (TRNG); 0x40000000 more for SMC64");
		left = 0x10000 - (mine.function & 0xffff);
		if (!mine.count || mine.count > left ||
		    !cl_firmware_possible(mine.function + mine.count - 1))
			return refuse(
				c, "count", mine.count, 1,
				"at least @, and functions of the same service up to the last");
		for (i = 0; i < c->index; i++) {
			cl_get_entry(section, i, &other, sizeof(other));
			if (overlap(calls(&mine), calls(&other)))
				return refuse(c, "function", mine.function, i,
					      "functions that entry @ does not have");
		}
	}
	return 0;
}

static uint64_t root_calls_end(const struct cl_config *root, uint64_t function)
{
	struct cl_firmware theirs;
	uint32_t i;

	cl_for_each(cl_find_section(root, CL_SEC_FIRMWARE), i, theirs)
		if (inside(function, calls(&theirs)))
			return (uint64_t)theirs.function + theirs.count;
	return function;
}

/* Root makes cells: what it may not call itself, it is not to call by way of a cell. */
static int root_firmware(struct check *c, const struct cl_config *root)
{
	const struct cl_section *section = check_look_at(c, CL_SEC_FIRMWARE);
	struct cl_firmware mine;
	uint64_t at, next;

	cl_for_each(section, c->index, mine)
		for (at = mine.function; at - mine.function < mine.count; at = next) {
			next = root_calls_end(root, at);
			if (next == at)
				return refuse(c, "function", mine.function, at,
					      "functions that the root config lists, too; @ is the "
					      "first that it does not");
		}
	return 0;
}

int arm64_check_region(struct check *c, const struct cl_memory *m)
{
	int err;

	if (c->config->flags & CL_CELL_VUART &&
	    overlap(virt_range(m), (struct range){ CL_VUART_ADDRESS, CL_VUART_SIZE }))
		return refuse(c, "virt", m->virt, CL_VUART_ADDRESS,
			      "addresses without the virtual UART (CL_CELL_VUART), which is at @");
	err = check_gic_hole(c, m);
	return err ? err : check_iommu_hole(c, m);
}

int arm64_check_function(struct check *c, const struct cl_pci_device *f)
{
	return f->intx ? refuse(c, "intx", f->intx, 0, "@: it is for x86") : 0;
}

/* The interrupts of virtual UART and power button have the numbers of hardware's. */
static int check_vuart(struct check *c)
{
	const struct cl_section *section = check_look_at(c, CL_SEC_IRQCHIP);
	const uint64_t virtual = 1ULL << (CL_VUART_INTID - FIRST_SPI) |
				 1ULL << (CL_BUTTON_INTID - FIRST_SPI);
	struct cl_irqchip chip;

	if (!(c->config->flags & CL_CELL_VUART))
		return 0;
	cl_for_each(section, c->index, chip)
		if (chip.first == FIRST_SPI && chip.pins[0] & virtual)
			return refuse(c, "pins", chip.pins[0], virtual,
				      "pins without those of @: these interrupts are the virtual "
				      "UART's and the power button's (CL_CELL_VUART)");
	return 0;
}

int arm64_check_sections(struct check *c)
{
	int err = check_absent(c, CL_SEC_PIO, "@: only x86 has I/O ports");

	if (!err)
		err = check_gic(c);
	if (!err)
		err = check_iommu(c);
	if (!err)
		err = check_vuart(c);
	return err ? err : check_firmware(c);
}

int arm64_check_pair(struct check *c, const struct cl_config *b)
{
	(void)c;
	(void)b;
	return 0;
}

int arm64_check_root(struct check *c, const struct cl_config *root)
{
	int err = root_iommu(c, root);

	return err ? err : root_firmware(c, root);
}
