# SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
"""A daemon and a guest whose device it is, with what cases do to both."""

import os
import shutil
import signal
import tempfile
import time

from guestlib.machine import Machine, qemu_command
from guestlib.program import Failed, HostProgram, all_succeed

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


class Session:
    """The daemon, the machine, and their sockets in one folder."""

    def __init__(self, options, series, engine, accel):
        self.options = options
        self.series = series
        self.engine = engine
        self.accel = accel
        self.folder = tempfile.mkdtemp(prefix="uvg-")
        self.device = os.path.join(self.folder, "vm.sock")
        self.uds = os.path.join(self.folder, "vm.vsock")
        self.daemon = None
        self.machine = None
        self._port = 10000

    def start_daemon(self):
        """Starts the daemon and waits until it listens."""
        argv = [self.options.daemon, f"--guest-cid={GUEST_CID}",
                f"--socket={self.device}", f"--uds-path={self.uds}"]
        if self.engine != "none":
            argv.append(f"--engine={self.engine}")
        # The command line may name a tool to run the daemon under.
        self.daemon = HostProgram(
            "daemon", self.options.wrapper.split() + argv)
        while not os.path.exists(self.device):
            if self.daemon.ended:
                raise Failed(f"the daemon ends at once: status "
                             f"{self.daemon.status}, "
                             f"{self.daemon.last_words()}")
            time.sleep(0.01)

    def stop_daemon(self):
        """SIGTERM, which must end the daemon with status 0."""
        daemon, self.daemon = self.daemon, None
        daemon.signal(signal.SIGTERM)
        if daemon.wait() != 0:
            raise Failed(f"daemon: exit status {daemon.status}, "
                         f"{daemon.last_words()}")

    def start_machine(self):
        """Boots the guest."""
        folder = os.path.join(self.options.cache, self.series)
        self.machine = Machine(self.folder, qemu_command(
            self.folder, os.path.join(folder, "vmlinuz"),
            os.path.join(folder, self.options.initrd), self.accel,
            self.device))

    def ensure_started(self):
        """Starts what does not run."""
        if self.daemon is None or self.daemon.ended:
            self.start_daemon()
        if self.machine is None or self.machine.qemu.ended:
            self.start_machine()

    def explain(self):
        """Prints what daemon, hypervisor and guest said last."""
        if self.daemon:
            print(f"    daemon {self.daemon.last_words()}")
        if self.machine:
            print(f"    QEMU {self.machine.qemu.last_words()}")
            print(f"    console {self.machine.last_console()}", flush=True)

    def abandon(self):
        """After a failure: nothing of this daemon and guest is reused."""
        if self.machine:
            self.machine.stop()
        HostProgram.kill_all()
        self.machine = None
        self.daemon = None
        for name in os.listdir(self.folder):
            os.unlink(os.path.join(self.folder, name))

    def close(self):
        """Ends everything; Failed when the daemon does not end well."""
        try:
            if self.machine:
                self.machine.stop()
                self.machine = None
            if self.daemon:
                self.stop_daemon()
        finally:
            HostProgram.kill_all()
            shutil.rmtree(self.folder, ignore_errors=True)

    def port(self):
        """A port that no case has used yet."""
        self._port += 1
        return self._port

    def port_path(self, port):
        """Where a guest's connection to that port of the host arrives."""
        return f"{self.uds}_{port}"

    def host(self, *argv, name="host", **more):
        """Starts a program on the host."""
        return HostProgram(name, argv, **more)

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
