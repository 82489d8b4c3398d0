/* SPDX-License-Identifier: GPL-2.0 */
/* What every file of the hypervisor uses: types, small helpers, memory and string functions. */
#ifndef HV_H
#define HV_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <generated/cloister_autoconf.h>

#define PAGE_SHIFT 12
#define PAGE_SIZE  (1UL << PAGE_SHIFT)
#define PAGE_MASK  (~(PAGE_SIZE - 1))

#define BIT(n)		 (1UL << (n))
#define ARRAY_SIZE(a)	 (sizeof(a) / sizeof((a)[0]))
#define ALIGN_UP(x, a)	 (((x) + (a)-1) & ~((uint64_t)(a)-1))
#define MIN(a, b)	 ((a) < (b) ? (a) : (b))
#define likely(x)	 __builtin_expect(!!(x), 1)
#define unlikely(x)	 __builtin_expect(!!(x), 0)
#define READ_ONCE(x)	 (*(const volatile __typeof__(x) *)&(x))
#define WRITE_ONCE(x, v) (*(volatile __typeof__(x) *)&(x) = (v))
/* Written while enabling only, zero before that: read-only as soon as a guest runs. */
#define __ro_after_init __attribute__((section(".bss.ro_after_init")))
/* Frequent exits: a canary would be a tenth of their instructions. Not for functions with arrays. */
#define __no_canary    __attribute__((no_stack_protector))
#define __aligned_page __attribute__((aligned(4096)))

/* Negated in return values; the numbers are Linux'. */
enum {
	EPERM = 1,
	ENOENT = 2,
	EIO = 5,
	E2BIG = 7,
	EAGAIN = 11,
	ENOMEM = 12,
	EBUSY = 16,
	EEXIST = 17,
	ENODEV = 19,
	EINVAL = 22,
	ENOSPC = 28,
	ERANGE = 34,
	ENOSYS = 38,
	EPROTO = 71,
};

/*
 * An index that a guest has chosen and that was checked to be below size, also for a CPU that
 * speculates past the check: then it is 0.
 */
static inline uint64_t index_nospec(uint64_t index, uint64_t size)
{
	uint64_t outside;

	asm("" : "+r"(index)); /* the compiler must not know what the check has said */
	outside = (index | (size - 1 - index)) >> 63;
	return index & (outside - 1);
}

void *memcpy(void *dest, const void *src, size_t n);
void *memset(void *dest, int c, size_t n);
int memcmp(const void *a, const void *b, size_t n);

/* Copy a string into a buffer of size bytes, cut if needed, always NUL-terminated. */
void copy_string(char *dest, const char *src, size_t size);

/*
 * %s %c %d %u %x; numbers with l modifier, field width and zero padding. Returns the length of what
 * is in buf, without NUL.
 */
int format(char *buf, size_t size, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
int vformat(char *buf, size_t size, const char *fmt, va_list args);

/* Spin lock for short sections; never held while waiting for another CPU. */
void cpu_relax(void); /* arch */

struct lock {
	int taken;
};

static inline bool lock_try(struct lock *lock)
{
	return !__atomic_exchange_n(&lock->taken, 1, __ATOMIC_ACQUIRE);
}

static inline void lock_take(struct lock *lock)
{
	while (!lock_try(lock))
		cpu_relax();
}

static inline void lock_drop(struct lock *lock)
{
	__atomic_store_n(&lock->taken, 0, __ATOMIC_RELEASE);
}

#endif
