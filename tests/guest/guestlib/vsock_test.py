# SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
"""Linux's own vsock_test: which tests it has, and how a run of it ends."""

import os
import re
import subprocess

from guestlib.program import PATIENCE, Failed

TESTS = 26

# What the tests, which are 6.12's, ask of the guest's kernel in vain.
TOO_NEW = {
    "6.1": {
        "client": {
            "SOCK_STREAM test invalid buffer",
            "SOCK_STREAM SHUT_WR",
            "SOCK_SEQPACKET big message",
            "SOCK_SEQPACKET test invalid buffer",
            "SOCK_SEQPACKET MSG_ZEROCOPY",
            "SOCK_STREAM MSG_ZEROCOPY",
            "SOCK_STREAM MSG_ZEROCOPY empty MSG_ERRQUEUE",
        },
        "server": {
            "SOCK_SEQPACKET invalid receive buffer",
            "SOCK_SEQPACKET MSG_PEEK",
            "SOCK_STREAM virtio credit update + SO_RCVLOWAT",
            "SOCK_STREAM virtio credit update + low rx_bytes",
        },
    },
}


def too_new(series, role, name):
    """Whether a guest of this kernel cannot take this role in the test."""
    return name in TOO_NEW.get(series, {}).get(role, set())


def skips(cache, wanted):
    """The --skip options that leave the wanted tests, and how many those are.

    wanted(name) says of each test whether it is.
    """
    listed = subprocess.run(
        [os.path.join(cache, "vsock_test"), "--list"],
        check=False, capture_output=True, text=True).stdout
    tests = [line.split("\t") for line in listed.splitlines()[1:]]
    if len(tests) != TESTS:
        raise Failed(f"vsock_test has not {TESTS} tests: {listed!r}")
    unwanted = [f"--skip={number}" for number, name in tests
                if not wanted(name)]
    return unwanted, TESTS - len(unwanted)


def both_succeed(one, other, count, patience=PATIENCE):
    """Waits for both ends of vsock_test; so many tests must have passed."""
    for program, peer in ((other, one), (one, other)):
        if program.wait(patience) != 0:
            peer.kill()
            raise Failed(f"{program.name}: {program.last_words()}; "
                         f"{peer.name}: {peer.last_words()}")
    passed = sum(bool(re.fullmatch(r"\d+ - .*\.\.\.ok", line))
                 for line in one.lines)
    if passed != count:
        raise Failed(f"{passed} tests passed, not {count}")
    return f"{count} tests"
