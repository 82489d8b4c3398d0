// SPDX-License-Identifier: GPL-2.0
/*
 * Interrupts of a GICv2 on their way to the guest and back, by a model of the GIC: what the guest
 * has ended is inactive in the hardware, whether the hardware sees to that or the hypervisor. QEMU
 * needs the latter, real machines the former.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <cmocka.h>
#include <arm64.h>

static uint32_t model_read32(volatile char *address);
static void model_write32(volatile char *address, uint32_t value);
#define mmio_read32  model_read32
#define mmio_write32 model_write32
#include "hypervisor/arch/arm64/vgic.c"

#define TIMER	    30
#define MAINTENANCE 25
#define LRS	    4
#define PRIORITY    0xa0
#define NONE	    1023
#define INTIDS	    1020
#define SHARED	    600 /* bit 9 is where EOI is without HW */

/* IHI 0048, 5.3.13 */
#define V2_PENDING  0x10000000U
#define V2_ACTIVE   0x20000000U
#define V2_HW	    0x80000000U
#define V2_EOI	    0x00080000U /* without V2_HW */
#define V2_PHYS(lr) ((lr) >> 10 & 0x3ff)
#define V2_VIRT(lr) ((lr)&0x3ff)

static const struct cl_config config = { .flags = CL_CELL_ROOT };
struct cell root_cell = { .config = &config };
struct cpu cpus[CONFIG_MAX_CPUS];
unsigned int cpu_count = 1;
struct info_region info;
unsigned int gic_maintenance_irq = MAINTENANCE;
bool gic_is_v2 = true, gic_needs_eoi;

static struct {
	bool line; /* the timer's */
	bool active[INTIDS];
	uint32_t lr[LRS], hcr;
} model;

static char frame[PAGE_SIZE] __attribute__((aligned(4)));
static uint32_t set_pending;

uint64_t host_read_sysreg(const char *name)
{
	fail_msg("%s is read", name);
	return 0;
}

void host_write_sysreg(const char *name, uint64_t value)
{
	fail_msg("%s is written: %#lx", name, value);
}

void wait_for_interrupt(void)
{
	fail();
}

void cpu_relax(void)
{
	fail();
}

void cpu_post(struct cpu *cpu, uint32_t events)
{
	fail_msg("events %#x to CPU %u", events, cpu->id);
}

void log_write(unsigned int severity, uint32_t cell, const char *fmt, ...)
{
	fail_msg("%u, cell %u: %s", severity, cell, fmt);
}

bool gic_has_fiq(void)
{
	return false;
}

void gic_use_fiq(bool on)
{
	(void)on;
}

void gic_map_cpu(struct cpu *cpu)
{
	(void)cpu;
}

bool gic_owns(const struct cell *cell, uint64_t intid)
{
	(void)cell;
	return intid == TIMER;
}

volatile char *gic_sgi_frame(void)
{
	return frame;
}

void gic_set_pending(unsigned int intid)
{
	set_pending |= 1U << intid;
}

void gic_clear_sgis(void)
{
}

void gic_send_v2(const struct cpu *cpu, unsigned int sgi)
{
	fail_msg("SGI %u to CPU %u", sgi, cpu->id);
}

/* 5.3.8: with HW, EOI is a bit of the physical number. */
static bool has_ended(uint32_t lr)
{
	return !(lr & (V2_PENDING | V2_ACTIVE | V2_HW)) && lr & V2_EOI;
}

static uint32_t ended(void)
{
	uint32_t bits = 0;

	for (unsigned int i = 0; i < LRS; i++)
		bits |= (uint32_t)has_ended(model.lr[i]) << i;
	return bits;
}

static uint32_t empty(void)
{
	uint32_t bits = 0;

	for (unsigned int i = 0; i < LRS; i++)
		if (!(model.lr[i] & (V2_PENDING | V2_ACTIVE)) && !has_ended(model.lr[i]))
			bits |= 1U << i;
	return bits;
}

/* What the CPU interface would signal; both are levels. */
static unsigned int highest(void)
{
	if (model.hcr & 1 && ended() && !model.active[MAINTENANCE])
		return MAINTENANCE;
	return model.line && !model.active[TIMER] ? TIMER : NONE;
}

static uint32_t acknowledge(void)
{
	unsigned int intid = highest();

	if (intid != NONE) {
		assert_false(model.active[intid]);
		model.active[intid] = true;
	}
	return intid;
}

static uint32_t model_read32(volatile char *address)
{
	if (address >= frame && address < frame + sizeof(frame))
		return *(volatile uint32_t *)address;
	if (address == gicc + GICC_IAR)
		return acknowledge();
	if (address == gicc + GICC_RPR)
		return PRIORITY;
	if (address == gich + GICH_VTR)
		return LRS - 1;
	if (address == gich + GICH_EISR)
		return ended();
	if (address == gich + GICH_ELRSR)
		return empty();
	if (address >= gich + GICH_LR && address < gich + GICH_LR + 4 * LRS)
		return model.lr[(address - gich - GICH_LR) / 4];
	return 0;
}

static void model_write32(volatile char *address, uint32_t value)
{
	if (address >= frame && address < frame + sizeof(frame))
		*(volatile uint32_t *)address = value;
	if (address == gicc + GICC_DIR) {
		assert_true(model.active[value]);
		model.active[value] = false;
	}
	if (address == gich + GICH_HCR)
		model.hcr = value;
	if (address >= gich + GICH_LR && address < gich + GICH_LR + 4 * LRS)
		model.lr[(address - gich - GICH_LR) / 4] = value;
}

/* Exits until nothing is signalled any more. */
static unsigned int interrupts(void)
{
	unsigned int exits = 0;

	for (; highest() != NONE && exits < 10; exits++)
		assert_false(vgic_interrupt());
	return exits;
}

static unsigned int guest_takes(void)
{
	for (unsigned int i = 0; i < LRS; i++) {
		if (model.lr[i] & V2_PENDING) {
			model.lr[i] ^= V2_PENDING | V2_ACTIVE;
			return V2_VIRT(model.lr[i]);
		}
	}
	return NONE;
}

static void guest_ends(unsigned int intid)
{
	for (unsigned int i = 0; i < LRS; i++) {
		if (!(model.lr[i] & V2_ACTIVE) || V2_VIRT(model.lr[i]) != intid)
			continue;
		model.lr[i] ^= V2_ACTIVE;
		if (model.lr[i] & V2_HW)
			model.active[V2_PHYS(model.lr[i])] = false;
		return;
	}
	fail_msg("the guest has no interrupt %u", intid);
}

static void set_up(bool needs_eoi)
{
	static struct cl_cpu_info counters;

	memset(&model, 0, sizeof(model));
	memset(frame, 0, sizeof(frame));
	memset(cpus, 0, sizeof(cpus));
	set_pending = 0;
	cpus[0].cell = &root_cell;
	local->cpu = &cpus[0];
	local->exits = counters.exits;
	gic_needs_eoi = needs_eoi;
	assert_int_equal(vgic_init_cpu(&cpus[0]), 0);
	assert_int_equal(interrupts(), 0);
}

static void in_the_guest(bool needs_eoi)
{
	set_up(needs_eoi);
	model.line = true;
	assert_int_equal(interrupts(), 1);
	assert_int_equal(guest_takes(), TIMER);
	assert_true(model.active[TIMER]);
}

static void check_next(bool needs_eoi)
{
	/* While the guest has it, it does not come again, whatever its line does. */
	in_the_guest(needs_eoi);
	assert_int_equal(interrupts(), 0);
	model.line = false;
	guest_ends(TIMER);
	assert_int_equal(interrupts(), needs_eoi);
	assert_false(model.active[TIMER]);
	assert_int_equal(empty(), (1 << LRS) - 1);

	/* A line that is up at the end is a second interrupt. */
	in_the_guest(needs_eoi);
	guest_ends(TIMER);
	assert_int_equal(interrupts(), needs_eoi ? 2 : 1);
	assert_int_equal(guest_takes(), TIMER);
	assert_int_equal(guest_takes(), NONE);
	assert_int_equal(empty(), (1 << LRS) - 2);
}

static void hardware_deactivates(void **state)
{
	(void)state;
	check_next(false);
}

static void hypervisor_deactivates(void **state)
{
	(void)state;
	check_next(true);
}

/* A CPU that is reset, and one that Linux gets back, at each point of an interrupt's way. */
enum point { PENDING, ACTIVE, ENDED, POINTS };

static void leave_in(enum point point, bool needs_eoi)
{
	if (point == PENDING) {
		set_up(needs_eoi);
		model.line = true;
		assert_int_equal(interrupts(), 1);
	} else {
		in_the_guest(needs_eoi);
		if (point == ENDED)
			guest_ends(TIMER);
	}
}

static void reset_ends_all(void **state)
{
	(void)state;
	for (enum point point = PENDING; point < POINTS; point++) {
		for (unsigned int needs_eoi = 0; needs_eoi < 2; needs_eoi++) {
			leave_in(point, needs_eoi);
			vgic_reset_cpu(&cpus[0]);
			assert_false(model.active[TIMER]);
			assert_int_equal(empty(), (1 << LRS) - 1);
		}
	}
}

static void linux_gets_back(void **state)
{
	(void)state;
	for (enum point point = PENDING; point < POINTS; point++) {
		for (unsigned int needs_eoi = 0; needs_eoi < 2; needs_eoi++) {
			leave_in(point, needs_eoi);
			vgic_exit_cpu();
			/* What Linux has taken it deactivates itself; what not comes once more. */
			assert_int_equal(model.active[TIMER], point == ACTIVE);
			assert_int_equal(set_pending, point == PENDING ? 1U << TIMER : 0);
			assert_int_equal(empty(), (1 << LRS) - 1);
		}
	}
}

/* What is left in a list register may be another CPU's by now. */
static void leftovers_are_nobodys(void **state)
{
	uint32_t lr = V2_HW | SHARED << 10 | SHARED;

	(void)state;
	set_up(false);
	model.active[SHARED] = true;
	model.lr[0] = lr;
	vgic_reset_cpu(&cpus[0]);
	assert_true(model.active[SHARED]);
	model.lr[0] = lr;
	vgic_exit_cpu();
	assert_true(model.active[SHARED]);
	assert_int_equal(set_pending, 0);
}

/* The virtual UART's interrupt, a level that no hardware knows of, in a cell. */
static struct cell pin_cell = { .config = &config };

static void set_up_pin(bool needs_eoi)
{
	set_up(needs_eoi);
	pin_cell.arch = (struct arch_cell){ .pins[0].priority = PRIORITY,
					    .pins[1].priority = PRIORITY,
					    .pins_enabled = VPIN_BITS,
					    .pins_active = VPIN_BIT(CL_VUART_INTID),
					    .pin_word = CL_VUART_INTID / 32 };
	cpus[0].cell = &pin_cell;
	vgic_update_pins(&cpus[0]);
}

/* What another CPU does. */
static void change_line(bool line)
{
	pin_cell.arch.pins_active = line ? VPIN_BIT(CL_VUART_INTID) : 0;
	cpus[0].arch.pin_changed = true;
	vgic_deliver(&cpus[0]);
	assert_false(cpus[0].arch.pin_changed);
}

static void pin_is_a_level(void **state)
{
	(void)state;
	for (unsigned int needs_eoi = 0; needs_eoi < 2; needs_eoi++) {
		/* As long as it is active it comes again. */
		set_up_pin(needs_eoi);
		for (unsigned int i = 0; i < 3; i++) {
			assert_int_equal(guest_takes(), CL_VUART_INTID);
			change_line(true);
			assert_int_equal(guest_takes(), NONE);
			guest_ends(CL_VUART_INTID);
			assert_int_equal(interrupts(), 1);
		}
		/* Before it was taken it is taken back, while in work it goes on to its end. */
		change_line(false);
		assert_int_equal(guest_takes(), NONE);
		assert_int_equal(empty(), (1 << LRS) - 1);
		change_line(true);
		assert_int_equal(guest_takes(), CL_VUART_INTID);
		change_line(false);
		guest_ends(CL_VUART_INTID);
		assert_int_equal(interrupts(), 1);
		assert_int_equal(empty(), (1 << LRS) - 1);
		assert_false(model.active[CL_VUART_INTID]);
	}
}

static void pin_is_where_it_is_directed_to(void **state)
{
	(void)state;
	set_up_pin(false);
	pin_cell.arch.pins_enabled = 0;
	change_line(true);
	assert_int_equal(guest_takes(), NONE);
	pin_cell.arch.pins_enabled = VPIN_BITS;
	pin_cell.arch.pins[CL_VUART_INTID - VPIN_FIRST].target = 1;
	change_line(true);
	assert_int_equal(guest_takes(), NONE);
	pin_cell.arch.pins[CL_VUART_INTID - VPIN_FIRST].target = 0;
	change_line(true);
	assert_int_equal(guest_takes(), CL_VUART_INTID);
}

/* The button's is an edge: it comes once, also if it was pressed again before that. */
static void button_is_an_edge(void **state)
{
	(void)state;
	for (unsigned int needs_eoi = 0; needs_eoi < 2; needs_eoi++) {
		set_up_pin(needs_eoi);
		change_line(false);
		for (unsigned int i = 0; i < 3; i++) {
			pin_cell.arch.pins_active = VPIN_BIT(CL_BUTTON_INTID);
			vgic_update_pins(&cpus[0]);
			vgic_update_pins(&cpus[0]);
			assert_int_equal(guest_takes(), CL_BUTTON_INTID);
			guest_ends(CL_BUTTON_INTID);
			assert_int_equal(interrupts(), 1);
			assert_int_equal(pin_cell.arch.pins_active, 0);
			assert_int_equal(guest_takes(), NONE);
			assert_int_equal(empty(), (1 << LRS) - 1);
		}
		/* Before it was taken it can be switched off, and waits then. */
		pin_cell.arch.pins_active = VPIN_BIT(CL_BUTTON_INTID);
		vgic_update_pins(&cpus[0]);
		pin_cell.arch.pins_enabled = 0;
		vgic_update_pins(&cpus[0]);
		assert_int_equal(guest_takes(), NONE);
		pin_cell.arch.pins_enabled = VPIN_BITS;
		vgic_update_pins(&cpus[0]);
		/* Both at once */
		pin_cell.arch.pins_active = VPIN_BITS;
		vgic_update_pins(&cpus[0]);
		for (unsigned int i = 0; i < VPINS; i++) {
			unsigned int intid = guest_takes();

			assert_true(vpin_is(&pin_cell, intid));
			if (intid == CL_VUART_INTID)
				pin_cell.arch.pins_active &= ~VPIN_BIT(intid);
			guest_ends(intid);
			assert_int_equal(interrupts(), 1);
		}
		assert_int_equal(guest_takes(), NONE);
		assert_int_equal(pin_cell.arch.pins_active, 0);
		assert_false(model.active[CL_BUTTON_INTID]);
	}
}

static void pin_waits_for_room(void **state)
{
	(void)state;
	set_up(false);
	for (unsigned int i = 0; i < LRS; i++)
		model.lr[i] = V2_PENDING | (SHARED + i);
	pin_cell.arch = (struct arch_cell){ .pins[0].priority = PRIORITY,
					    .pins[1].priority = PRIORITY,
					    .pins_enabled = VPIN_BITS,
					    .pins_active = VPIN_BIT(CL_VUART_INTID),
					    .pin_word = CL_VUART_INTID / 32 };
	cpus[0].cell = &pin_cell;
	vgic_update_pins(&cpus[0]);
	assert_true(cpus[0].arch.pin_changed);
	model.lr[2] = 0;
	vgic_deliver(&cpus[0]);
	assert_false(cpus[0].arch.pin_changed);
	assert_int_equal(V2_VIRT(model.lr[2]), CL_VUART_INTID);
}

/* It is nothing that could be deactivated in the hardware. */
static void reset_forgets_the_pin(void **state)
{
	(void)state;
	for (enum point point = PENDING; point < POINTS; point++) {
		for (unsigned int needs_eoi = 0; needs_eoi < 2; needs_eoi++) {
			set_up_pin(needs_eoi);
			if (point != PENDING)
				assert_int_equal(guest_takes(), CL_VUART_INTID);
			if (point == ENDED)
				guest_ends(CL_VUART_INTID);
			vgic_reset_cpu(&cpus[0]);
			assert_int_equal(empty(), (1 << LRS) - 1);
			/* When it starts again, the level is still there. */
			vgic_update_pins(&cpus[0]);
			assert_int_equal(guest_takes(), CL_VUART_INTID);
		}
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(hardware_deactivates),
		cmocka_unit_test(hypervisor_deactivates),
		cmocka_unit_test(reset_ends_all),
		cmocka_unit_test(linux_gets_back),
		cmocka_unit_test(leftovers_are_nobodys),
		cmocka_unit_test(pin_is_a_level),
		cmocka_unit_test(pin_is_where_it_is_directed_to),
		cmocka_unit_test(button_is_an_edge),
		cmocka_unit_test(pin_waits_for_room),
		cmocka_unit_test(reset_forgets_the_pin),
	};

	if (mmap((void *)LOCAL_PRIVATE, PAGE_SIZE, PROT_READ | PROT_WRITE,
		 MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0) == MAP_FAILED)
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
