# SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
"""Other work on every core: what most hosts have beside the daemon.

One process for each CPU that this one may use, at the same priority. It
computes all the time and never sleeps of its own accord. Between runs that
need it, the crowd is stopped by a signal; it dies with this process, however
that ends.
"""

import contextlib
import os
import signal
import subprocess
import sys

# It asks to be killed with its parent before it looks whether that is still
# there, so that there is no gap. PR_SET_PDEATHSIG is 1.
WORK = """
import ctypes, hashlib, os, sys
ctypes.CDLL(None).prctl(1, 9)
if os.getppid() != int(sys.argv[1]):
    sys.exit()
os.sched_setaffinity(0, {int(sys.argv[2])})
block = bytes(1 << 18)
print("ready", flush=True)
while True:
    hashlib.sha256(block).digest()
"""


class Crowd:
    """To be used with "with", in which busy() can be used the same way."""

    def __init__(self, wanted):
        self.cpus = sorted(os.sched_getaffinity(0)) if wanted else []
        self.processes = []

    def __enter__(self):
        try:
            for cpu in self.cpus:
                self.processes.append(subprocess.Popen(
                    [sys.executable, "-I", "-c", WORK, str(os.getpid()),
                     str(cpu)], stdin=subprocess.DEVNULL,
                    stdout=subprocess.PIPE))
            for process in self.processes:
                if process.stdout.readline() != b"ready\n":
                    sys.exit("a process of the crowd ended at its start")
            self._tell(signal.SIGSTOP)
        except BaseException:
            self._end()
            raise
        return self

    def __exit__(self, *_):
        self._end()

    @contextlib.contextmanager
    def busy(self, wanted=True):
        """While this lasts, if WANTED, every core has other work."""
        if wanted:
            self._tell(signal.SIGCONT)
        try:
            yield
        finally:
            if wanted:
                self._tell(signal.SIGSTOP)

    def _tell(self, sign):
        for process in self.processes:
            process.send_signal(sign)

    def _end(self):
        for process in self.processes:
            process.kill()
            process.wait()
            process.stdout.close()
