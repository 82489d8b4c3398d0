# SPDX-License-Identifier: GPL-2.0
"""arm64 machines on which EL2 is missing or taken: driver and hvctl say so, with the remedy, and Linux runs on."""

import re

import pytest

import cloister

PARAMETERS = "id_aa64mmfr1.vh=0 kvm-arm.mode=none"
# Name: options of the machine, what the driver says, what hvctl hardware check misses.
UNFIT = {
    "no-el2": ({"el2": False}, "has no EL2 (ID_AA64PFR0_EL1.EL2 is 0)", "kernel started at EL2 +NO "),
    "vhe": ({"el2_free": False, "cpu": "max,pauth-impdef=on"}, f"runs at EL2 (VHE): boot with {PARAMETERS}", "EL2 is free of Linux +NO "),
    "kvm": ({"el2_free": False}, "there is /dev/kvm: KVM may use EL2 at any time: boot with kvm-arm.mode=none", "EL2 is free of KVM +NO "),
}


@pytest.mark.parametrize("name", UNFIT)
def test_unfit_machine(boot, name):
    options, says, misses = UNFIT[name]
    machine = boot(name, arch="arm64", **options)
    before = cloister.Snapshot(machine)
    cloister.load_driver(machine)
    cloister.refused(machine, f"hvctl enable {cloister.ROOT}", says)
    assert says in cloister.status(machine)["machine"]
    answer = machine.run("hvctl hardware check")
    assert answer.status == 1 and "Cloister cannot run on this machine." in answer.output
    machine.check(f"hvctl hardware check | grep -qE '^{misses}'")
    before.assert_same(machine)
    cloister.assert_healthy(machine)


def test_smmu_in_use(boot):
    """Linux has given its devices addresses that only it can translate."""
    files = {"cells/smmu.cell": cloister.config("qemu-root-smmu", "arm64")}
    machine = boot("smmu", arch="arm64", files=files, extra=("-M", "iommu=smmuv3"))
    cloister.load_driver(machine)
    cloister.refused(machine, "hvctl enable /cells/smmu.cell", "IOMMU", "initcall_blacklist=arm_smmu_driver_init")
    assert re.search("^IOMMU is not in use by Linux +no .*initcall_blacklist", machine.run("hvctl hardware check").output, re.M)
    cloister.assert_healthy(machine)

