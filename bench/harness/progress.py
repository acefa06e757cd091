# SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
"""A line that says what runs, and how long the rest will take."""

import sys
import time


class Progress:
    """On a terminal one line that changes; in a log one now and then."""

    LOGGED = 20

    def __init__(self, total, logged=LOGGED):
        self.total, self.done, self.logged = total, 0, logged
        self.start = time.monotonic()

    def step(self, text):
        """Tells that the next step begins."""
        spent = time.monotonic() - self.start
        left = spent / max(self.done, 1) * (self.total - self.done)
        self.done += 1
        line = f"{self.done}/{self.total}, {left:.0f} s left: {text}"
        if sys.stderr.isatty():
            sys.stderr.write(f"\r{line:<78.78}")
        elif self.done % self.logged == 1 % self.logged:
            sys.stderr.write(line + "\n")
        sys.stderr.flush()

    def end(self):
        """Tells that the last step is done."""
        sys.stderr.write("\n")
