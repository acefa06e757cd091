# SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
"""Linux's own vsock_test between guest and host.

On the host it speaks AF_VSOCK through libvsock-over-uds.so, so that what a
Unix socket cannot carry is left out; which tests that are, and why, is below.
"""

import os
import socket

from guestlib.program import Failed
from guestlib.registry import case
from guestlib.session import GUEST_CID, HOST_CID
from guestlib.vsock_test import both_succeed, skips, too_new

# The guest's way to the host's loopback, by QEMU's user networking.
HOST_ADDRESS = "10.0.2.2"
GUEST_ADDRESS = "10.0.2.15"

NO_LOWAT = "poll() of a Unix socket does not wait for SO_RCVLOWAT"
NO_EOR = "Unix sockets have no MSG_EOR"
NO_ZEROCOPY = "Unix sockets have no MSG_ZEROCOPY"

# What the host's side lacks when the guest is the client, and the server.
NOT_CARRIED = {
    "client": {
        "SOCK_STREAM SHUT_RD":
        "a Unix socket tells a sender of SHUT_RD only when it sends",
        "SOCK_STREAM virtio credit update + SO_RCVLOWAT": NO_LOWAT,
        "SOCK_SEQPACKET msg bounds": NO_EOR,
    },
    "server": {
        "SOCK_STREAM poll() + SO_RCVLOWAT": NO_LOWAT,
        "SOCK_SEQPACKET msg bounds": NO_EOR,
        "SOCK_STREAM MSG_ZEROCOPY": NO_ZEROCOPY,
        "SOCK_SEQPACKET MSG_ZEROCOPY": NO_ZEROCOPY,
    },
}

def _carried(session, role, name):
    """Whether the test can be run with the guest in this role."""
    if name in NOT_CARRIED[role]:
        return False
    if too_new(session.series, role, name):
        return False
    # A daemon without message sockets has no place to ask for them.
    return "SEQPACKET" not in name or os.path.exists(
        session.uds + "_seqpacket")


def _skips(session, role):
    return skips(session.options.cache,
                 lambda name: _carried(session, role, name))


def _free_port():
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return sock.getsockname()[1]


def _host_test(session, mode, control, unwanted):
    cache = session.options.cache
    return session.host(
        os.path.join(cache, "vsock_test"), f"--mode={mode}",
        "--control-host=127.0.0.1", f"--control-port={control}",
        f"--peer-cid={GUEST_CID}", *unwanted,
        env={"LD_PRELOAD": session.options.preload,
             "VSOCK_OVER_UDS": f"{GUEST_CID}={session.uds}"})


def _guest_test(session, mode, host, control, unwanted):
    return session.guest(
        f"vsock_test-static --mode={mode} --control-host={host} "
        f"--control-port={control} --peer-cid={HOST_CID} {' '.join(unwanted)}")


@case("Linux's vsock_test, the guest is the client", every_engine=True)
def guest_is_client(session):
    unwanted, count = _skips(session, "client")
    control = _free_port()
    host = _host_test(session, "server", control, unwanted)
    guest = _guest_test(session, "client", HOST_ADDRESS, control, unwanted)
    return both_succeed(host, guest, count)


@case("Linux's vsock_test, the guest is the server", every_engine=True)
def guest_is_server(session):
    unwanted, count = _skips(session, "server")
    control = _free_port()
    guest = _guest_test(session, "server", GUEST_ADDRESS, control, unwanted)
    # QEMU accepts for the guest, so the guest's server has to be there.
    session.guest(f"until netstat -ltn | grep -q ':{control} '; do "
                  "usleep 20000; done").succeed()
    answer = session.machine.monitor.command(
        "human-monitor-command", **{
            "command-line": f"hostfwd_add net tcp:127.0.0.1:{control}-"
            f"{GUEST_ADDRESS}:{control}"})
    if answer:
        raise Failed(f"QEMU: {answer.strip()}")
    host = _host_test(session, "client", control, unwanted)
    return both_succeed(host, guest, count)
