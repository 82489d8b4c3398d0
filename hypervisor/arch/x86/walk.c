// SPDX-License-Identifier: GPL-2.0
/*
 * Reading the guest's instruction where the CPU does not hand it over: a walk of the guest's page
 * tables, all of whose addresses are guest-physical and pass the cell's own mappings.
 */
#include <vendor.h>
#include <x86.h>

#define PAGE_4M_ADDRESS 0xffc00000UL

static void forget_fetches(void)
{
	for (unsigned int i = 0; i < CODE_PAGES; i++)
		local->fetches[i].page = ~0UL;
}

static const volatile char *guest_page_miss(uint64_t guest_phys, unsigned int slot)
{
	uint64_t host = arch_translate(local->cpu->cell, guest_phys, CL_MEM_READ);

	if (host == ~0UL)
		return NULL;
	/* Remembered fetches that point into the window that moves */
	if (slot < GUEST_CODE)
		forget_fetches();
	else
		local->fetches[slot - GUEST_CODE].page = ~0UL;
	local->guest_pages[slot].guest_page = guest_phys & PAGE_MASK;
	local->guest_pages[slot].window = window(WINDOW_GUEST + slot, host & PAGE_MASK, 0);
	return local->guest_pages[slot].window;
}

/*
 * The cell's page that guest_phys is in. What a window shows is valid until the cell's mappings
 * change, and then guest_forget_pages() is called before the guest runs on.
 */
static inline const volatile char *guest_page(uint64_t guest_phys, unsigned int slot)
{
	if (likely(local->guest_pages[slot].guest_page == (guest_phys & PAGE_MASK)))
		return local->guest_pages[slot].window;
	return guest_page_miss(guest_phys, slot);
}

void guest_forget_pages(void)
{
	for (unsigned int slot = 0; slot < GUEST_PAGES; slot++) {
		local->guest_pages[slot].guest_page = ~0UL;
		window_close(WINDOW_GUEST + slot);
	}
	forget_fetches();
}

static uint64_t walk_32bit(uint64_t linear)
{
	uint64_t entry = guest_cr3();

	for (unsigned int level = 2; level; level--) {
		const volatile uint32_t *table =
			(const volatile void *)guest_page(entry & 0xfffff000UL, level);

		if (!table)
			return ~0UL;
		entry = table[linear >> (2 + 10 * level) & 1023];
		if (!(entry & PTE_P))
			return ~0UL;
		if (level == 2 && entry & PTE_PS && guest_cr4() & CR4_PSE)
			return (entry & PAGE_4M_ADDRESS) | (entry >> 13 & 0xff) << 32 |
			       (linear & 0x3fffff);
	}
	return (entry & 0xfffff000UL) | (linear & ~PAGE_MASK);
}

/* PAE without long mode: four pointers in 32 bytes that CR3 points to, then two levels. */
static uint64_t walk_pae(uint64_t linear)
{
	uint64_t base = guest_cr3() & 0xffffffe0UL;

	for (unsigned int level = 3; level; level--) {
		unsigned int shift = PAGE_SHIFT + 9 * (level - 1);
		const volatile char *page = guest_page(base, level);
		uint64_t entry;

		if (!page)
			return ~0UL;
		entry = *(const volatile uint64_t *)(page + (base & ~PAGE_MASK) +
						     (linear >> shift & 511) * 8);
		if (!(entry & PTE_P))
			return ~0UL;
		base = entry & PTE_ADDRESS;
		if (level == 2 && entry & PTE_PS)
			return (base & ~0x1fffffUL) | (linear & 0x1fffff);
	}
	return base | (linear & ~PAGE_MASK);
}

/* The four pointers, as loaded into the CPU; false: one has bits that must be 0, or is not there. */
bool guest_read_pointers(uint64_t *pointers)
{
	uint64_t base = guest_cr3() & 0xffffffe0UL;
	const volatile char *page = guest_page(base, 3);

	if (!page)
		return false;
	for (unsigned int i = 0; i < 4; i++) {
		pointers[i] = *(const volatile uint64_t *)(page + (base & ~PAGE_MASK) + i * 8);
		if (pointers[i] & PTE_P && (pointers[i] & 0x1e6 || pointers[i] >> phys_bits))
			return false;
	}
	return true;
}

static inline unsigned int code_slot(uint64_t linear)
{
	return linear >> PAGE_SHIFT & (CODE_PAGES - 1);
}

/*
 * By the guest's own tables; ~0: not mapped. Rights need no check: the CPU has fetched from there.
 * In long mode the entries that were met stay in fetches[code_slot(linear)].walk.
 */
static uint64_t linear_to_phys(uint64_t linear)
{
	__typeof__(local->fetches[0]) *fetch = &local->fetches[code_slot(linear)];
	unsigned int level = guest_cr4() & CR4_LA57 ? 5 : 4;
	unsigned int shift = PAGE_SHIFT + 9 * (level - 1);
	uint64_t entry = guest_cr3();

	if (unlikely(!(guest_efer() & EFER_LMA))) {
		if (!(guest_cr0() & CR0_PG))
			return linear;
		return guest_cr4() & CR4_PAE ? walk_pae(linear) : walk_32bit(linear);
	}
	fetch->page = ~0UL;
	for (unsigned int i = 0;; i++, level--, shift -= 9) {
		const volatile uint64_t *table =
			(const volatile uint64_t *)guest_page(entry & PTE_ADDRESS, level);

		if (!table)
			return ~0UL;
		table += linear >> shift & 511;
		entry = *table;
		fetch->walk[i].entry = table;
		fetch->walk[i].value = entry;
		fetch->levels = i + 1;
		if (!(entry & PTE_P))
			return ~0UL;
		if (level == 1 || (level <= 3 && entry & PTE_PS)) {
			uint64_t offset_mask = (1UL << shift) - 1;

			return (entry & PTE_ADDRESS & ~offset_mask) | (linear & offset_mask);
		}
	}
}

/* The page of an earlier fetch, if this one is from there too and no table entry has changed since.
 */
static inline const volatile char *same_page(uint64_t linear)
{
	__typeof__(local->fetches[0]) *fetch = &local->fetches[code_slot(linear)];

	if (fetch->page != (linear & PAGE_MASK) || fetch->cr3 != guest_cr3())
		return NULL;
	for (unsigned int i = 0; i < fetch->levels; i++)
		if (*fetch->walk[i].entry != fetch->walk[i].value)
			return NULL;
	return fetch->code;
}

static inline void copy_16(unsigned char *bytes, const volatile char *code)
{
	*(uint64_t *)bytes = *(const volatile uint64_t *)code;
	*(uint64_t *)(bytes + 8) = *(const volatile uint64_t *)(code + 8);
}

static unsigned int fetch_slowly(uint64_t linear, unsigned char *bytes)
{
	unsigned int done = 0;

	while (done < 15) {
		__typeof__(local->fetches[0]) *fetch = &local->fetches[code_slot(linear + done)];
		uint64_t phys = linear_to_phys(linear + done);
		unsigned int offset = (linear + done) & ~PAGE_MASK;
		const volatile char *page;

		if (phys == ~0UL)
			break;
		page = guest_page(phys, GUEST_CODE + code_slot(linear + done));
		if (!page)
			break;
		if (guest_in_64bit()) {
			fetch->code = page;
			fetch->cr3 = guest_cr3();
			fetch->page = (linear + done) & PAGE_MASK;
		}
		if (!done && offset <= PAGE_SIZE - 16) {
			copy_16(bytes, page + offset);
			return 15;
		}
		for (; done < 15 && offset < PAGE_SIZE; offset++)
			bytes[done++] = (unsigned char)page[offset];
	}
	return done;
}

unsigned int guest_fetch(unsigned char *bytes)
{
	uint64_t linear = guest_rip();

	if (likely(guest_in_64bit())) {
		const volatile char *page = same_page(linear);

		if (likely(page && (linear & ~PAGE_MASK) <= PAGE_SIZE - 16)) {
			copy_16(bytes, page + (linear & ~PAGE_MASK));
			return 15;
		}
	} else {
		linear = (linear + guest_cs_base()) & 0xffffffffUL;
	}
	return fetch_slowly(linear, bytes);
}
