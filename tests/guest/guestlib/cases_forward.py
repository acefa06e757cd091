# SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
"""AF_VSOCK on the host, where the guest is that host.

This machine's kernel may have no vsock_loopback; the guest's has. So the
daemon runs inside, with the hypervisor and the guest that the system tests
play, and forwards to the guest kernel's own AF_VSOCK.
"""

import io
import os
import re
import socket
import subprocess
import tarfile

from guestlib.program import PATIENCE, Failed, Skipped
from guestlib.registry import case
from guestlib.session import HOST_CID

# An emulated processor runs all cases of the test, on each engine.
MINUTES = 10


def _libraries(program):
    """The shared libraries that a program is linked with."""
    listing = subprocess.run(["ldd", program], check=True, text=True,
                             stdout=subprocess.PIPE).stdout
    return re.findall(r"/\S+", listing)


def _pack(*programs):
    """A tar file for the guest's root folder."""
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as tar:
        for program in programs:
            tar.add(program, "bin/" + os.path.basename(program))
        for library in sorted({x for p in programs for x in _libraries(p)}):
            tar.add(os.path.realpath(library), library.lstrip("/"))
    return stream.getvalue()


def _unpack(session, data):
    """Sends it through the device under test, whose daemon is still ours."""
    port = session.port()
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(session.port_path(port))
        server.listen()
        server.settimeout(PATIENCE)
        guest = session.guest(f"socat -u VSOCK-CONNECT:{HOST_CID}:{port} - |"
                              " tar -x -C /")
        client, _ = server.accept()
        with client:
            client.settimeout(PATIENCE)
            client.sendall(data)
    guest.succeed()


@case("AF_VSOCK on the host: a daemon in the guest, over vsock_loopback")
def forward(session):
    build = os.path.dirname(session.options.daemon)
    test = os.path.join(build, "tests/system/test_forward")
    if not os.path.exists(test):
        raise Skipped(f"{test} is not built")
    _unpack(session, _pack(session.options.daemon, test))
    guest = session.guest(
        "insmod /modules/vsock_loopback.ko && cd /tmp && "
        "URING_VSOCK=/bin/uring-vsock CK_TIMEOUT_MULTIPLIER=4 "
        "exec test_forward")
    lines = guest.succeed(MINUTES * 60)
    if "AF_VSOCK: the kernel's" not in lines:
        raise Failed(f"not over AF_VSOCK: {lines}")
    return lines[-1]
