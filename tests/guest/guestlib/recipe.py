# SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
"""Runs what a recipe of docs/recipes/ says, as it is written there.

Fenced blocks that are run have a second word behind the language:

    sh host         on the host, until it succeeds
    sh host &       on the host, and goes on until the recipe's end
    sh guest        in the guest; "guest4" in the one whose CID is 4
    text output     what the block before this one prints: lines of its output
    ini /run/FILE   a file with that contents

A block whose program is QEMU starts a guest.  What follows a block that stays
may come before that one is ready, so every other block is tried until it
succeeds; none of them may leave anything behind when it fails.
"""

import os
import re
import shutil
import time
from concurrent.futures import ThreadPoolExecutor

from guestlib.machine import Machine, boot_arguments
from guestlib.program import PATIENCE, Failed, HostProgram, Skipped

FOLDER = os.path.join(os.path.dirname(os.path.abspath(__file__)),
                      "..", "..", "..", "docs", "recipes")

FENCE = re.compile(r"^```(\w+) (host|guest\d*|output|/\S+)( &)?\n(.*?)^```$",
                   re.MULTILINE | re.DOTALL)
NEEDS = re.compile(r"^<!-- needs (.*) -->$", re.MULTILINE)
DISK = re.compile(r"-drive file=\S+")
DEVICE = re.compile(r"path=/run/vm(\d+)\.sock")
# Each time the host's port is another one.
OK_LINE = re.compile(r"^OK \d+$", re.MULTILINE)

BETWEEN_TRIES = 0.1


def path_of(name):
    """The recipe's file."""
    return os.path.join(FOLDER, name)


def read(name):
    """The recipe's text."""
    with open(path_of(name), encoding="utf-8") as file:
        return file.read()


def blocks(text):
    """The blocks to run: (where, stays, contents)."""
    return [(where, bool(stays), contents) for _, where, stays, contents in
            FENCE.findall(text)]


def _find(program, path):
    return any(os.access(os.path.join(x, program), os.X_OK)
               for x in path.split(":"))


def _one_line(script):
    """The agent in the guest takes one line."""
    return "; ".join(script.replace("\\\n", " ").strip().split("\n"))


class Recipe:
    """One recipe under way; machines are those that run already, by CID."""

    def __init__(self, session, name, machines=None, replace=()):
        self.session = session
        self.text = read(name)
        self.folder = os.path.join(session.folder, "recipe")
        self.machines = dict(machines or {})
        self.booting = {}
        self.boots = ThreadPoolExecutor()
        self.replace = list(replace)
        self.started = []
        self.programs = []
        self.before = None
        self.path = os.pathsep.join([
            os.path.dirname(session.options.daemon), os.environ["PATH"]])

    def _need(self):
        words = NEEDS.search(self.text)
        missing = [x for x in (words.group(1).split() if words else [])
                   if not _find(x, self.path)]
        if missing:
            raise Skipped(f"not installed: {', '.join(missing)}")

    def _here(self, text):
        """Other files and processors than the recipe's reader has."""
        for old, new in self.replace:
            text = text.replace(old, new)
        text = text.replace("-accel kvm", f"-accel {self.session.accel}")
        text = text.replace("/run/", self.folder + "/")
        return re.sub(r"\b1G\b", "256M", text)

    def _start_machine(self, script):
        """The recipe's disk becomes the test's kernel and its agent."""
        cid = DEVICE.search(script).group(1)
        folder = os.path.join(self.folder, f"machine{len(self.started)}")
        os.mkdir(folder)
        files = os.path.join(self.session.options.cache, self.session.series)
        micro = "microvm" in script
        extra = boot_arguments(
            folder, os.path.join(files, "vmlinuz"),
            os.path.join(files, self.session.options.initrd),
            agent_line=0 if micro else 1)
        argv = DISK.sub("", self._here(script).replace("\\\n", " ")).split()
        if cid in self.booting:
            self._machine(cid).stop()
        self.booting[cid] = self.boots.submit(Machine, folder, argv + extra)
        self.started.append(self.booting[cid])

    def _machine(self, cid):
        """Waits until it has booted; guests boot at the same time."""
        if cid in self.booting:
            self.machines[cid] = self.booting[cid].result()
        return self.machines[cid]

    def _start(self, where, script):
        if where == "host":
            program = HostProgram(
                "host", ["bash", "-ec", self._here(script)],
                env={"PATH": self.path})
            program.close_input()
        else:
            machine = self._machine(where[len("guest"):] or "3")
            program = machine.run(_one_line(script))
        self.programs.append(program)
        return program

    def _expected(self, output):
        lines = OK_LINE.sub("OK", "\n".join(self.before.lines)).split("\n")
        missing = [x for x in OK_LINE.sub("OK", output).splitlines()
                   if x not in lines]
        return not missing

    def _until_it_works(self, where, script, output):
        deadline = time.monotonic() + PATIENCE
        while True:
            self.before = self._start(where, script)
            if self.before.wait() == 0 and self._expected(output):
                return
            if time.monotonic() > deadline:
                raise Failed(f"{script!r}: status {self.before.status}, "
                             f"{self.before.last_words()}")
            time.sleep(BETWEEN_TRIES)

    def _write(self, path, contents):
        with open(self._here(path), "w", encoding="ascii") as file:
            file.write(self._here(contents))

    def _run_block(self, where, stays, contents, output):
        if where.startswith("/"):
            self._write(where, contents)
        elif "qemu-system" in contents:
            self._start_machine(contents)
        elif stays:
            self._start(where, contents)
        else:
            self._until_it_works(where, contents, output)

    def run(self):
        """From the first block to the last."""
        self._need()
        steps = blocks(self.text)
        os.mkdir(self.folder)
        try:
            for i, (where, stays, contents) in enumerate(steps):
                following = steps[i + 1] if i + 1 < len(steps) else ("",)
                output = following[2] if following[0] == "output" else ""
                if where != "output":
                    self._run_block(where, stays, contents, output)
        finally:
            self._end()
        return f"{sum(1 for x in steps if x[0] != 'output')} blocks"

    def _end(self):
        self.boots.shutdown()
        for boot in self.started:
            if not boot.exception():
                boot.result().stop()
        for program in self.programs:
            program.kill()
        shutil.rmtree(self.folder)
