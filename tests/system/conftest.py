# SPDX-License-Identifier: GPL-2.0
"""Fixtures of the system tests."""

import contextlib
import re

import pytest

import bochs
import cloister
import initramfs
from machine import Machine, MachineError

LOGS = initramfs.BUILD / "test-logs"


@pytest.fixture(scope="session")
def shared_intel():
    shared = bochs.Shared(LOGS)
    yield shared
    shared.close()


def is_intel(options):
    return options.get("flavour") == "intel"


def borrow_intel(request, options):
    """The machine with an Intel CPU, which is the same for all modules."""
    return request.getfixturevalue("shared_intel").borrow(**{key: value for key, value in options.items() if key != "flavour"})


@pytest.fixture(scope="module")
def boot(request):
    """boot(name, **options) starts a Machine with logs in build/test-logs/<test module>-<name>; it ends
    with the test module. With flavour="intel" it is the one that all modules share."""
    machines = []
    borrowed = contextlib.ExitStack()

    def start(name, **options):
        if is_intel(options):
            return borrowed.enter_context(borrow_intel(request, options))
        directory = re.sub(r"[^\w.+-]+", "-", f"{request.module.__name__}-{name}")
        machine = Machine(LOGS / directory, **options)
        machines.append(machine)
        return machine

    with borrowed:
        yield start
    for machine in machines:
        machine.close()


@pytest.fixture(scope="module")
def machine(request):
    """One Machine for all tests of a module. Its options come from a parameter:

        pytestmark = pytest.mark.parametrize("machine", [{"apic": "x2apic"}], indirect=True, ids=str)

    With several sets of options the module's tests run once with each.
    """
    options = getattr(request, "param", {})
    if is_intel(options):
        with borrow_intel(request, options) as running:
            yield running
        return
    words = [f"{key}-{value}" for key, value in options.items() 
             if key in ("arch", "kernel", "apic", "gic", "cpu", "memory", "icount", "image", "append")]
    name = re.sub(r"[^\w.+-]+", "-", "-".join([request.module.__name__, *words]))
    with Machine(LOGS / name, **options) as running:
        yield running


def machine_id(options):
    """Name of a set of Machine options in test names."""
    return "-".join(str(value) for value in options.values())


# One test machine for each kernel and mode of the interrupt controllers.
ALL_MACHINES = [{"kernel": kernel, "apic": apic} for kernel in ("6.1", "6.12") for apic in ("xapic", "x2apic")]
# The kernels for all machines have what those for clouds leave out: more drivers, other options. 6.12 with GICv3, and 6.1 with
# GICv2, are root's in test_arm64_linux.py and others.
ARM64_MACHINES = [{"arch": "arm64", "kernel": kernel, "gic": gic}
                  for kernel, gic in (("6.1", 3), ("6.1-normal", 3), ("6.12-normal", 3))]
ARM64_MACHINES.append({"arch": "arm64", "kernel": "6.12", "gic": 2, "append": "kpti=on"})


# A CPU of Intel's, in Bochs: see bochs.py.
INTEL = {"flavour": "intel"}
# One of each architecture, for what does not depend on the kernel.
BOTH_ARCHS = [{"apic": "x2apic"}, {"arch": "arm64"}]
# One for each image of the hypervisor.
ALL_FLAVOURS = [*BOTH_ARCHS, INTEL]


@contextlib.contextmanager
def _enabled(machine):
    before = cloister.Snapshot(machine)
    cloister.enable(machine)
    yield machine
    for name, cell in cloister.cells(machine).items():
        if not cell["root"]:
            machine.check(f"hvctl cell destroy {name}", 60)
    cloister.disable(machine)
    before.assert_same(machine)
    cloister.assert_healthy(machine)


@pytest.fixture
def enabled(machine):
    """The module's machine with Cloister enabled, for one test. Afterwards all cells are destroyed, it is
    disabled, and Linux must have everything back."""
    with _enabled(machine):
        yield machine


@pytest.fixture(scope="class")
def enabled_once(machine):
    """The same for all tests of a class, which leave no cells."""
    with _enabled(machine):
        yield machine


def for_each_arch(values):
    """Parameters of a test out of {architecture or flavour: values}; each is for the machines of those that have it."""
    archs = {}
    for arch in values:
        for value in values[arch]:
            archs.setdefault(value, []).append(arch)
    return [pytest.param(value, marks=pytest.mark.only(*names), id=value) for value, names in archs.items()]


def _group(item):
    """Tests that one of pytest's processes runs one after another, as they share a machine."""
    if "intel" in item.nodeid:
        return "intel"
    parameters = getattr(item, "callspec", None)
    return f"{item.module.__name__}-{parameters.indices.get('machine') if parameters else None}"


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config, items):
    """@pytest.mark.only("x86"): a test of what other architectures do not have is not run on their machines; "amd",
    "intel": nor on those with another CPU or, which is the same, another emulator; "xapic", "x2apic": nor on those where that
    mode is not asked for."""
    def fits(item):
        mark = item.get_closest_marker("only")
        if not mark:
            return True
        options = item.callspec.params["machine"]
        arch = options.get("arch", "x86")
        return not {arch, options.get("flavour", {"x86": "amd"}.get(arch)), options.get("apic")}.isdisjoint(mark.args)

    config.hook.pytest_deselected(items=[item for item in items if not fits(item)])
    # The tests of Intel's machine take longest: they come first.
    items[:] = sorted((item for item in items if fits(item)), key=lambda item: _group(item) != "intel")
    for item in items:
        item.add_marker(pytest.mark.xdist_group(_group(item)))


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    """Shows the machine's logs with a test that failed on its own assertion; MachineErrors have them
    already."""
    report = (yield).get_result()
    if report.when != "call" or not report.failed or call.excinfo.errisinstance(MachineError):
        return
    machines = {value for value in getattr(item, "funcargs", {}).values() if isinstance(value, Machine)}
    report.sections.extend(("machine", machine.tail()) for machine in machines)
