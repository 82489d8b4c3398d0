// SPDX-License-Identifier: GPL-2.0
/* What the config validator asks of configs for x86; see check_parts.h. */
#include <check_parts.h>

#define FOUR_GIB   0x100000000ULL
#define PIO_END	   0x10000ULL
#define LOCAL_APIC 0xfee00000ULL
#define PCI_PORTS  0xcf8
#define UART_PORTS 0x3f8

int x86_check_header(struct check *c)
{
	const struct cl_config *config = c->config;

	c->object = "config";
	if (config->flags & CL_CELL_DIRECT_IRQ)
		return refuse(
			c, "flags", config->flags, CL_CELL_FLAGS & ~CL_CELL_DIRECT_IRQ,
			"bits out of @: CL_CELL_DIRECT_IRQ is for arm64 cells other than root");
	if (!is_root(c) && config->entry >= FOUR_GIB)
		return refuse(c, "entry", config->entry, FOUR_GIB,
			      "an address below @: a cell starts in 32-bit mode");
	return 0;
}

int x86_check_console(struct check *c, const struct cl_platform *p)
{
	if (p->console_type != CL_CONSOLE_16550_PIO)
		return refuse(c, "console_type", p->console_type, CL_CONSOLE_16550_PIO,
			      "at most @ on x86");
	if (!p->console_address || p->console_address > PIO_END - 8)
		return refuse(c, "console_address", p->console_address, PIO_END - 8,
			      "the first of 8 I/O ports, 1 to @");
	return 0;
}

int x86_check_irqchip(struct check *c, const struct cl_irqchip *chip)
{
	const uint64_t virtual = 1ULL << CL_VUART_PIN | 1ULL << CL_BUTTON_PIN;

	if (!chip->address || chip->address == LOCAL_APIC)
		return refuse(
			c, "address", chip->address, LOCAL_APIC,
			"the registers of an IOAPIC (the local APIC at @ is everybody's own)");
	if (chip->first)
		return refuse(c, "first", chip->first, 0, "@ on x86");
	if (c->config->flags & CL_CELL_VUART && chip->address == CL_VUART_CHIP &&
	    chip->pins[0] & virtual)
		return refuse(c, "pins", chip->pins[0], virtual,
			      "pins without those of @: CL_CELL_VUART puts the interrupts of the "
			      "virtual UART and the power button there");
	return 0;
}

int x86_check_region(struct check *c, const struct cl_memory *m)
{
	const struct range apic = { LOCAL_APIC, PAGE }, chip = { CL_VUART_CHIP, PAGE };

	if (c->config->flags & CL_CELL_VUART && overlap(virt_range(m), chip))
		return refuse(c, "virt", m->virt, CL_VUART_CHIP,
			      "addresses without the page at @: CL_CELL_VUART puts the virtual "
			      "UART's interrupt controller there");
	if (overlap(virt_range(m), apic))
		return refuse(c, "virt", m->virt, LOCAL_APIC,
			      "addresses without the page at @: the local APIC is there");
	if (overlap(phys_range(m), apic))
		return refuse(c, "phys", m->phys, LOCAL_APIC,
			      "addresses without the page at @: the local APIC is there");
	return 0;
}

/* The pin is one of this config's own. */
int x86_check_function(struct check *c, const struct cl_pci_device *f)
{
	const struct cl_section *section = cl_find_section(c->config, CL_SEC_IRQCHIP);
	struct cl_irqchip chip;
	uint32_t i;

	if (!f->intx)
		return 0;
	if (is_root(c))
		return refuse(c, "intx", f->intx, 0, "@: it is for cells other than root");
	cl_for_each(section, i, chip)
		if (chip.address == CL_VUART_CHIP && f->intx < CHIP_PINS &&
		    chip.pins[f->intx / 64] >> f->intx % 64 & 1)
			return 0;
	return refuse(c, "intx", f->intx, CL_VUART_CHIP,
		      "a pin that the config has of the interrupt controller at @, or 0");
}

static struct range pio_range(const struct cl_pio *pio)
{
	return (struct range){ pio->base, pio->length };
}

static int check_pio(struct check *c)
{
	const struct cl_section *section = check_look_at(c, CL_SEC_PIO);
	struct cl_pio pio, other;
	uint32_t i;

	cl_for_each(section, c->index, pio) {
		if (!pio.length)
			return refuse(c, "length", pio.length, 1, "at least @ port");
		if (pio.base >= PIO_END || pio.length > PIO_END - pio.base)
			return refuse(c, "base", pio.base, PIO_END,
				      "ports that with the length end at @ or below");
		if (!is_root(c) && overlap(pio_range(&pio), (struct range){ PCI_PORTS, 8 }))
			return refuse(c, "base", pio.base, PCI_PORTS,
				      "ports without @ to 0xcff: the hypervisor moderates PCI "
				      "configuration");
		if ((c->config->flags & CL_CELL_VUART) &&
		    overlap(pio_range(&pio), (struct range){ UART_PORTS, 8 }))
			return refuse(c, "base", pio.base, UART_PORTS,
				      "ports without @ to 0x3ff: CL_CELL_VUART puts the virtual "
				      "UART there");
		for (i = 0; i < c->index; i++) {
			cl_get_entry(section, i, &other, sizeof(other));
			if (overlap(pio_range(&pio), pio_range(&other)))
				return refuse(c, "base", pio.base, i,
					      "ports that entry @ does not have");
		}
	}
	return 0;
}

static int pair_pio(struct check *c, const struct cl_config *b)
{
	const struct cl_section *section = check_look_at(c, CL_SEC_PIO);
	struct cl_pio mine, theirs;
	uint32_t i;

	cl_for_each(section, c->index, mine)
		cl_for_each(cl_find_section(b, CL_SEC_PIO), i, theirs)
			if (overlap(pio_range(&mine), pio_range(&theirs)))
				return check_conflict(
					c, b, "base", mine.base, i,
					"ports that the other cell does not have (its "
					"entry @)");
	return 0;
}

static uint64_t root_pio_end(const struct cl_config *root, uint64_t port)
{
	struct cl_pio theirs;
	uint32_t i;

	cl_for_each(cl_find_section(root, CL_SEC_PIO), i, theirs)
		if (inside(port, pio_range(&theirs)))
			return (uint64_t)theirs.base + theirs.length;
	return port;
}

static int root_pio(struct check *c, const struct cl_config *root)
{
	const struct cl_section *section = check_look_at(c, CL_SEC_PIO);
	struct cl_pio pio;
	uint64_t port, next;

	cl_for_each(section, c->index, pio)
		for (port = pio.base; port - pio.base < pio.length; port = next) {
			next = root_pio_end(root, port);
			if (next == port)
				return refuse(c, "base", pio.base, port,
					      "ports that the root config has; @ is the first that "
					      "it has not");
		}
	return 0;
}

int x86_check_sections(struct check *c)
{
	const char *rule = "@: it is for arm64 machines";
	int err = check_absent(c, CL_SEC_GIC, rule);

	if (!err)
		err = check_absent(c, CL_SEC_IOMMU, rule);
	if (!err)
		err = check_absent(c, CL_SEC_FIRMWARE, rule);
	return err ? err : check_pio(c);
}

int x86_check_pair(struct check *c, const struct cl_config *b)
{
	return pair_pio(c, b);
}

int x86_check_root(struct check *c, const struct cl_config *root)
{
	return root_pio(c, root);
}
