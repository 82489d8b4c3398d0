// SPDX-License-Identifier: GPL-2.0
/*
 * Start a payload, under Cloister or without it, on a machine that has no operating system: from a
 * multiboot loader (GRUB; QEMU's -kernel), on the first CPU. A module's command line tells what it
 * is:
 *
 *   payload STRING...   an inmate, which starts as it would in a cell, with this command line;
 * there is no comm region hypervisor          cloister-amd.bin or cloister-intel.bin; without it
 * the payload has the bare machine config              the root config, with addresses for the
 * hypervisor; the payload is that cell
 *
 * With "x2apic" in this program's own command line the APIC is in that mode.
 *
 * It stands for the driver, and uses the same entry of the image (include/cloister/image.h).
 */
#include <asm.h>
#include <cloister/check.h>
#include <cloister/comm.h>
#include <cloister/image.h>
#include <cloister/info.h>
#include <cloister/vmx_needs.h>

#define UART 0x3f8

#define PTE_P  BIT(0)
#define PTE_RW BIT(1)
#define PTE_PS BIT(7)

/* Multiboot specification 0.6.96, 3.3 */
#define INFO_CMDLINE BIT(2)
#define INFO_MODULES BIT(3)
#define MAX_MODULES  8

struct multiboot_module {
	uint32_t start, end, string, reserved;
};

struct multiboot_info {
	uint32_t flags, mem_lower, mem_upper, boot_device, cmdline, module_count, modules;
};

struct module {
	char *start;
	uint64_t size;
	const char *arguments; /* what follows the name */
};

static struct module payload, hypervisor, config;
static uint64_t modules_end;

extern uint64_t boot_tables[512];
extern char boot_enter[], boot_exit[], boot_end[];
typedef int enter(uint64_t entry, bool amd);
void boot_payload(uint32_t entry, uint32_t ebx) __attribute__((noreturn));
void boot_main(const struct multiboot_info *info) __attribute__((noreturn));

static void say(const char *text)
{
	for (; *text; text++) {
		while (!(port_in(UART + 5, 1) & 0x20))
			;
		port_out(UART, 1, (uint8_t)*text);
	}
}

static void fail(const char *fmt, ...) __attribute__((noreturn, format(printf, 1, 2)));
static void fail(const char *fmt, ...)
{
	char text[256];
	va_list args;

	va_start(args, fmt);
	vformat(text, sizeof(text), fmt, args);
	va_end(args);
	say("boot: ");
	say(text);
	say("\n");
	for (;;)
		asm volatile("cli; hlt");
}

/* What stands behind the name in a module's command line, in which a file name may come first. */
static const char *after_name(const char *string, const char *name)
{
	unsigned int length = 0;

	while (name[length])
		length++;
	for (unsigned int word = 0; word < 2; word++) {
		if (!memcmp(string, name, length) && (!string[length] || string[length] == ' '))
			return string + length + (string[length] == ' ');
		while (*string && *string != ' ')
			string++;
		while (*string == ' ')
			string++;
	}
	return NULL;
}

static void find_modules(const struct multiboot_info *info)
{
	const struct {
		const char *name;
		struct module *module;
	} names[] = { { "payload", &payload },
		      { "hypervisor", &hypervisor },
		      { "config", &config } };
	const struct multiboot_module *modules = (const void *)(uint64_t)info->modules;

	if (!(info->flags & INFO_MODULES) || info->module_count > MAX_MODULES)
		fail("1 to %u modules are expected", MAX_MODULES);
	for (unsigned int i = 0; i < info->module_count; i++) {
		const char *string = (const char *)(uint64_t)modules[i].string, *rest = NULL;

		for (unsigned int j = 0; j < ARRAY_SIZE(names) && !rest; j++) {
			rest = after_name(string, names[j].name);
			if (!rest)
				continue;
			names[j].module->start = (char *)(uint64_t)modules[i].start;
			names[j].module->size = modules[i].end - modules[i].start;
			names[j].module->arguments = rest;
		}
		if (!rest)
			fail("module '%s': expected payload, hypervisor or config", string);
		if (modules[i].end > modules_end)
			modules_end = modules[i].end;
	}
	if (!payload.start)
		fail("there is no module 'payload'");
	if (!hypervisor.start != !config.start)
		fail("the modules 'hypervisor' and 'config' belong together");
}

/* IA32_FEATURE_CONTROL as a kernel would set it where the firmware has not. */
static void allow_vmx(void)
{
	if (!(rdmsr(CL_MSR_FEATURE_CONTROL) & CL_FEATURE_CONTROL_LOCK))
		wrmsr(CL_MSR_FEATURE_CONTROL, CL_FEATURE_CONTROL_LOCK | CL_FEATURE_CONTROL_VMXON);
}

static void check_image(const struct cl_image *image, const struct cl_platform *platform)
{
	uint64_t needed;

	if (hypervisor.size < sizeof(*image) || memcmp(image->magic, CL_IMAGE_MAGIC, 8) ||
	    image->arch != CL_ARCH_X86_64 || image->abi_version != CL_ABI_VERSION ||
	    image->file_size != hypervisor.size)
		fail("module 'hypervisor' is not an image for x86 of this release");
	needed = image->core_size + image->cpu_size + ALIGN_UP(config.size, PAGE_SIZE) +
		 16 * PAGE_SIZE;
	if (platform->hv_phys & ((2 << 20) - 1) || platform->hv_phys < modules_end ||
	    platform->hv_phys < (uint64_t)boot_end ||
	    platform->hv_phys + platform->hv_size > 1UL << 32)
		fail("platform: hv_phys is 0x%lx, expected a multiple of 2 MiB below 4 GiB, behind all modules (0x%lx)",
		     platform->hv_phys, modules_end);
	if (platform->hv_size < needed)
		fail("platform: hv_size is 0x%lx, expected at least 0x%lx", platform->hv_size,
		     needed);
}

/* The hypervisor's memory where the image is linked, in the tables that are in use. */
static void map_hypervisor(uint64_t virt, uint64_t phys, uint64_t size)
{
	static uint64_t tables[2][512] __aligned_page;

	if (size > 1UL << 30)
		size = 1UL << 30;
	boot_tables[virt >> 39 & 511] = (uint64_t)tables[0] | PTE_P | PTE_RW;
	tables[0][virt >> 30 & 511] = (uint64_t)tables[1] | PTE_P | PTE_RW;
	for (uint64_t offset = 0; offset < size; offset += 2 << 20)
		tables[1][(virt + offset) >> 21 & 511] = (phys + offset) | PTE_P | PTE_RW | PTE_PS;
}

static void start_hypervisor(void)
{
	struct cl_limits limits = { .arch = CL_ARCH_X86_64, .max_cpus = 1 };
	const struct cl_image *image = (const void *)hypervisor.start;
	struct cl_platform platform;
	struct cl_finding finding;
	struct cl_system *system;
	uint32_t a, b, c, d;
	bool amd;
	char *hv;
	int err;

	cpuid(0x80000008, 0, &a, &b, &c, &d);
	limits.phys_bits = (uint8_t)a;
	if (cl_check_config(config.start, config.size, &limits, &finding))
		fail("%s: %s: %s is 0x%lx: %s", finding.cell, finding.object, finding.field,
		     finding.found, finding.rule);
	cl_get_entry(cl_find_section((const void *)config.start, CL_SEC_PLATFORM), 0, &platform,
		     sizeof(platform));
	check_image(image, &platform);
	amd = !memcmp(image->flavour, "amd", 4);
	cpuid(amd ? 0x80000001 : 1, 0, &a, &b, &c, &d);
	if (!(c & (amd ? BIT(2) : BIT(5))))
		fail("the CPU has no %s, which this hypervisor needs", amd ? "SVM" : "VMX");
	if (!amd)
		allow_vmx();
	hv = (char *)platform.hv_phys;
	memset(hv, 0, platform.hv_size);
	memcpy(hv, image, image->file_size);
	memcpy(hv + image->core_size + image->cpu_size, config.start, config.size);
	system = (struct cl_system *)(hv + image->system_offset);
	system->hv_phys = platform.hv_phys;
	system->hv_size = platform.hv_size;
	system->config_offset = image->core_size + image->cpu_size;
	system->config_size = config.size;
	system->trampoline_virt = (uint64_t)boot_enter;
	system->trampoline_phys = (uint64_t)boot_enter;
	system->exit_virt = (uint64_t)boot_exit;
	system->cpu_count = 1;
	cpuid(1, 0, &a, &b, &c, &d);
	system->cpus[0].hw_id = b >> 24;
	map_hypervisor(image->virt_base, platform.hv_phys, platform.hv_size);
	err = ((enter *)boot_enter)(image->virt_base + image->entry, amd);
	if (err) {
		const struct cl_info *info = (const void *)(hv + image->info_offset);

		fail("the hypervisor could not start (error %d): %s: %s is 0x%lx: %s", -err,
		     info->finding.object, info->finding.field, info->finding.found,
		     info->finding.rule);
	}
}

void boot_main(const struct multiboot_info *info)
{
	char *cmdline = (char *)CL_CMDLINE_ADDRESS;

	/* 115200 baud, 8 bits */
	port_out(UART + 3, 1, 0x83);
	port_out(UART, 1, 1);
	port_out(UART + 1, 1, 0);
	port_out(UART + 3, 1, 3);
	find_modules(info);
	if (info->flags & INFO_CMDLINE &&
	    after_name((const char *)(uint64_t)info->cmdline, "x2apic"))
		wrmsr(MSR_APIC_BASE, rdmsr(MSR_APIC_BASE) | APIC_BASE_X2APIC);
	if (payload.size > 0x90000 - CL_INMATE_ADDRESS)
		fail("module 'payload' has 0x%lx bytes, expected at most 0x%x", payload.size,
		     0x90000 - CL_INMATE_ADDRESS);
	/* GRUB keeps modules and what it says of them above 1 MiB. */
	copy_string(cmdline, payload.arguments, CL_CMDLINE_SIZE);
	memcpy((char *)CL_INMATE_ADDRESS, payload.start, payload.size);
	if (hypervisor.start)
		start_hypervisor();
	boot_payload(CL_INMATE_ADDRESS, 0);
}
