# SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
"""Machines that pause, reboot or die, and programs that die."""

import signal
import time

from guestlib.cases_transfer import MIB
from guestlib.program import Failed
from guestlib.registry import case
from guestlib.session import same_bytes

# Well under every deadline that could end a connection otherwise.
AT_ONCE = 1.0

ENDLESS = 1 << 40


def _wait_for_progress(program, least):
    """Waits until a peer has sent and received that much."""
    while True:
        _, sent, received = program.expect("progress").split()
        if min(int(sent), int(received)) >= least:
            return


@case("pause and resume in the middle of a transfer", every_engine=True)
def pause(session):
    for opener in ("guest", "host"):
        plan = f"--send {128 * MIB} --receive {128 * MIB}"
        host, guest = session.pair(opener, f"{plan} --progress", plan)
        for megabytes in (4, 24, 48):
            _wait_for_progress(host, megabytes * MIB)
            session.machine.monitor.command("stop")
            if host.ended:
                raise Failed("the transfer was over before the pause")
            session.machine.monitor.command("cont")
        same_bytes(host, guest)


@case("idle connections outlive a pause")
def idle_pause(session):
    plan = "--count 20 --tagged --send 1000 --receive 1000 --expect-eof " \
        "--half-close"
    host, guest = session.host_connects(f"{plan} --wait-at 1000", plan)
    host.expect("waiting")
    session.machine.monitor.command("stop")
    session.machine.monitor.command("cont")
    host.write(b"go\n")
    same_bytes(host, guest)


class _Hanging:
    """Host programs on connections that only their end can end."""

    def __init__(self, session):
        endless = f"--receive {ENDLESS}"
        talk = f"--send {ENDLESS} --receive {ENDLESS} --progress"
        pairs = [session.pair("guest", endless, endless),
                 session.pair("host", endless, endless),
                 session.pair("guest", talk, talk)]
        for host, guest in pairs:
            host.expect("connected")
            guest.expect("connected")
        self.guests = [guest for _, guest in pairs]
        self.programs = [host for host, _ in pairs]
        self.session = session
        _wait_for_progress(self.programs[2], MIB)

    def must_end(self, began):
        """All of them must see the end at once. Returns a note on how soon."""
        slowest = 0.0
        for program in self.programs:
            program.wait()
            if "connection 0" not in program.lines[-1]:
                raise Failed(program.last_words())
            slowest = max(slowest, program.ended_at - began)
        if slowest > AT_ONCE:
            raise Failed(f"an end was seen only after {slowest:.2f} s")
        return f"all ends seen within {slowest * 1000:.0f} ms"


@case("host program killed in the middle of a transfer", every_engine=True)
def host_program_killed(session):
    hanging = _Hanging(session)
    for program in hanging.programs:
        program.signal(signal.SIGKILL)
    for guest in hanging.guests:
        if guest.wait() == 0:
            raise Failed("the guest did not notice")
    session.still_works()


@case("guest program killed in the middle of a transfer")
def guest_program_killed(session):
    hanging = _Hanging(session)
    for guest in hanging.guests:
        guest.kill()
    for program in hanging.programs:
        if program.wait() == 0:
            raise Failed("the host did not notice")
    session.still_works()


def _held_connection(session):
    """A host program whose connection no program in the guest will end."""
    port = session.port()
    held = session.host_peer(f"--receive {ENDLESS}", "listen",
                             f"unix:{session.port_path(port)}")
    held.expect("listening")
    session.guest(f"vsock-peer --receive {ENDLESS} connect vsock:2:{port}")
    held.expect("connected")
    return held


@case("driver unloaded and loaded again", every_engine=True)
def driver_reloaded(session):
    hanging = _Hanging(session)
    for guest in hanging.guests:
        guest.kill()
        guest.wait()
    held = _held_connection(session)
    unbind = session.guest(
        "cd /sys/bus/virtio/drivers/vmw_vsock_virtio_transport && "
        "d=$(echo virtio*) && echo $d >unbind && echo unbound && "
        "echo $d >bind && echo bound")
    unbind.succeed()
    if held.wait() == 0:
        raise Failed("the host did not notice")
    session.still_works()


# How a driver goes, and what brings it back when the host has noticed.
LEAVING = (
    ("cd /sys/bus/virtio/drivers/vmw_vsock_virtio_transport && "
     "echo virtio* >/tmp/device && cat /tmp/device >unbind",
     "cat /tmp/device "
     ">/sys/bus/virtio/drivers/vmw_vsock_virtio_transport/bind"),
    ("cd /sys/bus/virtio/drivers/vmw_vsock_virtio_transport/virtio* && "
     "echo 1 >$(readlink -f ..)/remove",
     "echo 1 >/sys/bus/pci/rescan"),
)


@case("driver gone, and not coming back by itself", every_engine=True)
def driver_gone(session):
    slowest = 0.0
    for leave, come in LEAVING:
        held = _held_connection(session)
        began = time.monotonic()
        session.guest(leave).succeed()
        if held.wait() == 0:
            raise Failed("the host did not notice")
        slowest = max(slowest, held.ended_at - began)
        session.guest(come).succeed()
        session.still_works()
    return f"ends seen within {slowest:.1f} s"


@case("guest reboot")
def reboot(session):
    hanging = _Hanging(session)
    began = time.monotonic()
    session.machine.monitor.command("system_reset")
    for program in hanging.programs:
        program.wait()
    note = f"ends seen {max(p.ended_at for p in hanging.programs) - began:.1f}" \
        " s after the reset"
    session.machine.agent.wait_for_boot()
    session.still_works()
    return note


@case("hypervisor killed, the next one served", every_engine=True)
def hypervisor_killed(session):
    hanging = _Hanging(session)
    began = time.monotonic()
    session.machine.stop()
    note = hanging.must_end(began)
    session.start_machine()
    session.still_works()
    return note


@case("SIGTERM under load", every_engine=True)
def terminated_under_load(session):
    hanging = _Hanging(session)
    began = time.monotonic()
    daemon = session.daemon
    session.stop_daemon()
    note = hanging.must_end(began)
    took = daemon.ended_at - began
    session.machine.stop()
    session.ensure_started()
    session.still_works()
    return f"daemon gone after {took * 1000:.0f} ms, {note}"
