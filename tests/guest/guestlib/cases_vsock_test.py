# SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
"""Linux's own vsock_test between guest and host.

On the host it speaks AF_VSOCK through a preloaded shim, so that only what a
Unix socket can carry is run; a test that is not named here is not run.
"""

import os
import re
import socket
import subprocess

from guestlib.program import Failed
from guestlib.registry import case
from guestlib.session import GUEST_CID, HOST_CID

# The guest's way to the host's loopback, by QEMU's user networking.
HOST_ADDRESS = "10.0.2.2"
GUEST_ADDRESS = "10.0.2.15"

EITHER_WAY = {
    "SOCK_STREAM connection reset",
    "SOCK_STREAM bind only",
    "SOCK_STREAM client close",
    "SOCK_STREAM server close",
    "SOCK_STREAM multiple connections",
    "SOCK_STREAM MSG_PEEK",
    "SOCK_STREAM test invalid buffer",
    "SOCK_STREAM virtio skb merge",
    "SOCK_STREAM SHUT_WR",
    "SOCK_STREAM double bind connect",
    "SOCK_STREAM ioctl(SIOCOUTQ) 0 unsent bytes",
}

# The client's side needs what Unix sockets lack: SO_RCVLOWAT that poll()
# honours, MSG_ZEROCOPY.  That they do not tell a sender of the other end's
# SHUT_RD before it writes is why that test is not here.
GUEST_IS_CLIENT = EITHER_WAY | {
    "SOCK_STREAM poll() + SO_RCVLOWAT",
    "SOCK_STREAM MSG_ZEROCOPY",
    "SOCK_STREAM MSG_ZEROCOPY empty MSG_ERRQUEUE",
}

# The server's side needs a buffer size and SO_RCVLOWAT of AF_VSOCK, or tells
# of its SHUT_RD.
GUEST_IS_SERVER = EITHER_WAY | {
    "SOCK_STREAM SHUT_RD",
    "SOCK_STREAM virtio credit update + SO_RCVLOWAT",
    "SOCK_STREAM virtio credit update + low rx_bytes",
}

# What the tests, which are 6.12's, ask of the guest's kernel in vain.
TOO_NEW = {
    "6.1": {
        "client": {
            "SOCK_STREAM test invalid buffer",
            "SOCK_STREAM SHUT_WR",
            "SOCK_STREAM MSG_ZEROCOPY",
            "SOCK_STREAM MSG_ZEROCOPY empty MSG_ERRQUEUE",
        },
        "server": {
            "SOCK_STREAM virtio credit update + SO_RCVLOWAT",
            "SOCK_STREAM virtio credit update + low rx_bytes",
        },
    },
}


def _skips(session, role, wanted):
    """The --skip options that leave just the wanted tests, and how many."""
    listed = subprocess.run(
        [os.path.join(session.options.cache, "vsock_test"), "--list"],
        check=False, capture_output=True, text=True).stdout
    wanted = wanted - TOO_NEW.get(session.series, {}).get(role, set())
    options = []
    left = 0
    for line in listed.splitlines()[1:]:
        number, name = line.split("\t")
        if name in wanted:
            left += 1
        else:
            options.append(f"--skip={number}")
    if left != len(wanted):
        raise Failed(f"vsock_test lacks tests: it lists {listed!r}")
    return options, left


def _free_port():
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return sock.getsockname()[1]


def _host_test(session, mode, control, skips):
    cache = session.options.cache
    return session.host(
        os.path.join(cache, "vsock_test"), f"--mode={mode}",
        "--control-host=127.0.0.1", f"--control-port={control}",
        f"--peer-cid={GUEST_CID}", *skips,
        env={"LD_PRELOAD": os.path.join(cache, "vsock_over_uds.so"),
             "VSOCK_OVER_UDS": f"{GUEST_CID}={session.uds}"})


def _guest_test(session, mode, host, control, skips):
    return session.guest(
        f"vsock_test-static --mode={mode} --control-host={host} "
        f"--control-port={control} --peer-cid={HOST_CID} {' '.join(skips)}")


def _both_succeed(host, guest, count):
    for program, other in ((guest, host), (host, guest)):
        if program.wait() != 0:
            other.kill()
            raise Failed(f"{program.name}: {program.last_words()}; "
                         f"{other.name}: {other.last_words()}")
    passed = sum(bool(re.fullmatch(r"\d+ - .*\.\.\.ok", line))
                 for line in host.lines)
    if passed != count:
        raise Failed(f"{passed} tests passed, not {count}")
    return f"{count} tests"


@case("Linux's vsock_test, the guest is the client", every_engine=True)
def guest_is_client(session):
    skips, count = _skips(session, "client", GUEST_IS_CLIENT)
    control = _free_port()
    host = _host_test(session, "server", control, skips)
    guest = _guest_test(session, "client", HOST_ADDRESS, control, skips)
    return _both_succeed(host, guest, count)


@case("Linux's vsock_test, the guest is the server", every_engine=True)
def guest_is_server(session):
    skips, count = _skips(session, "server", GUEST_IS_SERVER)
    control = _free_port()
    guest = _guest_test(session, "server", GUEST_ADDRESS, control, skips)
    # QEMU accepts for the guest, so the guest's server has to be there.
    session.guest(f"until netstat -ltn | grep -q ':{control} '; do "
                  "usleep 20000; done").succeed()
    answer = session.machine.monitor.command(
        "human-monitor-command", **{
            "command-line": f"hostfwd_add net tcp:127.0.0.1:{control}-"
            f"{GUEST_ADDRESS}:{control}"})
    if answer:
        raise Failed(f"QEMU: {answer.strip()}")
    host = _host_test(session, "client", control, skips)
    return _both_succeed(host, guest, count)
