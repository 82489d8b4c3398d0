// SPDX-License-Identifier: GPL-2.0
/*
 * A root kernel that has turned bad, for tests: does to the machine what is written to
 * /proc/hostile, one line each, and answers reads with the result of the last one.
 *
 *   call N A B C       hypercall N
 *   fuzz SEED COUNT    hypercalls with random numbers and arguments, never CL_HC_DISABLE and
 *                      CL_HC_LOCK; the result is how many of them did not fail
 *   read ADDRESS       32 bits of physical memory
 *   readq ADDRESS      64 bits
 *   readn ADDRESS N    N times, there and at the three words behind
 *   nonzero A SIZE     how many of these bytes of memory are not 0
 *   copy ADDRESS       32 bytes, by instructions that are not emulated; -14: an exception
 *   fill ADDRESS       zeros, in the same way
 *   write ADDRESS X    32 bits of physical memory
 *   spin               all CPUs of root, with interrupts off, for ever
 *
 * x86:
 *   apic REGISTER X    write to a register of this CPU's APIC, by its xAPIC offset
 *   icr HIGH LOW       interrupt command
 *   wrmsr N X          the result is 0, or -5 if the CPU refused
 *   rdmsr N
 *   tsc N X ID         this CPU's time-stamp counter is moved by X, by MSR N, TSC or TSC_ADJUST; the
 *                      watchdog of cell ID is looked at; it is moved back, and that done again. The
 *                      result is how far it went
 *   in PORT            8 bits
 *   vmxe 0|1           CR4.VMXE of this CPU, as another hypervisor would set it
 *   outsb PORT         one byte by OUTSB; a refusal is an exception that kills the writer
 *
 * arm64, registers as 16 bits, Op0 to Op2:
 *   mrs N              -1: undefined
 *   msr N X
 *   findmrs N END      the first of these that is not undefined, -1: there is none
 *   findmsr N END X    the same, for writing X
 *   smc F A B C        firmware call
 *   hvc F A B C        the same by HVC #0, where Linux' stub was
 *   itsat ADDRESS T    an ITS, and a redistributor of root's as its commands name it
 *   its W W W W        a command to it; the result is its first word when the ITS has passed it
 *   store ADDRESS X    64 bits of Linux' own memory; the result is what is there then
 *   donate             address of 64 KiB of ones
 */
#include <linux/io.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/proc_fs.h>
#include <linux/seq_file.h>
#include <linux/smp.h>
#include <linux/uaccess.h>
#include <cloister/hypercall.h>
#include "hostile.h"

static u64 result;

static u64 next_random(u64 *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return *state;
}

/* Small numbers, page addresses and anything at all, in equal parts. */
static u64 random_argument(u64 *state)
{
	u64 value = next_random(state);

	switch (next_random(state) % 3) {
	case 0:
		return value % 20;
	case 1:
		return value % (8ULL << 30) & PAGE_MASK;
	default:
		return value;
	}
}

static u64 fuzz(u64 seed, u64 count)
{
	u64 state = seed ?: 1, succeeded = 0;

	while (count--) {
		u64 number = random_argument(&state);
		u64 a = random_argument(&state), b = random_argument(&state);

		/* Inspection writes to root's own memory, where it is told to. */
		if (number == CL_HC_DISABLE || number == CL_HC_LOCK || number == CL_HC_INSPECT)
			continue;
		if (arch_call(number, a, b, random_argument(&state)) >= 0 &&
		    number != CL_HC_GET_INFO && number != CL_HC_CELL_STATE &&
		    number != CL_HC_CELL_WATCHDOG)
			succeeded++;
	}
	return succeeded;
}

u64 access_memory(u64 address, bool write, u32 value)
{
	void __iomem *page = NULL;

	/* ioremap() takes no memory that Linux counts as its own, as a cell's is when the driver
	 * has allocated it. */
	if (region_intersects(address & PAGE_MASK, PAGE_SIZE, IORESOURCE_SYSTEM_RAM,
			      IORES_DESC_NONE) == REGION_DISJOINT)
		page = ioremap(address & PAGE_MASK, PAGE_SIZE);
	if (!page) {
		/* It is that, or the driver has mapped it as memory. */
		u32 *memory = memremap(address & ~3UL, sizeof(u32), MEMREMAP_WB);

		if (!memory)
			return -ENOMEM;
		if (write)
			WRITE_ONCE(*memory, value);
		else
			value = READ_ONCE(*memory);
		memunmap(memory);
		return value;
	}
	if (write)
		writel(value, page + (address & ~PAGE_MASK));
	else
		value = readl(page + (address & ~PAGE_MASK));
	iounmap(page);
	return value;
}

/* The last word that was read. */
static u64 read_often(u64 address, u64 count)
{
	u32 __iomem *registers = ioremap(address, 4 * sizeof(u32));
	u32 value = 0;

	if (!registers)
		return -ENOMEM;
	while (count--)
		value = readl(registers + count % 4);
	iounmap(registers);
	return value;
}

static u64 read_wide(u64 address)
{
	void __iomem *registers = ioremap(address, sizeof(u64));
	u64 value;

	if (!registers)
		return -ENOMEM;
	value = readq(registers);
	iounmap(registers);
	return value;
}

static u64 count_nonzero(u64 address, u64 size)
{
	u8 *memory = memremap(address, size, MEMREMAP_WB);
	u64 count = 0;

	if (!memory)
		return -ENOMEM;
	for (u64 i = 0; i < size; i++)
		count += memory[i] != 0;
	memunmap(memory);
	return count;
}

/* Registers, by something else than a plain load or store. */
static u64 access_otherwise(u64 address, bool write)
{
	u32 buffer[8] = {};
	void __iomem *mapping = ioremap(address, sizeof(buffer));
	void *registers = (void __force *)mapping;
	bool done;

	if (!mapping)
		return -ENOMEM;
	done = write ? arch_zero(registers) : arch_copy_from(buffer, registers, sizeof(buffer));
	iounmap(mapping);
	return done ? buffer[0] : (u64)-EFAULT;
}

static void spin(void *unused)
{
	local_irq_disable();
	for (;;)
		cpu_relax();
}

static int attack(const char *line)
{
	u64 argument[4] = {};
	char what[16];

	if (sscanf(line, "%15s %lli %lli %lli %lli", what, &argument[0], &argument[1], &argument[2],
		   &argument[3]) < 1)
		return -EINVAL;
	if (!strcmp(what, "call"))
		result = arch_call(argument[0], argument[1], argument[2], argument[3]);
	else if (!strcmp(what, "fuzz"))
		result = fuzz(argument[0], argument[1]);
	else if (!strcmp(what, "read"))
		result = access_memory(argument[0], false, 0);
	else if (!strcmp(what, "readq"))
		result = read_wide(argument[0]);
	else if (!strcmp(what, "nonzero"))
		result = count_nonzero(argument[0], argument[1]);
	else if (!strcmp(what, "readn"))
		result = read_often(argument[0], argument[1]);
	else if (!strcmp(what, "copy"))
		result = access_otherwise(argument[0], false);
	else if (!strcmp(what, "fill"))
		result = access_otherwise(argument[0], true);
	else if (!strcmp(what, "write"))
		result = access_memory(argument[0], true, argument[1]);
	else if (!strcmp(what, "spin"))
		on_each_cpu(spin, NULL, 0);
	else
		return arch_attack(what, argument, &result);
	return 0;
}

static ssize_t hostile_write(struct file *file, const char __user *user, size_t count,
			     loff_t *position)
{
	char line[128] = "";
	int err;

	if (count >= sizeof(line))
		return -EINVAL;
	if (copy_from_user(line, user, count))
		return -EFAULT;
	err = attack(line);
	return err ?: count;
}

static int hostile_show(struct seq_file *file, void *unused)
{
	seq_printf(file, "%lld\n", result);
	return 0;
}

static int hostile_open(struct inode *inode, struct file *file)
{
	return single_open(file, hostile_show, NULL);
}

static const struct proc_ops operations = {
	.proc_open = hostile_open,
	.proc_read = seq_read,
	.proc_write = hostile_write,
	.proc_lseek = seq_lseek,
	.proc_release = single_release,
};

static int __init hostile_load(void)
{
	return proc_create("hostile", 0600, NULL, &operations) ? 0 : -ENOMEM;
}

static void __exit hostile_unload(void)
{
	remove_proc_entry("hostile", NULL);
}

module_init(hostile_load);
module_exit(hostile_unload);

MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("Attacks by the root kernel, for Cloister's tests");
