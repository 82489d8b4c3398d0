# SPDX-License-Identifier: GPL-2.0
"""What else could pull the ground away while Cloister is enabled: reboot, power-off, suspend, rmmod."""

import pytest

import cloister
from conftest import ALL_FLAVOURS, INTEL, machine_id


def with_two_cells(boot, name, **options):
    machine = boot(name, **options)
    cloister.enable(machine)
    cloister.start(machine, "smp", "smp")
    cloister.start(machine, "timer", "timer")
    cloister.wait_output(machine, "smp", "^smp: 2 of 2 CPUs run")
    return machine


SAYS = {"reboot -f": "reboot: Restarting system", "poweroff -f": "reboot: Power down"}
ENDS = [pytest.param(options, command, id=f"{machine_id(options)}-{command.split()[0]}")
        for options in ({"apic": "xapic"}, *ALL_FLAVOURS) for command in SAYS
        # Bochs does not end at a reset.
        if options != INTEL or command == "poweroff -f"]


@pytest.mark.parametrize("options, command", ENDS)
def test_reboot_while_enabled(boot, options, command):
    """busybox' -f leaves out init, not the kernel's notifiers. QEMU ends at a reset (-no-reboot)."""
    kernel_says = SAYS[command]
    machine = with_two_cells(boot, f"{command.split()[0]}-{machine_id(options)}", **options)
    # The command ends with the machine: nobody waits for its answer.
    machine.check(f"( sleep 1; {command} ) >/dev/null 2>&1 &")
    machine.wait_console("cloister: disabling before reboot", 60)
    machine.wait_console(kernel_says, 60)
    assert machine.wait_exit(60) == 0
    text = machine.console()
    order = [text.index(part) for part in ("disabling before reboot", "cell 'smp' (1) destroyed", kernel_says)]
    assert order == sorted(order)
    assert "cell 'timer' (2) destroyed" in text
    for trouble in ("BUG:", "Oops", "panic", "WARNING:", "did not come back", "cannot be destroyed"):
        assert trouble not in text


@pytest.fixture(scope="module", params=ALL_FLAVOURS, ids=machine_id)
def machine(boot, request):
    return boot(f"unload-{machine_id(request.param)}", **request.param)


def test_module_stays_while_enabled(enabled):
    answer = enabled.run("rmmod cloister")
    assert answer.status != 0 and "Resource temporarily unavailable" in answer.output
    assert cloister.status(enabled)["enabled"]
    cloister.start(enabled, "hello", "hello")
    assert enabled.run("rmmod cloister").status != 0
    cloister.wait_output(enabled, "hello", "^Hello, world!")


def test_module_can_go_when_disabled(machine):
    cloister.enable(machine)
    cloister.disable(machine)
    before = cloister.Snapshot(machine)
    for _ in range(3):
        machine.check("rmmod cloister && [ ! -e /dev/cloister ] && [ ! -e /sys/class/misc/cloister ]")
        # Whoever reads the memory map reads the name of memory that came back.
        assert "System RAM" in machine.check("cat /proc/iomem")
        cloister.refused(machine, "hvctl status", "no /dev/cloister", status=3)
        cloister.load_driver(machine)
        cloister.enable(machine)
        cloister.disable(machine)
    before.assert_same(machine)
    cloister.assert_healthy(machine)


def test_suspend_is_refused(enabled):
    states = enabled.check("cat /sys/power/state").split()
    assert states, "this kernel cannot suspend at all"
    answer = enabled.run(f"echo {states[0]} >/sys/power/state", 60)
    assert answer.status != 0 and "busy" in answer.output
    assert "cloister: suspend and hibernation are not possible while enabled: hvctl disable comes first" in enabled.check("dmesg")
    assert cloister.status(enabled)["enabled"]
