// SPDX-License-Identifier: GPL-2.0
/*
 * A root kernel that has turned bad, for tests: does to the machine what is written to
 * /proc/hostile, one line each, and answers reads with the result of the last one.
 *
 *   call N A B C       hypercall N
 *   fuzz SEED COUNT    hypercalls with random numbers and arguments, never CL_HC_DISABLE and
 *                      CL_HC_LOCK; the result is how many of them did not fail
 *   read ADDRESS       32 bits of physical memory
 *   readn ADDRESS N    N times, at addresses that repeat within a page
 *   copy ADDRESS       64 bytes, by a string instruction; -14: it raised an exception
 *   fill ADDRESS       the other way: zeros
 *   write ADDRESS X    32 bits of physical memory
 *   apic REGISTER X    write to a register of this CPU's APIC, by its xAPIC offset
 *   icr HIGH LOW       interrupt command
 *   wrmsr N X          the result is 0, or -5 if the CPU refused
 *   rdmsr N
 *   in PORT            8 bits
 *   outsb PORT         one byte by OUTSB; a refusal is an exception that kills the writer
 */
#include <linux/io.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/proc_fs.h>
#include <linux/seq_file.h>
#include <linux/uaccess.h>
#include <asm/apic.h>
#include <asm/asm.h>
#include <asm/msr.h>
#include <cloister/hypercall.h>

static u64 result;

static long call(u64 number, u64 a, u64 b, u64 c)
{
	long answer;

	asm volatile("vmmcall" : "=a"(answer) : "a"(number), "D"(a), "S"(b), "d"(c) : "memory");
	return answer;
}

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
		if (call(number, a, b, random_argument(&state)) >= 0 && number != CL_HC_GET_INFO &&
		    number != CL_HC_CELL_STATE)
			succeeded++;
	}
	return succeeded;
}

static u64 access_memory(u64 address, bool write, u32 value)
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
	u32 __iomem *page = ioremap(address & PAGE_MASK, PAGE_SIZE);
	u32 value = 0;

	if (!page)
		return -ENOMEM;
	while (count--)
		value = readl(page + count % 4);
	iounmap(page);
	return value;
}

static u64 copy_words(u64 address)
{
	u32 buffer[16] = {};
	void *to = buffer;
	const void __force *from;
	unsigned long count = ARRAY_SIZE(buffer);
	void __iomem *page = ioremap(address & PAGE_MASK, PAGE_SIZE);

	if (!page)
		return -ENOMEM;
	from = (const void __force *)page;
	asm volatile("1: rep movsl\n2:\n" _ASM_EXTABLE(1b, 2b)
		     : "+S"(from), "+D"(to), "+c"(count)
		     :
		     : "memory");
	iounmap(page);
	return count ? (u64)-EFAULT : buffer[0];
}

static u64 fill_words(u64 address)
{
	unsigned long count = 1;
	void __iomem *page = ioremap(address & PAGE_MASK, PAGE_SIZE);
	void __force *to = (void __force *)page;

	if (!page)
		return -ENOMEM;
	to += address & ~PAGE_MASK;
	asm volatile("1: rep stosl\n2:\n" _ASM_EXTABLE(1b, 2b)
		     : "+D"(to), "+c"(count)
		     : "a"(0)
		     : "memory");
	iounmap(page);
	return count ? -EFAULT : 0;
}

static void write_apic(u32 reg, u32 value)
{
	u64 base;

	rdmsrl(MSR_IA32_APICBASE, base);
	if (base & X2APIC_ENABLE)
		wrmsrl_safe(APIC_BASE_MSR + (reg >> 4), value);
	else
		access_memory(0xfee00000 + reg, true, value);
}

static void write_icr(u32 high, u32 low)
{
	u64 base;

	rdmsrl(MSR_IA32_APICBASE, base);
	if (base & X2APIC_ENABLE) {
		wrmsrl_safe(APIC_BASE_MSR + (APIC_ICR >> 4), (u64)high << 32 | low);
		return;
	}
	write_apic(APIC_ICR2, high << 24);
	write_apic(APIC_ICR, low);
}

static int attack(const char *line)
{
	char what[16];
	u64 a = 0, b = 0, c = 0, d = 0;
	unsigned char byte = 0;
	const void *source = &byte;

	if (sscanf(line, "%15s %lli %lli %lli %lli", what, &a, &b, &c, &d) < 1)
		return -EINVAL;
	if (!strcmp(what, "call"))
		result = call(a, b, c, d);
	else if (!strcmp(what, "fuzz"))
		result = fuzz(a, b);
	else if (!strcmp(what, "read"))
		result = access_memory(a, false, 0);
	else if (!strcmp(what, "readn"))
		result = read_often(a, b);
	else if (!strcmp(what, "copy"))
		result = copy_words(a);
	else if (!strcmp(what, "fill"))
		result = fill_words(a);
	else if (!strcmp(what, "write"))
		result = access_memory(a, true, b);
	else if (!strcmp(what, "apic"))
		write_apic(a, b);
	else if (!strcmp(what, "icr"))
		write_icr(a, b);
	else if (!strcmp(what, "wrmsr"))
		result = wrmsrl_safe(a, b);
	else if (!strcmp(what, "rdmsr"))
		result = rdmsrl_safe(a, &result) ? ~0ULL : result;
	else if (!strcmp(what, "in"))
		result = inb(a);
	else if (!strcmp(what, "outsb"))
		asm volatile("outsb" : "+S"(source) : "d"((u16)a) : "memory");
	else
		return -EINVAL;
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
