# SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
"""Whether KVM runs a guest here.

That /dev/kvm can be opened says little: in many virtual machines it is there
and a guest hangs.  So a kernel is booted and has to say something.
"""

import os

from guestlib.program import Failed, HostProgram

PROBE_SECONDS = 5
EMULATION = "tcg"


def _boot_id():
    with open("/proc/sys/kernel/random/boot_id", encoding="ascii") as file:
        return file.read().strip()


def _kvm_runs(kernel):
    if not os.access("/dev/kvm", os.R_OK | os.W_OK):
        return False
    qemu = HostProgram("probe", [
        "qemu-system-x86_64", "-nodefaults", "-no-user-config",
        "-display", "none", "-machine", "q35", "-accel", "kvm", "-m", "256M",
        "-no-reboot", "-serial", "stdio", "-kernel", kernel,
        "-append", "console=ttyS0 earlyprintk=serial panic=-1"])
    try:
        qemu.expect("[    0.000000] Linux version", PROBE_SECONDS)
        return True
    except Failed:
        return False
    finally:
        qemu.kill()


def choose(cache, kernel):
    """ "kvm" or "tcg"; remembered until the host boots again."""
    path = os.path.join(cache, "accelerator")
    try:
        with open(path, encoding="ascii") as file:
            boot, accel = file.read().split()
        if boot == _boot_id():
            return accel
    except (OSError, ValueError):
        pass
    accel = "kvm" if _kvm_runs(kernel) else EMULATION
    with open(path, "w", encoding="ascii") as file:
        file.write(f"{_boot_id()} {accel}\n")
    return accel
