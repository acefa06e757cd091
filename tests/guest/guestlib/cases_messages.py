# SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
"""SOCK_SEQPACKET between the guest's kernel and Python on the host."""

import os
import socket
import threading

from guestlib.cases_setup import refused
from guestlib.program import PATIENCE, Failed
from guestlib.registry import case
from guestlib.session import HOST_CID

# A message must fit the send buffer; the kernel doubles this.
SEND_BUFFER = 212992

SIZES = [1, 2, 44, 1000, 3732, 3733, 4096, 16384, 65535, 65536, 65537,
         100000, 131072, 200000, 262144]

ROUNDS = 20


def _new_socket():
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER)
    sock.settimeout(PATIENCE)
    return sock


def _opened_by_guest(session):
    """A connection to the guest's echo that the guest opens."""
    port = session.port()
    with _new_socket() as server:
        server.bind(session.port_path(port))
        server.listen()
        guest = session.guest_peer("--messages", "connect",
                                   f"vsock:{HOST_CID}:{port}")
        sock, _ = server.accept()
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER)
    sock.settimeout(PATIENCE)
    return sock, guest


def _opened_by_host(session):
    """A connection to the guest's echo that the host opens."""
    port = session.port()
    guest = session.guest_peer("--messages", "listen", f"vsock:any:{port}")
    guest.expect("listening")
    sock = _new_socket()
    sock.connect(session.uds + "_seqpacket")
    sock.send(b"CONNECT %d" % port)
    answer = sock.recv(100)
    if not answer.startswith(b"OK ") or not answer.endswith(b"\n"):
        raise Failed(f"answered {answer!r}")
    return sock, guest


def _compare(sock, messages):
    """Reads what the echo returns; sets messages' place of the first fault."""
    for i, due in enumerate(messages):
        got = sock.recv(1 << 20)
        if got != due:
            raise Failed(f"message {i} of {len(due)} bytes came back as "
                         f"{len(got)}, or changed")


def _exchange(sock, messages):
    """Sends all and reads their echo at the same time."""
    def send():
        for message in messages:
            sock.send(message)
    sender = threading.Thread(target=send, daemon=True)
    sender.start()
    _compare(sock, messages)
    sender.join()


def _echo(session, opened):
    messages = [os.urandom(size) for size in SIZES * ROUNDS]
    messages += [b"%d" % i for i in range(5000)]
    sock, guest = opened(session)
    with sock:
        _exchange(sock, messages)
        sock.shutdown(socket.SHUT_WR)
        if sock.recv(100):
            raise Failed("more came back than was sent")
    guest.succeed()


@case("SEQPACKET: messages keep their boundaries, the guest connects",
      every_engine=True)
def messages_guest(session):
    _echo(session, _opened_by_guest)


@case("SEQPACKET: messages keep their boundaries, the host connects",
      every_engine=True)
def messages_host(session):
    _echo(session, _opened_by_host)


@case("SEQPACKET: a host program that reads late gets each message")
def messages_late(session):
    sock, guest = _opened_by_guest(session)
    messages = [os.urandom(60000) for _ in range(12)]
    with sock:
        for message in messages:
            sock.send(message)
        session.still_works()
        _compare(sock, messages)
        sock.shutdown(socket.SHUT_WR)
        sock.recv(1)
    guest.succeed()


@case("SEQPACKET: refused at once by a stream socket, and the reverse")
def messages_other_type(session):
    for there, options in ((socket.SOCK_STREAM, "--messages"),
                           (socket.SOCK_SEQPACKET, "")):
        port = session.port()
        with socket.socket(socket.AF_UNIX, there) as server:
            server.bind(session.port_path(port))
            server.listen()
            refused(session.guest_peer(options, "connect",
                                       f"vsock:{HOST_CID}:{port}"))
    session.still_works()


@case("SEQPACKET: the host asks for a guest's stream socket, or none")
def messages_host_refused(session):
    port = session.port()
    guest = session.guest_peer("--send 1", "listen", f"vsock:any:{port}")
    guest.expect("listening")
    for wanted in (port, session.port()):
        with _new_socket() as sock:
            sock.connect(session.uds + "_seqpacket")
            sock.send(b"CONNECT %d\n" % wanted)
            answer = sock.recv(100)
            if answer:
                raise Failed(f"answered {answer!r}")
    guest.kill()
    guest.wait()
    session.still_works()
