# SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
"""A daemon and the machines whose devices it is, in one folder."""

import os
import shutil
import signal
import tempfile
import time

from guestlib.program import Failed, HostProgram


class Stage:
    """What cases run on; which machines there are is for those who inherit."""

    def __init__(self, options, engine, accel):
        self.options = options
        self.engine = engine
        self.accel = accel
        self.folder = tempfile.mkdtemp(prefix="uvg-")
        self.daemon = None
        self._port = 10000

    def machines(self):
        """The machines that were started."""
        raise NotImplementedError

    def forget_machines(self):
        """They are gone."""
        raise NotImplementedError

    def start_daemon(self):
        """Starts the daemon and waits until it listens."""
        raise NotImplementedError

    def start_machines(self):
        """Boots the machines that do not run."""
        raise NotImplementedError

    def run_daemon(self, arguments, device):
        """Starts the daemon; it is ready when it has made that socket."""
        argv = [self.options.daemon, *arguments]
        if self.engine != "none":
            argv.append(f"--engine={self.engine}")
        # The command line may name a tool to run the daemon under.
        self.daemon = HostProgram(
            "daemon", self.options.wrapper.split() + argv)
        while not os.path.exists(device):
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

    def ensure_started(self):
        """Starts what does not run."""
        if self.daemon is None or self.daemon.ended:
            self.start_daemon()
        self.start_machines()

    def explain(self):
        """Prints what daemon, hypervisors and guests said last."""
        if self.daemon:
            print(f"    daemon {self.daemon.last_words()}")
        for machine in self.machines():
            print(f"    QEMU {machine.qemu.last_words()}")
            print(f"    console {machine.last_console()}", flush=True)

    def _clear(self):
        for entry in os.scandir(self.folder):
            if entry.is_dir():
                shutil.rmtree(entry.path)
            else:
                os.unlink(entry.path)

    def abandon(self):
        """After a failure: nothing of this daemon and guest is reused."""
        for machine in self.machines():
            machine.stop()
        HostProgram.kill_all()
        self.forget_machines()
        self.daemon = None
        self._clear()

    def close(self):
        """Ends everything; Failed when the daemon does not end well."""
        try:
            for machine in self.machines():
                machine.stop()
            self.forget_machines()
            if self.daemon:
                self.stop_daemon()
        finally:
            HostProgram.kill_all()
            shutil.rmtree(self.folder, ignore_errors=True)

    def port(self):
        """A port that no case has used yet."""
        self._port += 1
        return self._port

    def host(self, *argv, name="host", **more):
        """Starts a program on the host."""
        return HostProgram(name, argv, **more)
