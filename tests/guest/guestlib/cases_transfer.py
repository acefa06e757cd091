# SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
"""Bytes: that all of them arrive, in every way to send them."""

from guestlib.program import Failed, all_succeed
from guestlib.registry import case
from guestlib.session import same_bytes

MIB = 1 << 20


def _both_ways(session, opener):
    plan = f"--send {64 * MIB} --receive {64 * MIB}"
    _, guest = session.exchange(opener, plan, plan)
    rate = 128 * MIB / max(int(guest["ms"]), 1) / 1000
    return f"{rate:.0f} MB/s"


@case("64 MiB both ways at once, the guest connects", every_engine=True)
def both_ways_guest(session):
    return _both_ways(session, "guest")


@case("64 MiB both ways at once, the host connects", every_engine=True)
def both_ways_host(session):
    return _both_ways(session, "host")


@case("writes of every size, both ways at once", every_engine=True)
def write_sizes(session):
    for size in (1, 44, 129, 3732, 4096, 4097, 65536, 262144):
        total = min(4 * MIB, size * 3000 + 7)
        plan = f"--send {total} --receive {total} --write-size {size}"
        session.exchange("guest", plan, plan)


@case("one direction at a time, 64 KiB writes", every_engine=True)
def one_direction(session):
    rates = []
    for host, guest in (("receive", "send"), ("send", "receive")):
        _, values = session.exchange("guest", f"--{host} {32 * MIB}",
                                     f"--{guest} {32 * MIB}")
        rate = 32 * MIB / max(int(values["ms"]), 1) / 1000
        rates.append(f"guest {guest}s {rate:.0f} MB/s")
    return ", ".join(rates)


@case("MSG_ZEROCOPY from the guest", every_engine=True, since=(6, 7))
def zerocopy(session):
    for size in (4096, 20000, 65536, 262144):
        plan = f"--send {16 * MIB} --write-size {size} --zerocopy"
        _, guest = session.exchange("guest", f"--receive {16 * MIB}", plan)
    return f"the guest's kernel copied {guest['copied']} of the sends"


def _half_close(session, asker, opener):
    ask = f"--send {MIB} --half-close --receive {2 * MIB} --expect-eof"
    answer = f"--receive {MIB} --expect-eof --reply --send {2 * MIB}"
    if asker == "guest":
        session.exchange(opener, answer, ask)
    else:
        session.exchange(opener, ask, answer)


@case("half-close by the guest, then the host answers", every_engine=True)
def half_close_guest(session):
    _half_close(session, "guest", "guest")
    _half_close(session, "guest", "host")


@case("half-close by the host, then the guest answers", every_engine=True)
def half_close_host(session):
    _half_close(session, "host", "guest")
    _half_close(session, "host", "host")


def _until_stuck(sender):
    """Waits until a sender stands still. Returns the bytes that it has sent."""
    before = 0
    while True:
        sent = int(sender.expect("progress").split()[1])
        if sent > 0 and sent == before:
            return sent
        before = sent


@case("half-close by the host, which then reads late", every_engine=True)
def half_close_late_reader(session):
    for opener in ("guest", "host"):
        host, guest = session.pair(
            opener,
            f"--send 1000 --half-close --receive {4 * MIB} --expect-eof "
            "--wait-at 0",
            f"--receive 1000 --expect-eof --reply --send {4 * MIB} "
            "--progress")
        host.expect("waiting")
        _until_stuck(guest)
        host.write(b"go\n")
        same_bytes(host, guest)


def _waiting_guest(session, options):
    """A guest peer that listens, and reads once /tmp/go is written to."""
    port = session.port()
    session.guest("rm -f /tmp/go; mkfifo /tmp/go").succeed()
    guest = session.guest(f"exec vsock-peer {options} --wait-at 0 "
                          f"listen vsock:any:{port} <>/tmp/go")
    guest.expect("listening")
    return guest, f"hybrid:{session.uds}:{port}"


@case("200 KB unread when the guest closes", every_engine=True)
def unread_guest_closes(session):
    host, guest = session.guest_connects(
        "--receive 200000 --expect-eof --wait-at 0", "--send 200000")
    host.expect("waiting")
    guest.succeed()
    host.write(b"go\n")
    host.succeed()


@case("200 KB unread when the host closes", every_engine=True)
def unread_host_closes(session):
    guest, where = _waiting_guest(session, "--receive 200000 --expect-eof")
    host = session.host_peer("--send 200000", "connect", where)
    guest.expect("waiting")
    host.succeed()
    session.guest("echo go >/tmp/go").succeed()
    guest.succeed()


@case("small messages to a guest that does not read")
def small_messages_unread(session):
    guest, where = _waiting_guest(session, f"--receive {MIB}")
    host = session.host_peer(f"--send {MIB} --write-size 129 --progress",
                             "connect", where)
    guest.expect("waiting")
    waiting = _until_stuck(host)
    session.guest("echo go >/tmp/go").succeed()
    all_succeed(guest, host)
    return f"{waiting} bytes waited"


@case("a stalled host reader does not stop the others", every_engine=True)
def stalled_host_reader(session):
    stalled, source = session.guest_connects(
        f"--receive {4 * MIB} --wait-at 0", f"--send {4 * MIB}")
    stalled.expect("waiting")
    plan = f"--send {8 * MIB} --receive {8 * MIB}"
    session.exchange("guest", plan, plan)
    session.exchange("host", plan, plan)
    if source.ended:
        raise Failed("the stalled reader's sender is done already")
    stalled.write(b"go\n")
    all_succeed(stalled, source)
