// SPDX-License-Identifier: GPL-2.0
/*
 * Fixed pieces of work for scripts/bench, each between two markers of the counting plugin
 * (scripts/icount); says what time they took: workload fork|pipe1|pipe2|fault|ipi COUNT
 */
#define _GNU_SOURCE
#include <linux/membarrier.h>
#include <pthread.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* The second time also says how long it was, by the clock. */
static void mark(void)
{
	static struct timespec start;
	static bool started;
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	if (started)
		printf("%lld ns\n",
		       (now.tv_sec - start.tv_sec) * 1000000000LL + now.tv_nsec - start.tv_nsec);
	start = now;
	started = true;
#ifdef __aarch64__
	__asm__ volatile("mov x27, x27" ::: "memory");
#else
	__asm__ volatile("xchg %%bx, %%bx" ::: "memory");
#endif
}

static void fail(const char *what)
{
	perror(what);
	exit(1);
}

static void run_on(int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	if (sched_setaffinity(0, sizeof(set), &set))
		fail("sched_setaffinity");
}

static void do_fork(int count)
{
	for (int i = 0; i < count; i++) {
		pid_t child = fork();

		if (child < 0)
			fail("fork");
		if (!child) {
			execl("/usr/bin/nothing", "nothing", NULL);
			_exit(1);
		}
		waitpid(child, NULL, 0);
	}
}

static void do_pipe(int count, int other_cpu)
{
	int there[2], back[2];
	char byte = 0;

	if (pipe(there) || pipe(back))
		fail("pipe");
	run_on(0);
	if (!fork()) {
		run_on(other_cpu);
		while (read(there[0], &byte, 1) == 1 && write(back[1], &byte, 1) == 1)
			;
		_exit(0);
	}
	close(there[0]);
	for (int i = -10; i < count; i++) {
		if (i == 0)
			mark(); /* both are where they belong */
		if (write(there[1], &byte, 1) != 1 || read(back[0], &byte, 1) != 1)
			fail("pipe");
	}
	mark();
}

static void *spin(void *started)
{
	run_on(1);
	__atomic_store_n((int *)started, 1, __ATOMIC_SEQ_CST);
	while (__atomic_load_n((int *)started, __ATOMIC_SEQ_CST))
		;
	return NULL;
}

static long membarrier(int command)
{
	return syscall(SYS_membarrier, command, 0, 0);
}

/* Each expedited barrier is one IPI to the CPU on which the other thread runs, and no more. */
static void do_ipi(int count)
{
	pthread_t thread;
	int started = 0;

	if (membarrier(MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED) ||
	    pthread_create(&thread, NULL, spin, &started))
		fail("membarrier, pthread_create");
	while (!__atomic_load_n(&started, __ATOMIC_SEQ_CST))
		;
	for (int i = -10; i < count; i++) {
		if (i == 0)
			mark();
		if (membarrier(MEMBARRIER_CMD_PRIVATE_EXPEDITED))
			fail("membarrier");
	}
	mark();
}

static void do_fault(int count)
{
	for (int i = 0; i < count; i++) {
		char *memory = mmap(NULL, 1 << 20, PROT_READ | PROT_WRITE,
				    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

		if (memory == MAP_FAILED)
			fail("mmap");
		for (int page = 0; page < 256; page++)
			memory[page * 4096] = 1;
		munmap(memory, 1 << 20);
	}
}

int main(int argc, char **argv)
{
	int count = argc == 3 ? atoi(argv[2]) : 0;

	if (count <= 0) {
		fprintf(stderr, "usage: workload fork|pipe1|pipe2|fault|ipi COUNT\n");
		return 2;
	}
	if (!strcmp(argv[1], "pipe1") || !strcmp(argv[1], "pipe2")) {
		do_pipe(count, argv[1][4] == '2');
		return 0;
	}
	run_on(0);
	if (!strcmp(argv[1], "ipi")) {
		do_ipi(count);
		return 0;
	}
	mark();
	if (!strcmp(argv[1], "fork"))
		do_fork(count);
	else
		do_fault(count);
	mark();
	return 0;
}
