// SPDX-License-Identifier: GPL-2.0
/*
 * arm64: kexec IMAGE ADDRESS [crash]: load a kernel, with the device tree of this one, to run after
 * a panic or by "kexec reboot". ADDRESS is a multiple of 2 MiB.
 *
 * x86: kexec IMAGE COMMANDLINE: load a kernel to run after a panic.
 */
#include <fcntl.h>
#include <linux/kexec.h>
#include <linux/reboot.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifdef __x86_64__
int main(int argc, char **argv)
{
	int kernel = argc == 3 ? open(argv[1], O_RDONLY) : -1;

	if (kernel < 0 || syscall(SYS_kexec_file_load, kernel, -1, strlen(argv[2]) + 1, argv[2],
				  KEXEC_FILE_ON_CRASH | KEXEC_FILE_NO_INITRAMFS)) {
		perror("kexec_file_load");
		return 1;
	}
	return 0;
}
#else

#define KERNEL_SIZE 0x4000000 /* with its bss */
#define PAGE	    4096

/* ldr x0, tree; ldr x4, kernel; mov x1..x3, xzr; br x4 */
static struct {
	uint32_t code[6];
	uint64_t tree, kernel;
} start = { .code = { 0x580000c0, 0x580000e4, 0xaa1f03e1, 0xaa1f03e2, 0xaa1f03e3, 0xd61f0080 } };

static void *read_file(const char *path, size_t *size)
{
	int fd = open(path, O_RDONLY);
	char *data = malloc(KERNEL_SIZE);
	ssize_t got;

	*size = 0;
	while (fd >= 0 && data && (got = read(fd, data + *size, KERNEL_SIZE - *size)) > 0)
		*size += got;
	if (!*size) {
		perror(path);
		exit(1);
	}
	close(fd);
	return data;
}

int main(int argc, char **argv)
{
	struct kexec_segment segments[3];
	unsigned long address;

	if (argc == 2 && !strcmp(argv[1], "reboot"))
		return syscall(SYS_reboot, LINUX_REBOOT_MAGIC1, LINUX_REBOOT_MAGIC2,
			       LINUX_REBOOT_CMD_KEXEC, NULL) != 0;
	if (argc < 3)
		return 2;
	address = strtoul(argv[2], NULL, 0);
	segments[0].buf = read_file(argv[1], &segments[0].bufsz);
	segments[1].buf = read_file("/sys/firmware/fdt", &segments[1].bufsz);
	segments[2].buf = &start;
	segments[2].bufsz = sizeof(start);
	for (int i = 0; i < 3; i++) {
		segments[i].mem = (void *)address;
		segments[i].memsz = i ? (segments[i].bufsz + PAGE - 1) & -PAGE : KERNEL_SIZE;
		address += KERNEL_SIZE;
	}
	start.kernel = (uintptr_t)segments[0].mem;
	start.tree = (uintptr_t)segments[1].mem;
	if (syscall(SYS_kexec_load, segments[2].mem, 3, segments,
		    KEXEC_ARCH_AARCH64 | (argc > 3 ? KEXEC_ON_CRASH : 0))) {
		perror("kexec_load");
		return 1;
	}
	return 0;
}
#endif
