# SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
"""Connections: made, refused, many at a time, and not accepted in time."""

import os
import re
import socket
import time

from guestlib.machine import connect_unix
from guestlib.program import PATIENCE, Failed
from guestlib.registry import case
from guestlib.session import HOST_CID

MANY = 500

# An answer at once, on a slow machine; without one it takes two seconds.
AT_ONCE_MS = 1000

STATUS_REFUSED = 3


def refused(program):
    """How many milliseconds a vsock-peer took to be refused by a RST."""
    if program.wait() != STATUS_REFUSED:
        raise Failed(f"not refused: {program.last_words()}")
    _, error, took = program.lines[-1].split()
    if error != "ECONNRESET":
        raise Failed(f"refused with {error}, not ECONNRESET")
    return int(took)


def _refused_at_once(session, cid, port):
    took = refused(session.guest_peer("", "connect", f"vsock:{cid}:{port}"))
    if took >= AT_ONCE_MS:
        raise Failed(f"refused only after {took} ms")
    return took


@case("refused at once: no socket for the port", every_engine=True)
def refused_absent(session):
    took = [_refused_at_once(session, HOST_CID, session.port())
            for _ in range(5)]
    session.still_works()
    return f"{min(took)} to {max(took)} ms in the guest"


@case("refused at once: nobody listens, or not a socket")
def refused_stale(session):
    port = session.port()
    with socket.socket(socket.AF_UNIX) as stale:
        stale.bind(session.port_path(port))
    _refused_at_once(session, HOST_CID, port)
    port = session.port()
    with open(session.port_path(port), "w", encoding="ascii"):
        pass
    _refused_at_once(session, HOST_CID, port)
    session.still_works()


@case("refused at once: a CID that nobody has")
def refused_cid(session):
    took = _refused_at_once(session, 77, session.port())
    session.still_works()
    return f"{took} ms in the guest"


@case("the host asks for an absent port of the guest", every_engine=True)
def host_refused(session):
    slowest = 0.0
    for _ in range(5):
        with connect_unix(session.uds) as sock:
            sock.settimeout(PATIENCE)
            began = time.monotonic()
            sock.sendall(b"CONNECT %d\n" % session.port())
            answer = sock.recv(100)
            slowest = max(slowest, (time.monotonic() - began) * 1000)
        if answer:
            raise Failed(f"answered {answer!r}")
    if slowest >= AT_ONCE_MS:
        raise Failed(f"closed only after {slowest:.0f} ms")
    session.still_works()
    return f"closed after {slowest:.0f} ms at most"


@case("a host program that never accepts, its backlog full")
def full_backlog(session):
    port = session.port()
    with socket.socket(socket.AF_UNIX) as server, \
            socket.socket(socket.AF_UNIX) as filler:
        server.bind(session.port_path(port))
        server.listen(0)
        filler.connect(session.port_path(port))
        guest = session.guest_peer("", "connect", f"vsock:{HOST_CID}:{port}")
        session.still_works()
        took = refused(guest)
    session.still_works()
    return f"refused after {took} ms"


def _many(session, opener):
    plan = f"--count {MANY} --tagged --send 20000 --receive 30000"
    answer = f"--count {MANY} --tagged --send 30000 --receive 20000"
    session.exchange(opener, plan, answer)


@case(f"{MANY} connections in parallel, the guest connects",
      every_engine=True)
def many_from_guest(session):
    _many(session, "guest")


@case(f"{MANY} connections in parallel, the host connects",
      every_engine=True)
def many_from_host(session):
    _many(session, "host")


@case("descriptors and memory return after the connections")
def descriptors_return(session):
    folder = f"/proc/{session.daemon.process.pid}/fd"
    session.still_works()
    before = len(os.listdir(folder))
    _many(session, "guest")
    deadline = time.monotonic() + PATIENCE
    while len(os.listdir(folder)) > before:
        if time.monotonic() > deadline:
            raise Failed(f"{before} descriptors before {MANY} connections, "
                         f"{len(os.listdir(folder))} after")
        time.sleep(0.02)


@case("the OK line has at most nine bytes and a port to 65535")
def ok_line(session):
    port = session.port()
    guest = session.guest_peer("--send 1000", "listen", f"vsock:any:{port}")
    guest.expect("listening")
    with connect_unix(session.uds) as sock:
        sock.settimeout(PATIENCE)
        sock.sendall(b"connect %d\n" % port)
        start = sock.recv(9, socket.MSG_WAITALL)
        line = start.partition(b"\n")[0]
        if not re.fullmatch(rb"OK [1-9][0-9]{3,4}", line) or \
                b"\n" not in start or not 1024 <= int(line[3:]) <= 65535:
            raise Failed(f"answered {start!r}")
        guest.expect("connected")
