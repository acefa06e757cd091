# SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
"""A daemon and a guest whose device it is, with what cases do to both."""

import os

from guestlib.machine import Machine, qemu_command
from guestlib.program import Failed, all_succeed
from guestlib.stage import Stage

GUEST_CID = 3
HOST_CID = 2


def done_values(program):
    """The values of the "done" line of a vsock-peer that has succeeded."""
    words = program.lines[-1].split()
    if not words or words[0] != "done":
        raise Failed(f"{program.name}: {program.last_words()}")
    return dict(word.split("=") for word in words[1:])


def same_bytes(host, guest):
    """Waits until both have succeeded, and compares; (host's, guest's) values.

    What one side has sent must be what the other has received.
    """
    all_succeed(host, guest)
    values = done_values(host), done_values(guest)
    for sender, receiver in (values, values[::-1]):
        sent = sender["sent"], sender["sent_sum"]
        received = receiver["received"], receiver["received_sum"]
        if sent != received:
            raise Failed(f"sent {sent} but received {received}")
    return values


class Session(Stage):
    """The daemon, the machine, and their sockets in one folder."""

    def __init__(self, options, series, engine, accel):
        super().__init__(options, engine, accel)
        self.series = series
        self.device = os.path.join(self.folder, "vm.sock")
        self.uds = os.path.join(self.folder, "vm.vsock")
        self.machine = None

    def machines(self):
        return [self.machine] if self.machine else []

    def forget_machines(self):
        self.machine = None

    def start_daemon(self):
        """Starts the daemon and waits until it listens."""
        self.run_daemon([f"--guest-cid={GUEST_CID}", f"--socket={self.device}",
                         f"--uds-path={self.uds}"], self.device)

    def start_machine(self):
        """Boots the guest."""
        folder = os.path.join(self.options.cache, self.series)
        self.machine = Machine(self.folder, qemu_command(
            self.folder, os.path.join(folder, "vmlinuz"),
            os.path.join(folder, self.options.initrd), self.accel,
            self.device))

    def start_machines(self):
        if self.machine is None or self.machine.qemu.ended:
            self.start_machine()

    def port_path(self, port):
        """Where the guest's connections to that port of the host arrive."""
        return f"{self.uds}_{port}"

    def guest(self, command, name="guest"):
        """Starts a shell command in the guest."""
        return self.machine.run(command, name)

    def host_peer(self, options, *where):
        """Starts vsock-peer on the host."""
        return self.host(os.path.join(self.options.cache, "vsock-peer"),
                         *options.split(), *where)

    def guest_peer(self, options, *where):
        """Starts vsock-peer in the guest."""
        return self.guest(" ".join(["exec vsock-peer", options, *where]))

    def guest_connects(self, host_options, guest_options):
        """Peers of a connection that the guest opens: (host, guest)."""
        port = self.port()
        host = self.host_peer(host_options, "listen",
                              f"unix:{self.port_path(port)}")
        host.expect("listening")
        return host, self.guest_peer(guest_options, "connect",
                                     f"vsock:{HOST_CID}:{port}")

    def host_connects(self, host_options, guest_options):
        """Peers of a connection that the host opens: (host, guest)."""
        port = self.port()
        guest = self.guest_peer(guest_options, "listen", f"vsock:any:{port}")
        guest.expect("listening")
        return self.host_peer(host_options, "connect",
                              f"hybrid:{self.uds}:{port}"), guest

    def pair(self, opener, host_options, guest_options):
        """Peers of a connection that "guest" or "host" opens."""
        if opener == "guest":
            return self.guest_connects(host_options, guest_options)
        return self.host_connects(host_options, guest_options)

    def exchange(self, opener, host_options, guest_options):
        """Runs both peers to their good end and compares their bytes."""
        host, guest = self.pair(opener, host_options, guest_options)
        return same_bytes(host, guest)

    def still_works(self):
        """A small exchange each way, after something unusual."""
        small = "--send 100000 --receive 100000"
        self.exchange("guest", small, small)
        self.exchange("host", small, small)
