/* SPDX-License-Identifier: GPL-2.0 */
/* Build config blobs in memory, good ones and ones that are wrong in one place. */
#ifndef CONFIG_BUILDER_H
#define CONFIG_BUILDER_H

#include <string.h>
#include <cloister/config.h>

struct blob {
	union {
		struct cl_config config;
		uint64_t align;
		char bytes[2 * CL_CONFIG_MAX];
	};
	uint64_t size;
};

static inline void blob_begin(struct blob *b, const char *name, uint32_t flags, uint64_t entry)
{
	memset(b, 0, sizeof(*b));
	memcpy(b->config.magic, CL_CONFIG_MAGIC, 8);
	b->config.abi_version = CL_ABI_VERSION;
	b->config.arch = CL_ARCH_X86_64;
	b->config.header_size = sizeof(b->config);
	b->config.flags = flags;
	b->config.entry = entry;
	strcpy(b->config.name, name);
	b->size = sizeof(b->config);
	b->config.total_size = b->size;
}

/* Append a section; returns its entries for the test to spoil. */
static inline void *blob_add(struct blob *b, uint32_t type, uint32_t entry_size, uint32_t count,
			     const void *entries)
{
	struct cl_section head = { type, entry_size, count, 0 };
	char *at = b->bytes + b->size;

	memcpy(at, &head, sizeof(head));
	memcpy(at + sizeof(head), entries, (size_t)entry_size * count);
	b->size += sizeof(head) + (uint64_t)entry_size * count;
	b->config.total_size = b->size;
	return at + sizeof(head);
}

#define BLOB_ADD(b, type, array) \
	blob_add(b, type, sizeof((array)[0]), sizeof(array) / sizeof((array)[0]), array)

#endif
