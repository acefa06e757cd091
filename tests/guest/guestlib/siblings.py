# SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
"""A daemon and two guests that reach each other through it."""

import os

from guestlib.machine import Machine, qemu_command
from guestlib.session import same_bytes
from guestlib.stage import Stage

CIDS = (3, 4)
ANY_CID = "any"


class Side:
    """One of the two guests."""

    def __init__(self, stage, cid, series):
        self.stage = stage
        self.cid = cid
        self.series = series
        self.name = "AB"[CIDS.index(cid)]
        self.folder = os.path.join(stage.folder, self.name)
        self.device = os.path.join(self.folder, "vm.sock")
        self.uds = os.path.join(self.folder, "vm.vsock")
        self.machine = None

    def arguments(self):
        """The option that tells the daemon of it."""
        return f"--vm=guest-cid={self.cid},socket={self.device}," \
            f"uds-path={self.uds}"

    def start(self):
        """Boots the guest."""
        folder = os.path.join(self.stage.options.cache, self.series)
        self.machine = Machine(self.folder, qemu_command(
            self.folder, os.path.join(folder, "vmlinuz"),
            os.path.join(folder, self.stage.options.initrd),
            self.stage.accel, self.device))

    def run(self, command):
        """Starts a shell command in the guest."""
        return self.machine.run(command, f"guest {self.name}")

    def _wait_for(self, command, port):
        self.run(f"until {command} | grep -q ':{port} '; do usleep 20000; "
                 "done").succeed()

    def wait_for_tcp(self, port):
        """Waits until a program listens on that TCP port."""
        self._wait_for("netstat -ltn", port)

    def wait_for_vsock(self, port):
        """Waits until a program listens on that vsock port."""
        self._wait_for("ss -ln --vsock", port)

    def peer(self, options, *where):
        """Starts vsock-peer in the guest."""
        return self.run(" ".join(["exec vsock-peer", options, *where]))


class Siblings(Stage):
    """The daemon and both guests, each with its sockets in a folder."""

    def __init__(self, options, both_series, engine, workers, accel):
        super().__init__(options, engine, accel)
        self.workers = workers
        self.a, self.b = (Side(self, cid, series)
                          for cid, series in zip(CIDS, both_series))

    def machines(self):
        return [side.machine for side in (self.a, self.b) if side.machine]

    def forget_machines(self):
        self.a.machine = self.b.machine = None

    def start_daemon(self):
        for side in (self.a, self.b):
            os.makedirs(side.folder, exist_ok=True)
        self.run_daemon([self.a.arguments(), self.b.arguments(),
                         f"--workers={self.workers}"], self.b.device)

    def start_machines(self):
        for side in (self.a, self.b):
            if side.machine is None or side.machine.qemu.ended:
                side.start()

    def pair(self, server, client, server_options, client_options):
        """Peers of a connection that a guest opens: (server, client)."""
        port = self.port()
        listening = server.peer(server_options, "listen",
                                f"vsock:{ANY_CID}:{port}")
        listening.expect("listening")
        return listening, client.peer(client_options, "connect",
                                      f"vsock:{server.cid}:{port}")

    def exchange(self, server, client, server_options, client_options):
        """Runs both peers to their good end and compares their bytes."""
        return same_bytes(*self.pair(server, client, server_options,
                                     client_options))

    def still_works(self):
        """A small exchange each way, after something unusual."""
        small = "--send 100000 --receive 100000"
        self.exchange(self.a, self.b, small, small)
        self.exchange(self.b, self.a, small, small)
