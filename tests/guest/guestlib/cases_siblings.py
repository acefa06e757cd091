# SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
"""Two guests that talk to each other: bytes, ends, and what becomes of them."""

import time

from guestlib.cases_setup import refused
from guestlib.cases_transfer import MIB
from guestlib.program import PATIENCE, Failed
from guestlib.registry import siblings_case
from guestlib.session import same_bytes

MANY = 200

ENDLESS = 1 << 40

# Half of any deadline that could end a connection otherwise.
AT_ONCE = 4.0

# Until a guest's driver starts anew, QEMU says no more than of a pause.
REBOOT = 3 * PATIENCE


def _both_openers(stage):
    """Both guests as (server, client), and the other way round."""
    return (stage.a, stage.b), (stage.b, stage.a)


@siblings_case("two guests, everything both ways at once")
def large(stage):
    amount = stage.options.mib * MIB
    plan = f"--send {amount} --receive {amount}"
    one, other = stage.pair(stage.a, stage.b, plan, plan)
    for peer in one, other:
        peer.wait(stage.options.mib * 4)
    _, values = same_bytes(one, other)
    rate = 2 * amount / max(int(values["ms"]), 1) / 1000
    return f"{stage.options.mib} MiB each way, {rate:.0f} MB/s"


@siblings_case("two guests, writes of every size, both ways at once")
def write_sizes(stage):
    for size in (1, 44, 129, 3732, 4097, 65536, 262144):
        total = min(4 * MIB, size * 2000 + 7)
        plan = f"--send {total} --receive {total} --write-size {size}"
        for server, client in _both_openers(stage):
            stage.exchange(server, client, plan, plan)


@siblings_case("two guests, half-close by either", every_pair=True)
def half_close(stage):
    ask = f"--send {MIB} --half-close --receive {2 * MIB} --expect-eof"
    answer = f"--receive {MIB} --expect-eof --reply --send {2 * MIB}"
    for server, client in _both_openers(stage):
        stage.exchange(server, client, ask, answer)
        stage.exchange(server, client, answer, ask)


@siblings_case(f"two guests, {MANY} connections in parallel")
def many(stage):
    plan = f"--count {MANY} --tagged --send 20000 --receive 30000"
    answer = f"--count {MANY} --tagged --send 30000 --receive 20000"
    for server, client in _both_openers(stage):
        stage.exchange(server, client, answer, plan)


@siblings_case("two guests, refused at once: nobody listens")
def refusals(stage):
    took = [refused(client.peer(
        "", "connect", f"vsock:{server.cid}:{stage.port()}"))
        for server, client in _both_openers(stage)]
    if max(took) >= AT_ONCE * 1000:
        raise Failed(f"refused only after {max(took)} ms")
    stage.still_works()
    return f"{min(took)} to {max(took)} ms"


class _Hanging:
    """Connections that only the end of one guest can end."""

    def __init__(self, stage):
        quiet = f"--receive {ENDLESS}"
        talk = f"--send {ENDLESS} --receive {ENDLESS} --progress"
        self.stage = stage
        self.peers = {"A": [], "B": []}
        for options in (quiet, talk):
            for server, client in _both_openers(stage):
                for side, peer in zip((server, client), stage.pair(
                        server, client, options, options)):
                    peer.expect("connected")
                    self.peers[side.name].append(peer)
        for _ in range(3):
            self.peers["A"][-1].expect("progress")

    def must_end(self, side, began, soon=AT_ONCE):
        """The programs in this guest see the end at once. Returns how soon."""
        peers = self.peers[side.name]
        for peer in peers:
            status = peer.wait(max(soon, PATIENCE))
            if status == 0 or "connection 0" not in peer.lines[-1]:
                raise Failed(f"{peer.name}: status {status}, "
                             f"{peer.last_words()}")
        took = max(peer.ended_at for peer in peers) - began
        if took > soon:
            raise Failed(f"an end was seen only after {took:.1f} s")
        return f"ends seen within {took * 1000:.0f} ms"


def _listener(side, port):
    """Starts a server that answers again and again."""
    program = side.run(f"exec socat VSOCK-LISTEN:{port},fork "
                       "SYSTEM:'cat; echo answer'")
    side.wait_for_vsock(port)
    return program


def _must_answer(side, server, port):
    """The other guest's server is reached."""
    lines = side.run(f"echo question | socat -t 60 - "
                     f"VSOCK-CONNECT:{server.cid}:{port}").succeed()
    if lines != ["question", "answer"]:
        raise Failed(f"answered {lines}")


@siblings_case("two guests, one hypervisor killed")
def killed(stage):
    port = stage.port()
    listener = _listener(stage.a, port)
    hanging = _Hanging(stage)
    began = time.monotonic()
    stage.b.machine.stop()
    note = hanging.must_end(stage.a, began)
    took = refused(stage.a.peer("", "connect",
                                f"vsock:{stage.b.cid}:{stage.port()}"))
    stage.b.start()
    _must_answer(stage.b, stage.a, port)
    listener.kill()
    stage.still_works()
    return f"{note}, then refused after {took} ms"


@siblings_case("two guests, one reboots")
def reboot(stage):
    port = stage.port()
    listener = _listener(stage.a, port)
    hanging = _Hanging(stage)
    began = time.monotonic()
    stage.b.machine.monitor.command("system_reset")
    note = hanging.must_end(stage.a, began, REBOOT)
    stage.b.machine.agent.wait_for_boot()
    _must_answer(stage.b, stage.a, port)
    listener.kill()
    stage.still_works()
    return note


@siblings_case("two guests, one's driver unloaded and loaded again")
def driver_reloaded(stage):
    port = stage.port()
    listener = _listener(stage.b, port)
    hanging = _Hanging(stage)
    began = time.monotonic()
    unbind = stage.b.run(
        "cd /sys/bus/virtio/drivers/vmw_vsock_virtio_transport && "
        "d=$(echo virtio*) && echo $d >unbind && echo unbound && "
        "echo $d >bind && echo bound")
    note = hanging.must_end(stage.a, began)
    hanging.must_end(stage.b, began)
    unbind.succeed()
    _must_answer(stage.a, stage.b, port)
    listener.kill()
    stage.still_works()
    return note


@siblings_case("two guests, one paused in the middle of a transfer")
def paused(stage):
    plan = f"--send {32 * MIB} --receive {32 * MIB}"
    one, other = stage.pair(stage.a, stage.b, f"{plan} --progress", plan)
    for _ in range(3):
        one.expect("progress")
        stage.b.machine.monitor.command("stop")
        if one.ended:
            raise Failed("the transfer was over before the pause")
        stage.b.machine.monitor.command("cont")
    same_bytes(one, other)


def _states(side, port):
    """The states of a guest's sockets with that port, as ss names them."""
    lines = side.run("ss -an --vsock").succeed()
    found = [line.split() for line in lines if f":{port} " in line + " "]
    return sorted(words[1] for words in found)


def _must_be(side, port, *states):
    """Waits until the guest's kernel has come to these states."""
    found = None
    for _ in range(50):
        found = _states(side, port)
        if found == sorted(states):
            return
    raise Failed(f"guest {side.name}: ss says {found}, not {states}")


def _waiting_pair(stage, port, server_options, client_options):
    """Peers of a connection who read what comes after 1000 bytes only when
    /tmp/go is written to: (server, client)."""
    for side in stage.a, stage.b:
        side.run("rm -f /tmp/go; mkfifo /tmp/go").succeed()
    plan = "--send 1000 --receive 1000 --expect-eof --wait-at 1000"
    server = stage.a.run(f"exec vsock-peer {plan} {server_options} "
                         f"listen vsock:any:{port} <>/tmp/go")
    server.expect("listening")
    _must_be(stage.a, port, "LISTEN")
    client = stage.b.run(f"exec vsock-peer {plan} {client_options} "
                         f"connect vsock:{stage.a.cid}:{port} <>/tmp/go")
    for peer in server, client:
        peer.expect("waiting")
    return server, client


@siblings_case("two guests, what ss shows of a connection's life")
def socket_states(stage):
    for how in ("", "--half-close"):
        port = stage.port()
        peers = _waiting_pair(stage, port, "", how)
        _must_be(stage.a, port, "LISTEN", "ESTAB")
        _must_be(stage.b, port, "ESTAB")
        if how:
            stage.a.run("echo go >/tmp/go").succeed()
            peers[0].succeed()
            stage.b.run("echo go >/tmp/go").succeed()
            same_bytes(*peers)
        else:
            peers[1].kill()
            stage.a.run("echo go >/tmp/go").succeed()
            peers[0].succeed()
        for side in stage.a, stage.b:
            _must_be(side, port)
