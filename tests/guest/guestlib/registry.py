# SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
"""The list of cases, and the lines that are printed about them."""

import time

from guestlib.program import Skipped

CASES = []


class Case:
    """One thing to test, and where."""

    def __init__(self, function, name, every_engine, since, guests):
        self.function = function
        self.name = name
        self.every_engine = every_engine
        self.since = since
        self.guests = guests


def case(name, every_engine=False, since=(6, 1)):
    """Registers a function of a Session as a case.

    With every_engine it runs on each engine, otherwise on the first only;
    since is the oldest kernel that can do what it needs.
    """
    def register(function):
        CASES.append(Case(function, name, every_engine, since, guests=1))
        return function
    return register


def siblings_case(name, every_pair=False):
    """Registers a function of Siblings as a case.

    With every_pair it runs with each pair of kernels, engine and number of
    workers, otherwise with the first only.
    """
    def register(function):
        CASES.append(Case(function, name, every_pair, (0, 0), guests=2))
        return function
    return register


class Report:
    """Counts and prints what became of the cases."""

    def __init__(self):
        self.passed = 0
        self.failed = 0
        self.skipped = 0

    @staticmethod
    def _say(word, name, why):
        print(f"{word} {name}" + (f" ({why})" if why else ""), flush=True)

    def run(self, name, function):
        """Runs one case; False when it failed."""
        began = time.monotonic()
        try:
            note = function()
        except Skipped as reason:
            self.skipped += 1
            self._say("SKIP", name, str(reason))
            return True
        except Exception as error:  # a case may fail in any way
            self.failed += 1
            self._say("FAIL", name, f"{type(error).__name__}: {error}")
            return False
        self.passed += 1
        took = f"{time.monotonic() - began:.1f} s"
        self._say("PASS", name, f"{took}; {note}" if note else took)
        return True

    def finish(self):
        """Prints the last line. Returns the status; no case is a failure."""
        if not self.passed + self.failed + self.skipped:
            print("no case is of that name, kernel and engine: --list names "
                  "them")
            self.failed = 1
        print(f"{self.passed} passed, {self.failed} failed, "
              f"{self.skipped} skipped", flush=True)
        return 1 if self.failed else 0
