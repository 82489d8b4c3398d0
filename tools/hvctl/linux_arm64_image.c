// SPDX-License-Identifier: GPL-2.0
/* The file Image or Image.gz of a kernel for arm64: Documentation/arch/arm64/booting.rst. */
#include <endian.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>
#include "linux_arm64.h"

struct image_header {
	uint32_t code[2];
	uint64_t text_offset, image_size, flags;
	uint64_t reserved[3];
	char magic[4];
	uint32_t reserved2;
};

#define MAGIC		"ARM\x64"
#define FLAG_BIG_ENDIAN 0x1
#define TEXT_OFFSET_MAX 0x200000
#define WINDOW_AND_GZIP (15 + 16) /* zlib.h, inflateInit2(): largest window, gzip's header only */
#define FIRST_GUESS	(64U << 20)

static bool is_gzip(const struct linux_guest *g)
{
	static const unsigned char magic[] = { 0x1f, 0x8b };

	return g->kernel_size >= sizeof(magic) && !memcmp(g->kernel, magic, sizeof(magic));
}

/* Room for more of what comes out, at most max bytes. */
static bool enlarge(unsigned char **out, size_t *room, size_t max)
{
	size_t wanted = *room ? 2 * *room : FIRST_GUESS;
	unsigned char *larger;

	if (wanted > max)
		wanted = max;
	if (wanted <= *room)
		return false;
	larger = realloc(*out, wanted);
	if (!larger)
		return false;
	*out = larger;
	*room = wanted;
	return true;
}

/* All of the stream; Z_STREAM_END, Z_BUF_ERROR: more than max, or it ends too early. */
static int inflate_all(z_stream *stream, unsigned char **out, size_t *size, size_t max)
{
	size_t room = 0;
	int result;

	do {
		if (*size == room && !enlarge(out, &room, max))
			return Z_MEM_ERROR;
		stream->next_out = *out + *size;
		stream->avail_out = (uInt)(room - *size < 1U << 30 ? room - *size : 1U << 30);
		result = inflate(stream, Z_NO_FLUSH);
		*size = (size_t)(stream->next_out - *out);
	} while (result == Z_OK);
	return result;
}

static int unpack(struct linux_guest *g, size_t max)
{
	z_stream stream = { .next_in = g->kernel, .avail_in = (uInt)g->kernel_size };
	unsigned char *out = NULL;
	size_t size = 0;
	int result;

	result = inflateInit2(&stream, WINDOW_AND_GZIP);
	if (result == Z_OK)
		result = inflate_all(&stream, &out, &size, max);
	inflateEnd(&stream);
	if (result != Z_STREAM_END) {
		free(out);
		if (result == Z_MEM_ERROR)
			return fail(
				EXIT_REFUSED,
				"%s: the kernel in it has more than the %zu bytes of memory that "
				"the cell has in one piece: enlarge the memory region",
				g->kernel_path, max);
		return fail(
			EXIT_REFUSED,
			"%s: the gzip file is damaged after %zu bytes of the kernel, expected a "
			"whole one: copy it anew",
			g->kernel_path, size);
	}
	free(g->kernel);
	g->kernel = out;
	g->kernel_size = size;
	return EXIT_OK;
}

int arm64_image(struct linux_guest *g, size_t max, uint64_t *text_offset, uint64_t *size)
{
	struct image_header header = { 0 };
	int code = is_gzip(g) ? unpack(g, max) : EXIT_OK;

	if (code)
		return code;
	if (g->kernel_size >= sizeof(header))
		memcpy(&header, g->kernel, sizeof(header));
	if (memcmp(header.magic, MAGIC, sizeof(header.magic)))
		return fail(EXIT_REFUSED,
			    "%s: is no arm64 kernel, expected the file Image or Image.gz with "
			    "\"ARM\\x64\" at byte %zu",
			    g->kernel_path, offsetof(struct image_header, magic));
	*text_offset = le64toh(header.text_offset);
	*size = le64toh(header.image_size);
	if (le64toh(header.flags) & FLAG_BIG_ENDIAN)
		return fail(EXIT_REFUSED,
			    "%s: flags is %#" PRIx64 ", expected a little-endian kernel",
			    g->kernel_path, le64toh(header.flags));
	if (*text_offset >= TEXT_OFFSET_MAX || *text_offset % 0x1000)
		return fail(EXIT_REFUSED,
			    "%s: text_offset is %#" PRIx64
			    ", expected a multiple of 0x1000 below %#x",
			    g->kernel_path, *text_offset, TEXT_OFFSET_MAX);
	if (*size < g->kernel_size || *size > max)
		return fail(EXIT_REFUSED,
			    "%s: image_size is %" PRIu64
			    ", expected at least the file's %zu bytes, "
			    "and at most the %zu that the cell has in one piece",
			    g->kernel_path, *size, g->kernel_size, max);
	return EXIT_OK;
}
