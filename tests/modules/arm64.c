// SPDX-License-Identifier: GPL-2.0
/* The hostile root kernel: what only arm64 has. */
#include <linux/errno.h>
#include <linux/gfp.h>
#include <linux/io.h>
#include <linux/kernel.h>
#include <linux/mm.h>
#include <linux/sizes.h>
#include <linux/string.h>
#include <asm/neon.h>
#include <cloister/hypercall.h>
#include "hostile.h"

/* guarded_arm64.S */
unsigned long run_guarded(const void *code, u64 registers[4]);
extern const u32 copy_vector[], zero_vector[], call_smc[], call_hvc[];
extern const u32 read_register[][2], write_register[][2];

/* The fields of an encoding in 16 bits, Op0 to Op2; Op0 is 2 or 3. */
#define FIRST_REGISTER 0x8000
#define END_REGISTER   0x10000

long arch_call(u64 number, u64 a, u64 b, u64 c)
{
	register u64 x0 asm("x0") = number;
	register u64 x1 asm("x1") = a;
	register u64 x2 asm("x2") = b;
	register u64 x3 asm("x3") = c;

	asm volatile("hvc %[immediate]"
		     : "+r"(x0)
		     : [immediate] "i"(CL_HVC_IMMEDIATE), "r"(x1), "r"(x2), "r"(x3)
		     : "memory");
	return x0;
}

/* With the vector registers in the kernel's hands. */
static bool run_vector(const void *code, void *to, const void *from)
{
	u64 registers[4] = { (uintptr_t)to, (uintptr_t)from };
	unsigned long fault;

	kernel_neon_begin();
	fault = run_guarded(code, registers);
	kernel_neon_end();
	return !fault;
}

bool arch_copy_from(void *buffer, const void *registers, size_t size)
{
	for (size_t done = 0; done < size; done += 16)
		if (!run_vector(copy_vector, buffer + done, registers + done))
			return false;
	return true;
}

bool arch_zero(void *registers)
{
	return run_vector(zero_vector, NULL, registers);
}

/* The first register from first to end that is not undefined; -1: all of them are. */
static u64 find_register(u64 first, u64 end, const u32 (*code)[2], u64 value)
{
	first = max_t(u64, first, FIRST_REGISTER);
	for (u64 reg = first; reg < min_t(u64, end, END_REGISTER); reg++) {
		u64 registers[4] = { value };

		if (run_guarded(code[reg - FIRST_REGISTER], registers) != 0x100)
			return reg;
	}
	return ~0ULL;
}

static u64 call_firmware(const void *code, const u64 *arguments)
{
	u64 registers[4];

	memcpy(registers, arguments, sizeof(registers));
	return run_guarded(code, registers) ? ~0ULL : registers[0];
}

/* The value, or -1 if the register is undefined. */
static u64 access_register(u64 reg, const u32 (*code)[2], u64 value)
{
	u64 registers[4] = { value };

	if (reg < FIRST_REGISTER || reg >= END_REGISTER ||
	    run_guarded(code[reg - FIRST_REGISTER], registers))
		return ~0ULL;
	return registers[0];
}

/* Arm IHI 0069, 12.19: registers of an ITS, and its commands of 32 bytes */
#define GITS_CBASER  0x0080
#define GITS_CWRITER 0x0088
#define GITS_CREADR  0x0090
#define ITS_SYNC     5
#define ITS_PATIENCE 1000000

/* Where it is, and the redistributor of a CPU of root's as commands name it. */
static u64 its_phys, its_target;

static bool its_execute(void __iomem *its, u64 end)
{
	writeq(end, its + GITS_CWRITER);
	for (unsigned int i = 0; i < ITS_PATIENCE; i++)
		if (readq(its + GITS_CREADR) == end)
			return true;
	return false;
}

/*
 * One command, then the queue once round with harmless ones, as Linux' driver does not know that
 * its end has moved. The result is what is in the command's place when the ITS has been there; -1:
 * it has not.
 */
static u64 its_command(const u64 *command)
{
	void __iomem *its = ioremap(its_phys, 0x10000);
	u64 base = readq(its + GITS_CBASER), begin = readq(its + GITS_CWRITER), at = begin;
	u64 size = ((base & 0xff) + 1) << 12;
	u8 *queue = phys_to_virt(base & 0xffffffffff000);
	u64 answer = ~0ULL;

	memcpy(queue + at, command, 32);
	at = (at + 32) % size;
	if (its_execute(its, at)) {
		answer = *(u64 *)(queue + begin);
		while (at != begin) {
			const u64 sync[4] = { ITS_SYNC, 0, its_target, 0 };

			memcpy(queue + at, sync, 32);
			at = (at + 32) % size;
			/* One is always free. */
			if ((at == begin || !(at % 4096)) && !its_execute(its, at))
				answer = ~0ULL;
		}
	}
	iounmap(its);
	return answer;
}

/* 64 bits of root's own memory; what is there afterwards. */
static u64 store(u64 phys, u64 value)
{
	volatile u64 *word = phys_to_virt(phys);

	*word = value;
	return *word;
}

/* Physical address of 64 KiB that are full of ones, and are never given back. */
static u64 donate(void)
{
	void *page = alloc_pages_exact(SZ_64K, GFP_KERNEL);

	if (!page)
		return ~0ULL;
	memset(page, 0xff, SZ_64K);
	return virt_to_phys(page);
}

int arch_attack(const char *what, const u64 *arguments, u64 *result)
{
	u64 a = arguments[0], b = arguments[1], c = arguments[2];

	if (!strcmp(what, "findmrs"))
		*result = find_register(a, b, read_register, 0);
	else if (!strcmp(what, "findmsr"))
		*result = find_register(a, b, write_register, c);
	else if (!strcmp(what, "mrs"))
		*result = access_register(a, read_register, 0);
	else if (!strcmp(what, "msr"))
		*result = access_register(a, write_register, b);
	else if (!strcmp(what, "smc"))
		*result = call_firmware(call_smc, arguments);
	else if (!strcmp(what, "hvc"))
		*result = call_firmware(call_hvc, arguments);
	else if (!strcmp(what, "itsat"))
		its_phys = a, *result = its_target = b;
	else if (!strcmp(what, "its"))
		*result = its_command(arguments);
	else if (!strcmp(what, "store"))
		*result = store(a, b);
	else if (!strcmp(what, "donate"))
		*result = donate();
	else
		return -EINVAL;
	return 0;
}
