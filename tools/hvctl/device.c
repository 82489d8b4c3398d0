// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>
#include "device.h"

int device_open(const struct options *o)
{
	int fd = open(o->device, O_RDWR | O_CLOEXEC);

	if (fd >= 0)
		return fd;
	if (errno == ENOENT || errno == ENXIO || errno == ENODEV)
		fail(EXIT_ABSENT, "no %s: load the driver (modprobe cloister)", o->device);
	else if (errno == EACCES || errno == EPERM)
		fail(EXIT_REFUSED, "%s: %s: run hvctl as root", o->device, strerror(errno));
	else
		fail(EXIT_REFUSED, "%s: %s", o->device, strerror(errno));
	return -1;
}

int device_region(const struct options *o, struct region *r)
{
	int err;

	*r = (struct region){ .fd = device_open(o) };
	if (r->fd < 0)
		return errno == EACCES || errno == EPERM ? EXIT_REFUSED : EXIT_ABSENT;
	err = region_refresh(r);
	if (!err)
		return EXIT_OK;
	if (err == -ENODATA)
		return fail(EXIT_ABSENT, "Cloister has not been enabled since the driver was "
					 "loaded: hvctl enable ROOT.cell");
	if (err == -EPROTO)
		return fail(EXIT_REFUSED,
			    "%s does not speak ABI version %d: hvctl and the driver "
			    "must come from the same release",
			    o->device, CL_ABI_VERSION);
	return fail(EXIT_REFUSED, "%s: %s", o->device, strerror(-err));
}

int device_enabled(const struct options *o, struct region *r)
{
	int code = device_region(o, r);

	if (code)
		return code;
	if (!r->info.enabled)
		return fail(EXIT_ABSENT, "Cloister is not enabled: hvctl enable ROOT.cell");
	return EXIT_OK;
}

int report_no_cell(struct region *r, const char *name, int err)
{
	struct cl_cell_info cell;
	char known[256] = "";
	size_t used = 0;
	uint32_t i;

	for (i = 0; i < r->info.cells_count && used < sizeof(known); i++)
		/* without a name, the root cell was not meant */
		if (region_cell(r, i, &cell) && cell.state != CL_STATE_UNUSED &&
		    (name || !(cell.flags & CL_CELL_ROOT)))
			used += snprintf(known + used, sizeof(known) - used, "%s%s",
					 used ? ", " : "", cell.name);
	if (err == -EEXIST)
		return fail(EXIT_REFUSED, "there are several cells, name one of them: %s", known);
	if (!name)
		return fail(EXIT_REFUSED, "there is no cell besides the root cell");
	return fail(EXIT_REFUSED, "there is no cell '%s'; there are: %s", name, known);
}

int device_cell(const struct options *o, const char *name, struct region *r,
		struct cl_cell_info *cell)
{
	int code = device_enabled(o, r);
	int err;

	if (code)
		return code;
	err = region_find_cell(r, name, cell);
	return err ? report_no_cell(r, name, err) : EXIT_OK;
}

int device_request(int fd, unsigned long request, void *arg, const char *message, const char *what)
{
	int err;

	if (!ioctl(fd, request, arg))
		return EXIT_OK;
	err = errno;
	progress_end();
	if (message[0])
		return fail(EXIT_REFUSED, "cannot %s: %.*s", what, CL_MESSAGE_LEN, message);
	if (err == ENOTTY)
		return fail(EXIT_REFUSED, "cannot %s: this is not the device of a Cloister driver",
			    what);
	return fail(EXIT_REFUSED, "cannot %s: %s", what, strerror(err));
}

void *read_file(const char *path, size_t max, size_t *size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	char *data = NULL;
	struct stat st;
	size_t used = 0;
	ssize_t got;

	if (fd < 0 || fstat(fd, &st)) {
		fail(EXIT_REFUSED, "%s: %s", path, strerror(errno));
		goto out;
	}
	if (!S_ISREG(st.st_mode)) {
		fail(EXIT_REFUSED, "%s: not a file", path);
		goto out;
	}
	if ((uint64_t)st.st_size > max) {
		fail(EXIT_REFUSED, "%s: %lld bytes, expected at most %zu", path,
		     (long long)st.st_size, max);
		goto out;
	}
	data = malloc(st.st_size + 1);
	while (data && used < (size_t)st.st_size) {
		got = read(fd, data + used, st.st_size - used);
		if (got <= 0) {
			fail(EXIT_REFUSED, "%s: %s", path, got ? strerror(errno) : "it shrinks");
			free(data);
			data = NULL;
			break;
		}
		used += got;
	}
	*size = used;
out:
	if (fd >= 0)
		close(fd);
	return data;
}
