// SPDX-License-Identifier: GPL-2.0
/* The late launch: what happens between the driver's call and the first instruction of the guest. */
#include <arch.h>
#include <audit.h>
#include <cell.h>
#include <image.h>
#include <log.h>
#include <page.h>

static unsigned int arrived;		/* at barriers, over all phases */
static uint8_t phases[CONFIG_MAX_CPUS]; /* the last barrier that each CPU has come to */
static int enable_error;

/* The driver's CPUs come within microseconds; a machine under test may be slow. */
#define BARRIER_MS 10000

static void note_error(int err)
{
	int none = 0;

	__atomic_compare_exchange_n(&enable_error, &none, err, false, __ATOMIC_SEQ_CST,
				    __ATOMIC_SEQ_CST);
}

/* All CPUs meet; returns the first error that any of them has had so far. */
static int barrier(const struct cpu *cpu, uint8_t phase)
{
	__atomic_store_n(&phases[cpu->id], phase, __ATOMIC_SEQ_CST);
	__atomic_fetch_add(&arrived, 1, __ATOMIC_SEQ_CST);
	if (!WAIT_UNTIL(__atomic_load_n(&arrived, __ATOMIC_SEQ_CST) >= phase * cpu_count,
			BARRIER_MS)) {
		for_each_cpu(i)
			if (__atomic_load_n(&phases[i], __ATOMIC_SEQ_CST) < phase)
				log_error("CPU %u does not come: step %u of enable", i, phase);
		note_error(-EIO);
	}
	return __atomic_load_n(&enable_error, __ATOMIC_SEQ_CST);
}

/* A failure that a test asked for (CONFIG_FAULT_INJECT): stage counts from 1. */
static int injected_failure(unsigned int stage, const struct cpu *cpu)
{
#ifdef CONFIG_FAULT_INJECT
	if (image_system.fail_stage == stage && image_system.fail_cpu == cpu->id)
		return -EIO;
#else
	(void)stage;
	(void)cpu;
#endif
	return 0;
}

static void init_info(void)
{
	struct cl_info *head = &info.head;

	memset(&info, 0, offsetof(struct info_region, consoles));
	head->magic = CL_INFO_MAGIC;
	head->abi_version = CL_ABI_VERSION;
	head->size = sizeof(info);
	head->arch = image_header.arch;
	head->cpus_offset = offsetof(struct info_region, cpus);
	head->cpus_stride = sizeof(info.cpus[0]);
	head->cpus_count = cpu_count;
	head->cells_offset = offsetof(struct info_region, cells);
	head->cells_stride = sizeof(info.cells[0]);
	head->cells_count = CONFIG_MAX_CELLS;
	head->log_offset = offsetof(struct info_region, log);
	head->log_stride = sizeof(info.log[0]);
	head->log_count = ARRAY_SIZE(info.log);
	head->audit_offset = offsetof(struct info_region, audit);
	head->audit_stride = sizeof(info.audit[0]);
	head->audit_count = ARRAY_SIZE(info.audit);
	head->tsc_khz = image_system.tsc_khz;
	head->hv_phys = image_system.hv_phys;
	head->hv_size = image_system.hv_size;
	head->mem_total = image_system.hv_size;
	head->mem_image = image_header.core_size + cpu_count * image_header.cpu_size +
			  ALIGN_UP(image_system.config_size, PAGE_SIZE);
	for (unsigned int i = 0; i < CONFIG_MAX_CPUS; i++)
		info.cpus[i].cell = CL_NO_CELL;
	for_each_cpu(i) {
		cpus[i].info = &info.cpus[i];
		info.cpus[i].id = cpus[i].id;
		info.cpus[i].hw_id = cpus[i].hw_id;
		info.cpus[i].cell = 0;
	}
}

/* The first CPU, before the others go on. */
static int init_first(void)
{
	const struct cl_config *config = (const void *)(hv_base + image_system.config_offset);
	struct cl_finding *finding = &info.head.finding;
	struct cl_platform platform;
	struct cl_limits limits;
	int err;

	init_info();
	page_init(ALIGN_UP(image_system.config_offset + image_system.config_size, PAGE_SIZE),
		  image_system.hv_size);
	arch_limits(&limits);
	err = cl_check_config(config, image_system.config_size, &limits, finding);
	if (err)
		return err;
	cl_get_entry(cl_find_section(config, CL_SEC_PLATFORM), 0, &platform, sizeof(platform));
	arch_console_init(&platform);
	log_info("%s %s: %u CPUs, hypervisor memory 0x%lx + 0x%lx", image_header.flavour,
		 image_header.version, cpu_count, info.head.hv_phys, info.head.hv_size);
	err = cell_init_root(config);
	if (err)
		return err;
	audit_init(&platform, image_system.flags & CL_SYSTEM_AUDIT);
	return arch_init(&platform, finding);
}

void hv_entry(struct cpu *cpu, bool first)
{
	bool initialised = false;
	int err = 0;

	if (first) {
		err = init_first();
		if (!err)
			err = injected_failure(CL_FAIL_COMMON, cpu);
	}
	if (err)
		note_error(err);
	err = barrier(cpu, 1);
	if (!err) {
		err = arch_cpu_init(cpu);
		initialised = !err;
		if (!err)
			err = injected_failure(CL_FAIL_CPU, cpu);
		if (err)
			note_error(err);
	}
	err = barrier(cpu, 2);
	if (err) {
		if (initialised)
			arch_cpu_exit(cpu);
		if (first && info.head.finding.error == 0)
			log_error("enable failed: error %d", -err);
		arch_leave_to_linux(err);
	}
	if (first) {
		info.head.mem_used = info.head.mem_image + page_bytes_used();
		info.head.enabled = 1;
		log_info("root cell '%s' runs", root_cell.info->name);
	}
	arch_protect();
	arch_cpu_run(cpu);
}
