# SPDX-License-Identifier: GPL-2.0
#
# Top of the build: "make help" lists what there is. Everything goes to build/, what is for arm64 to
# build/arm64; each directory's Makefile gets BUILD, the absolute path of it, ARCH, CROSS_COMPILE and
# VERSION. V=1 shows the commands.

VERSION := $(file <VERSION)

# x86 or arm64
HOST_ARCH := $(if $(filter aarch64,$(shell uname -m)),arm64,x86)
ARCH := $(HOST_ARCH)
GNU_x86 := x86_64-linux-gnu-
GNU_arm64 := aarch64-linux-gnu-
ifeq ($(filter $(ARCH),x86 arm64),)
$(error ARCH is x86 or arm64, not $(ARCH))
endif
CROSS_COMPILE := $(if $(filter $(ARCH),$(HOST_ARCH)),,$(GNU_$(ARCH)))

# What tests need: an amd64 machine tests both.
ARCHS := $(if $(filter x86,$(HOST_ARCH)),x86) arm64

BUILD := $(CURDIR)/build$(if $(filter arm64,$(ARCH)),/arm64)
PREFIX := /usr/local
DESTDIR :=

# Test kernels, by the names of scripts/fetch-kernel.
KERNELS_x86 := 6.1 6.12
KERNELS_arm64 := 6.1 6.12 6.1-normal 6.12-normal
KERNELS := $(KERNELS_$(ARCH))
# Those that only run in cells: the driver is not built for them.
GUESTS_x86 := 6.1-normal 6.12-normal 6.1-rt 6.12-rt
GUESTS_arm64 := 6.1-rt 6.12-rt

# Kernel that "make modules" builds for, and the name of the directory that gets the result.
FLAVOUR := native
ifeq ($(FLAVOUR),native)
KDIR := /lib/modules/$(shell uname -r)/build
else
KDIR := $(BUILD)/kernels/$(FLAVOUR)/kdir
endif

# Further arguments for pytest, as T="-k x2apic -x" or T=tests/system/test_machine.py
T :=

# Debian's Python has the packages that scripts/setup installs; another one in PATH has not.
PYTHON := /usr/bin/python3
KCONFIG := KCONFIG_CONFIG=$(BUILD)/.config $(PYTHON) -m

# Kconfig symbols that differ from the configuration, as SET="FAULT_INJECT=y"
SET :=

export VERSION

V :=
SUBMAKE := $(MAKE) --no-print-directory $(if $(V),,-s)
# As many at a time as there are CPUs, unless the caller has said how many. "+" before a command whose make is in a
# variable lets it take part in that.
JOBS = $(if $(filter -j% --jobserver%,$(MAKEFLAGS)),,-j$(shell nproc))
# for what is built for ARCH
ARCHMAKE = $(SUBMAKE) ARCH=$(ARCH) CROSS_COMPILE=$(CROSS_COMPILE) BUILD=$(BUILD)

SUBDIRS := $(patsubst %/Makefile,%,$(wildcard hypervisor/Makefile tools/hvctl/Makefile inmates/Makefile configs/Makefile boot/Makefile))
AUTOCONF := $(BUILD)/include/generated/cloister_autoconf.h

all: $(SUBDIRS)

$(SUBDIRS): $(AUTOCONF)
	@echo "  MAKE    $@"
	+@$(ARCHMAKE) -C $@

# Changes the file only if its content changes: SET may be different each time.
$(AUTOCONF): FORCE
	@scripts/config-header $@ Kconfig.defaults $(wildcard $(BUILD)/.config) $(SET)

# The image that system tests of failing starts use, in build/fault-inject/hypervisor.
fault-inject:
	@$(MAKE) --no-print-directory ARCH=$(ARCH) BUILD=$(BUILD)/fault-inject SET="FAULT_INJECT=y" hypervisor

menuconfig: need-kconfiglib
	@mkdir -p $(BUILD)
	@$(KCONFIG) menuconfig

defconfig:
	@mkdir -p $(BUILD)
	cp Kconfig.defaults $(BUILD)/.config

Kconfig.defaults: Kconfig | need-kconfiglib
	@KCONFIG_CONFIG=$@ $(PYTHON) -m alldefconfig

need-kconfiglib:
	@$(PYTHON) -c 'import kconfiglib' 2>/dev/null || \
		{ echo "kconfiglib is missing: run 'make setup', or install python3-kconfiglib"; exit 1; }

# The module is built in a tree of links to the sources, laid out as the one that DKMS gets.
DRIVER := $(BUILD)/driver/$(FLAVOUR)
KBUILD = $(MAKE) --no-print-directory ARCH=$(ARCH) CROSS_COMPILE=$(CROSS_COMPILE)

# The config validator, which the driver shares with the hypervisor.
CHECK := hypervisor/check.c hypervisor/include/check_parts.h $(wildcard hypervisor/arch/*/check_*.c)

modules:
	@test -d "$(KDIR)" || { echo "no kernel headers in $(KDIR): install them, or set KDIR"; exit 1; }
	@mkdir -p $(DRIVER)
	@find $(DRIVER) -xtype l -delete
	@cp -rsf $(CURDIR)/driver/. $(DRIVER)
	@ln -sfn $(CURDIR)/include $(DRIVER)/include
	@ln -sf $(addprefix $(CURDIR)/,$(CHECK)) $(DRIVER)
	@echo "  MAKE    driver ($(FLAVOUR))"
	+@$(KBUILD) -C $(KDIR) M=$(DRIVER) modules

# QEMU plugin that counts instructions.
icount:
	+@$(ARCHMAKE) -C scripts/icount BUILD=$(CURDIR)/build

# The test machines have no libraries.
static-tools: $(if $(filter tools/hvctl,$(SUBDIRS)),static-hvctl)

static-hvctl:
	@echo "  MAKE    tools/hvctl (static)"
	+@$(ARCHMAKE) -C tools/hvctl STATIC=1

test-modules: $(if $(wildcard driver/Kbuild),$(KERNELS:%=test-module-%))

test-module-%:
	@$(MAKE) --no-print-directory ARCH=$(ARCH) modules FLAVOUR=$*
	@mkdir -p $(BUILD)/tests/modules/$*
	@find $(BUILD)/tests/modules/$* -xtype l -delete
	@cp -rsf $(CURDIR)/tests/modules/. $(BUILD)/tests/modules/$*
	@ln -sfn $(CURDIR)/include $(BUILD)/tests/modules/$*/include
	@echo "  MAKE    tests/modules ($*)"
	+@$(KBUILD) -C $(BUILD)/kernels/$*/kdir M=$(BUILD)/tests/modules/$* modules

setup:
	@scripts/setup

kernels: setup
	@$(foreach arch,$(ARCHS),scripts/fetch-kernel --arch $(arch) $(KERNELS_$(arch)) &&) :
	@$(if $(filter x86,$(ARCHS)),scripts/fetch-bochs)

# What only runs in cells
guests: kernels
	@$(foreach arch,$(ARCHS),scripts/fetch-kernel --arch $(arch) --guest $(GUESTS_$(arch)) && \
		scripts/fetch-programs --arch $(arch) &&) :

# In steps: nothing can be built before the setup.
built: kernels
	@for arch in $(ARCHS); do \
		$(MAKE) $(JOBS) --no-print-directory ARCH=$$arch all fault-inject test-modules static-tools icount || exit 1; \
	done

test: built guests fuzz-targets
	@scripts/run-tests $(UNIT) fuzz system -- $(T)

unit: setup
	@scripts/run-tests $(UNIT)

system: built guests
	@scripts/run-tests system -- $(T)

# Fuzz targets, as FUZZ="config uart", and seconds for each; "make test" runs all for 60 s each.
FUZZ :=

fuzz: fuzz-targets
	@FUZZ_TIME=$${FUZZ_TIME:-600} scripts/run-fuzz $(FUZZ)

fuzz-targets: setup
	@echo "  MAKE    tests/fuzz"
	+@$(SUBMAKE) $(JOBS) -C tests/fuzz BUILD=$(CURDIR)/build

# CPU=intel: an x86 machine with a CPU of Intel's
CPU :=

demo: ARCHS := $(ARCH)
demo: built
	@scripts/demo $(or $(CPU),$(ARCH))

bench: built guests
	@$(MAKE) --no-print-directory ARCH=arm64 built
	@scripts/bench

UNIT := $(if $(wildcard tests/unit/Makefile),unit)

# Sources of our own, for the checks.
SOURCES = $(shell git ls-files '*.c' '*.h')

format-check:
	@clang-format --version
	@clang-format --dry-run --Werror $(SOURCES)

lint: lint-cppcheck $(addprefix lint-sparse-,$(subst tools/,,$(filter hypervisor tools/hvctl,$(SUBDIRS))))
	@KCONFIG_CONFIG=$(BUILD)/defaults.check $(PYTHON) -m alldefconfig >/dev/null
	@cmp $(BUILD)/defaults.check Kconfig.defaults

LINT_INCLUDES := include $(BUILD)/include hypervisor/include tests/unit
LINT_X86 := -D__x86_64__ $(addprefix -I ,hypervisor/arch/x86/include inmates/lib inmates/lib/x86 inmates/tests inmates/tests/x86)
LINT_amd := $(LINT_X86) -I hypervisor/arch/x86/svm
LINT_intel := $(LINT_X86) -I hypervisor/arch/x86/vmx
LINT_arm64 := -D__aarch64__ $(addprefix -I ,hypervisor/arch/arm64/include inmates/lib inmates/lib/arm64 inmates/tests inmates/tests/arm64)

lint-cppcheck: lint-cppcheck-amd lint-cppcheck-intel lint-cppcheck-arm64
	@cppcheck --version

# Not modules: kernel headers make no sense to cppcheck. "make modules C=2" runs sparse on the driver.
lint-cppcheck-%: $(AUTOCONF)
	@echo "  CPPCHECK $*"
	@cppcheck --quiet --error-exitcode=1 --inline-suppr --enable=warning,portability,performance \
		--suppress=missingIncludeSystem --suppress=unusedStructMember \
		$(LINT_$*) $(addprefix -I ,$(LINT_INCLUDES)) \
		$(filter-out driver/% tests/modules/% $(foreach other,$(OTHERS_$*),$(addsuffix %,$(wildcard */$(other)/ */*/$(other)/ */*/*/$(other)/))),$(filter %.c,$(SOURCES)))

OTHERS_amd := arm64 vmx
OTHERS_intel := arm64 svm
OTHERS_arm64 := x86

# cgcc runs sparse, then the compiler.
lint-sparse-%: $(AUTOCONF)
	@echo "  SPARSE  $*"
	@rm -rf $(BUILD)/sparse/$*
	@mkdir -p $(BUILD)/sparse
	@ln -sfn ../include $(BUILD)/sparse/include
	@$(SUBMAKE) -C $(filter %$*,$(SUBDIRS)) BUILD=$(BUILD)/sparse ARCH=$(HOST_ARCH) CC=cgcc

SHARE = $(DESTDIR)$(PREFIX)/share/cloister
DKMS = $(DESTDIR)$(PREFIX)/src/cloister-$(VERSION)

install: all
	@$(ARCHMAKE) -C tools/hvctl DESTDIR=$(DESTDIR) PREFIX=$(PREFIX) install
	install -d $(DESTDIR)/lib/firmware/cloister $(DESTDIR)$(PREFIX)/include $(DKMS) $(SHARE)
	install -m 644 $(BUILD)/hypervisor/cloister-*.bin $(DESTDIR)/lib/firmware/cloister
	cp -r include/cloister $(DESTDIR)$(PREFIX)/include
	cp -r driver/. include $(CHECK) $(DKMS)
	sed 's/@VERSION@/$(VERSION)/' dkms.conf >$(DKMS)/dkms.conf
	install -m 644 configs/cell.mk configs/cell.lds $(SHARE)
	install -d $(SHARE)/configs
	cp -r $(wildcard configs/*/) $(SHARE)/configs
	cp -r inmates $(SHARE)
	install -d $(DESTDIR)$(PREFIX)/lib/systemd/system
	for unit in tools/systemd/*; do \
		sed 's|@PREFIX@|$(PREFIX)|' $$unit >$(DESTDIR)$(PREFIX)/lib/systemd/system/$${unit##*/} || exit 1; done

clean:
	@for entry in $(BUILD)/* $(BUILD)/.config; do \
		case $$entry in $(BUILD)/kernels | $(BUILD)/apt | $(BUILD)/arm64 | $(BUILD)/sysroot | $(BUILD)/programs) ;; *) rm -rf "$$entry" ;; esac; \
	done

distclean:
	rm -rf $(CURDIR)/build

help:
	@echo "Building, without network; ARCH=arm64 builds for arm64, to build/arm64:"
	@echo "  all            hypervisor, tools, inmates and cell configs (default)"
	@echo "  modules        driver for the running kernel; KDIR=<kernel build directory> for another,"
	@echo "                 FLAVOUR=$(firstword $(KERNELS)) for a test kernel; result in build/driver/<FLAVOUR>"
	@echo "  menuconfig     change the configuration, in build/.config"
	@echo "  defconfig      set the configuration back to Kconfig.defaults"
	@echo "  install        to DESTDIR and PREFIX ($(PREFIX))"
	@echo "  clean          remove all results for ARCH; keeps downloaded kernels"
	@echo "  distclean      remove build/"
	@echo "Testing; these install packages and download kernels where missing:"
	@echo "  setup          only install the packages"
	@echo "  kernels        only download the kernels (of x86 $(KERNELS_x86), of arm64 $(KERNELS_arm64))"
	@echo "  guests         and those for cells (of x86 $(GUESTS_x86), of arm64 $(GUESTS_arm64)), and programs"
	@echo "  test           unit tests, fuzz targets (FUZZ_TIME=60 seconds each) and system tests;"
	@echo "                 T='...' further arguments for pytest"
	@echo "  unit, system   one of them"
	@echo "  fuzz           fuzz targets, FUZZ_TIME=600 seconds each; FUZZ='config uart' only these"
	@echo "Showing; these build and download as well:"
	@echo "  demo           two cells beside a running Linux, in QEMU; INTERACTIVE=1 leaves a root shell there;"
	@echo "                 ARCH=arm64 for such a machine, CPU=intel for one with an Intel CPU, in Bochs"
	@echo "  bench          what exits and management operations cost, for docs/benchmarks.md"
	@echo "Checks of the sources:"
	@echo "  lint           cppcheck, sparse, Kconfig.defaults"
	@echo "  format-check   clang-format"
	@echo "See also: scripts/run-machine --help"

FORCE:

.PHONY: all $(SUBDIRS) fault-inject menuconfig defconfig need-kconfiglib modules test-modules icount static-tools static-hvctl setup \
	kernels guests built demo bench test unit system fuzz fuzz-targets format-check lint lint-cppcheck install clean distclean help FORCE
