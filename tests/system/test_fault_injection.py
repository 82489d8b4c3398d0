# SPDX-License-Identifier: GPL-2.0
"""Enable fails, at each stage and on each CPU: Linux runs on as before, the log can be read, and the next
enable works."""

import pytest

import cloister
from conftest import ALL_MACHINES, ARM64_MACHINES, INTEL, machine_id

STAGES = {"common": 1, "cpu": 2}
PARAMETERS = "/sys/module/cloister/parameters"

MACHINES = [*ALL_MACHINES[:2], ARM64_MACHINES[0], INTEL]
pytestmark = pytest.mark.parametrize("machine", [options | {"image": "fault-inject"} for options in MACHINES],
                                     indirect=True, ids=machine_id)


def set_failure(machine, stage, cpu):
    machine.check(f"echo {stage} >{PARAMETERS}/fail_stage; echo {cpu} >{PARAMETERS}/fail_cpu")


def enable_fails(machine):
    cloister.refused(machine, f"hvctl enable {cloister.ROOT}", "cannot enable Cloister",
                     "the hypervisor could not start (error -5), Linux runs on as before: see hvctl log")
    assert not cloister.status(machine)["enabled"]
    records = cloister.log(machine)
    assert ("error", "enable failed: error 5") in [(record["severity"], record["text"]) for record in records]
    assert not [record for record in records if "root cell 'qemu-root' runs" in record["text"]]


@pytest.fixture
def loaded(machine):
    cloister.load_driver(machine)
    before = cloister.Snapshot(machine)
    yield machine
    set_failure(machine, 0, 0)
    before.assert_same(machine)
    cloister.enable(machine)
    cloister.start(machine, "hello", "hello")
    cloister.wait_output(machine, "hello", "^Hello, world!")
    machine.check("hvctl cell destroy hello")
    cloister.disable(machine)
    before.assert_same(machine)
    cloister.assert_healthy(machine)


@pytest.mark.parametrize("cpu", range(4))
def test_cpu_fails(loaded, cpu):
    set_failure(loaded, STAGES["cpu"], cpu)
    enable_fails(loaded)


def test_common_initialisation_fails(loaded):
    """On the first CPU to arrive, whichever it is: so each one is told to fail until it is the first."""
    failed = 0
    for attempt in range(40):
        set_failure(loaded, STAGES["common"], attempt % 4)
        if loaded.run(f"hvctl enable {cloister.ROOT}").status == 0:
            cloister.disable(loaded)
            continue
        failed += 1
        assert "enable failed: error 5" in cloister.log_texts(loaded)
        if failed == 3:
            return
    pytest.fail(f"only {failed} of 40 starts failed")


def test_repeatedly(loaded):
    """Nothing is lost by a failed enable."""
    set_failure(loaded, STAGES["cpu"], 2)
    enable_fails(loaded)
    before = cloister.free_memory(loaded)
    loaded.check(f"for i in 1 2 3 4 5 6 7 8 9 10; do hvctl enable {cloister.ROOT} 2>/dev/null && exit 1; done; true", 120)
    assert before - cloister.free_memory(loaded) < 1024, "KiB in ten failed starts"
