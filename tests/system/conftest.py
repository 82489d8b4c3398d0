# SPDX-License-Identifier: GPL-2.0
"""Fixtures of the system tests."""

import re

import pytest

import initramfs
from machine import Machine, MachineError

LOGS = initramfs.BUILD / "test-logs"


@pytest.fixture(scope="module")
def boot(request):
    """boot(name, **options) starts a Machine with logs in build/test-logs/<test module>-<name>; it ends
    with the test module."""
    machines = []

    def start(name, **options):
        directory = re.sub(r"[^\w.+-]+", "-", f"{request.module.__name__}-{name}")
        machine = Machine(LOGS / directory, **options)
        machines.append(machine)
        return machine

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
    words = [f"{key}-{value}" for key, value in options.items() if key in ("kernel", "apic", "memory", "icount", "image")]
    name = re.sub(r"[^\w.+-]+", "-", "-".join([request.module.__name__, *words]))
    with Machine(LOGS / name, **options) as running:
        yield running


def machine_id(options):
    """Name of a set of Machine options in test names."""
    return "-".join(str(value) for value in options.values())


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    """Shows the machine's logs with a test that failed on its own assertion; MachineErrors have them
    already."""
    report = (yield).get_result()
    if report.when != "call" or not report.failed or call.excinfo.errisinstance(MachineError):
        return
    for name, value in getattr(item, "funcargs", {}).items():
        if isinstance(value, Machine):
            report.sections.append((f"fixture {name}", value.tail()))
