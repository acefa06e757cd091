# SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
"""Programs that run beside the test, on the host or in a guest."""

import os
import signal
import subprocess
import threading
import time

# Only to notice a hang: emulated processors on a busy machine are slow.
PATIENCE = 90


class Failed(Exception):
    """What was tested did not do what it should."""


class Skipped(Exception):
    """This cannot be tested here, and why."""


class Program:
    """The lines that a program writes, and its exit status."""

    def __init__(self, name):
        self.name = name
        self.lines = []
        self.status = None
        self.ended = False
        self.ended_at = None
        self._read = 0
        self._changed = threading.Condition()

    def feed(self, line):
        """The program wrote a line."""
        with self._changed:
            self.lines.append(line)
            self._changed.notify_all()

    def end(self, status):
        """The program is gone; None when nobody knows how."""
        with self._changed:
            self.status = status
            self.ended = True
            self.ended_at = time.monotonic()
            self._changed.notify_all()

    def _next_line(self, deadline):
        with self._changed:
            while self._read == len(self.lines):
                left = deadline - time.monotonic()
                if self.ended or left <= 0:
                    return None
                self._changed.wait(left)
            self._read += 1
            return self.lines[self._read - 1]

    def expect(self, start, patience=PATIENCE):
        """Waits for a line with that start, and returns it."""
        deadline = time.monotonic() + patience
        while True:
            line = self._next_line(deadline)
            if line is None:
                raise Failed(f"{self.name}: no line '{start}' but "
                             f"{self.last_words()}")
            if line.startswith(start):
                return line

    def wait(self, patience=PATIENCE):
        """Waits for the end, and returns the exit status."""
        deadline = time.monotonic() + patience
        with self._changed:
            while not self.ended:
                left = deadline - time.monotonic()
                if left <= 0:
                    raise Failed(f"{self.name}: still runs after "
                                 f"{patience} s; {self.last_words()}")
                self._changed.wait(left)
        return self.status

    def wait_briefly(self):
        """Waits for the end, for a twentieth of a second at most."""
        with self._changed:
            if not self.ended:
                self._changed.wait(0.05)

    def succeed(self, patience=PATIENCE):
        """Waits for the end, which must be a success. Returns the lines."""
        if self.wait(patience) != 0:
            raise Failed(f"{self.name}: exit status {self.status}, "
                         f"{self.last_words()}")
        return self.lines

    def failed(self):
        """It has ended, and not well."""
        return self.ended and self.status != 0

    def last_words(self):
        """The last lines, for a message."""
        said = [x for x in self.lines if not x.startswith("progress")][-3:]
        return "said " + repr(" / ".join(said)) if said else "said nothing"

    def kill(self):
        """Ends the program if it still runs."""


def all_succeed(*programs, patience=PATIENCE):
    """Waits for all to succeed, but no longer once one has failed."""
    deadline = time.monotonic() + patience
    for program in programs:
        while not program.ended and time.monotonic() < deadline and \
                not any(other.failed() for other in programs):
            program.wait_briefly()
    if not all(program.ended and program.status == 0 for program in programs):
        raise Failed("; ".join(
            f"{p.name} {'status ' + str(p.status) if p.ended else 'runs'}, "
            f"{p.last_words()}" for p in programs))


class HostProgram(Program):
    """A child process, in a process group of its own."""

    running = []

    def __init__(self, name, argv, env=None, stderr=subprocess.STDOUT,
                 pass_fds=()):
        super().__init__(name)
        self.process = subprocess.Popen(
            argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=stderr, pass_fds=pass_fds, start_new_session=True,
            env={**os.environ, **(env or {})})
        HostProgram.running.append(self)
        self._reader = threading.Thread(target=self._pump, daemon=True)
        self._reader.start()

    def _pump(self):
        for line in self.process.stdout:
            self.feed(line.decode(errors="replace").rstrip("\r\n"))
        self.end(self.process.wait())
        HostProgram.running.remove(self)

    def write(self, data):
        """Writes to the program's standard input."""
        self.process.stdin.write(data)
        self.process.stdin.flush()

    def close_input(self):
        """No more standard input."""
        self.process.stdin.close()

    def signal(self, number):
        """Sends a signal to the program alone."""
        if not self.ended:
            self.process.send_signal(number)

    def kill(self):
        if self.ended:
            return
        try:
            os.killpg(self.process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        self._reader.join(PATIENCE)

    @classmethod
    def kill_all(cls):
        """Ends every child process that still runs."""
        for program in list(cls.running):
            program.kill()
