# SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
"""The programs that people use: socat and ncat in the guest."""

import socket
import time

from guestlib.machine import connect_unix
from guestlib.program import PATIENCE, Failed
from guestlib.registry import case
from guestlib.session import HOST_CID

QUESTION = b"question\n"
ANSWER = b"answer\n"


def _read_all(sock):
    data = b""
    while part := sock.recv(4096):
        data += part
    return data


def _expect_bytes(who, data, expected):
    if data != expected:
        raise Failed(f"{who} received {data!r}, not {expected!r}")


def _host_answers(session, command):
    """The guest's program asks, half-closes, and prints the answer."""
    port = session.port()
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(session.port_path(port))
        server.listen()
        server.settimeout(PATIENCE)
        guest = session.guest(f"echo question | {command(port)}")
        client, _ = server.accept()
        with client:
            client.settimeout(PATIENCE)
            _expect_bytes("the host", _read_all(client), QUESTION)
            client.sendall(ANSWER)
        if guest.succeed()[-1:] != ["answer"]:
            raise Failed(f"the guest {guest.last_words()}")


def _dial(session, port):
    """Connects to a guest's program that may not listen yet."""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        sock = connect_unix(session.uds)
        sock.settimeout(PATIENCE)
        sock.sendall(b"CONNECT %d\n" % port)
        line = b""
        while not line.endswith(b"\n") and (part := sock.recv(1)):
            line += part
        if line.startswith(b"OK "):
            return sock
        sock.close()
    raise Failed(f"nobody listens on port {port} of the guest")


def _guest_answers(session, command):
    """The host asks and half-closes; the guest's program answers."""
    port = session.port()
    guest = session.guest(command(port))
    with _dial(session, port) as sock:
        sock.sendall(QUESTION)
        sock.shutdown(socket.SHUT_WR)
        _expect_bytes("the host", _read_all(sock), QUESTION + ANSWER)
    guest.succeed()


@case("socat VSOCK-CONNECT in the guest", every_engine=True)
def socat_connect(session):
    _host_answers(session, lambda port:
                  f"socat -t 60 - VSOCK-CONNECT:{HOST_CID}:{port}")


@case("socat VSOCK-LISTEN in the guest", every_engine=True)
def socat_listen(session):
    _guest_answers(session, lambda port:
                   f"socat -t 60 VSOCK-LISTEN:{port} "
                   "SYSTEM:\'cat; echo answer\'")


@case("ncat --vsock in the guest")
def ncat_connect(session):
    _host_answers(session, lambda port: f"ncat --vsock {HOST_CID} {port}")


@case("ncat --vsock --listen in the guest")
def ncat_listen(session):
    port = session.port()
    # It ends the connection at the first end that it sees, so the host's
    # program waits for the whole answer. Its status says nothing: in Linux a
    # read fails with ENOTCONN if one's own shutdown comes after the peer's
    # close.
    guest = session.guest(f"echo answer | ncat --vsock --listen -p {port}")
    with _dial(session, port) as sock:
        sock.sendall(QUESTION)
        _expect_bytes("the host", sock.recv(len(ANSWER), socket.MSG_WAITALL),
                      ANSWER)
    guest.wait()
    if guest.lines[-1:] != ["question"]:
        raise Failed(f"the guest {guest.last_words()}")


@case("CONNECT and a request in one write, through socat")
def pipelined_socat(session):
    port = session.port()
    guest = session.guest(f"socat -t 60 VSOCK-LISTEN:{port},fork "
                          "SYSTEM:'cat; echo answer'")
    # This one is there to know that the guest listens.
    _dial(session, port).close()
    host = session.host("socat", "-t", "60", "-",
                        f"UNIX-CONNECT:{session.uds}")
    host.write(b"CONNECT %d\nquestion\n" % port)
    host.close_input()
    lines = host.succeed()
    guest.kill()
    if lines[0][:3] != "OK " or lines[1:] != ["question", "answer"]:
        raise Failed(f"the host {host.last_words()}")
