# SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
"""Counts what the daemon executes, under callgrind, in lockstep with its load.

A clock has no say in it (bench/load/lockstep.h tells how), so the counts are
the same on a busy machine.  What starting, connecting and warming up costs is
taken away by a second, shorter run.
"""

import json
import os
import pathlib
import re
import shlex
import shutil
import signal
import subprocess
import tempfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from harness.contestants import Contestant, Daemon

WARM_ROUNDS = 20
SECONDS = 120


@dataclass(frozen=True)
class Count:
    """A case of a fixed number of messages."""
    name: str
    title: str
    flow: str        # of bench-load
    size: int        # of a message
    conns: int = 1
    batch: int = 1   # messages of a connection that the daemon finds waiting
    rounds: int = 200
    siblings: bool = False

    @property
    def vms(self):
        return 2 if self.siblings else 1

    def arguments(self, rounds):
        more = ["--siblings", str(self.conns)] if self.siblings else []
        return [*more, "--flow", self.flow, "--size", str(self.size),
                "--conns", str(self.conns), "--batch", str(self.batch),
                "--rounds", str(rounds)]


# g2h: from the guest to the host.  What a batch holds fits the buffers of the
# sockets; small messages to the guest come from different programs, as one
# program's would be one packet.
COUNTS = [
    Count("g2h-64k", "to the host, 64 KiB", "to-host", 65536, batch=2,
          rounds=1000),
    Count("g2h-4k", "to the host, 4 KiB", "to-host", 4096, batch=32),
    Count("g2h-64", "to the host, 64 B", "to-host", 64, batch=32),
    Count("h2g-64k", "to the guest, 64 KiB", "to-guest", 65536, conns=2),
    Count("h2g-4k", "to the guest, 4 KiB", "to-guest", 4096, conns=16),
    Count("h2g-64", "to the guest, 64 B", "to-guest", 64, conns=16),
    Count("rr-64", "round trip of 64 B", "rr", 64, rounds=800),
    Count("sib-64k", "between siblings, 64 KiB", "to-host", 65536, batch=2,
          rounds=1000, siblings=True),
    Count("sib-3k7", "between siblings, 3,700 B", "to-host", 3700, batch=32,
          siblings=True),
    Count("sib-64", "between siblings, 64 B", "to-host", 64, batch=32,
          siblings=True),
    Count("sib-rr-64", "between siblings, round trip of 64 B", "rr", 64,
          rounds=800, siblings=True),
]
# Nothing but being stopped, which is no part of the figures.
STOP = Count("stop", "being stopped", "idle", 1, rounds=2000)
ENGINES = ("io_uring", "epoll")


class Trouble(Exception):
    """Says why there is no count."""


class Setting:
    """The programs, and what the daemon is told beside its engine."""

    def __init__(self, build):
        build = pathlib.Path(build)
        self.daemon = str(build / "uring-vsock")
        self.load = str(build / "bench-load")
        text = subprocess.run([self.daemon, "--help"], text=True,
                              capture_output=True, check=False).stdout
        # It does not spin in lockstep anyway, but it would while it is set up.
        self.options = "--poll-us 0" if "--poll-us" in text else ""

    def run(self, case, engine, rounds, wrapper=""):
        """Plays the load for a daemon under WRAPPER. Returns what was moved."""
        daemon = Daemon(Contestant(engine, f"{wrapper} {self.daemon} --engine "
                                   f"{engine} {self.options} {{VMS}}"),
                        case.vms)
        try:
            why = daemon.await_sockets()
            if why:
                raise Trouble(f"the daemon {why}")
            pid = self.pid_of(daemon.process.pid)
            done = subprocess.run(
                [self.load, *case.arguments(rounds), "--pid", str(pid),
                 *sum(daemon.pairs, ())], text=True, capture_output=True,
                check=False, timeout=SECONDS)
            os.kill(pid, signal.SIGTERM)
            if daemon.process.wait(SECONDS):
                raise Trouble(f"the daemon died: {daemon.last_words()}")
            moved = json.loads(done.stdout or '{"error": "bench-load died"}')
            if "error" in moved:
                raise Trouble(moved["error"])
            return moved
        finally:
            daemon.stop()

    @staticmethod
    def pid_of(pid):
        """The daemon's process: the wrapper's child, if there is a wrapper."""
        path = pathlib.Path(f"/proc/{pid}/task/{pid}/children")
        children = path.read_text(encoding="ascii").split()
        return int(children[0]) if children else pid


# System calls under valgrind, which hides the vDSO, and not without it.
VDSO = ("clock_gettime", "gettimeofday", "time")


def vdso_calls(text):
    """How many of the profile's system calls are none outside of valgrind."""
    names, function, inclusive, calls = {}, "", False, 0
    for line in text.splitlines():
        named = re.match(r"(c?fn)=(\(\d+\))(?: (.*))?", line)
        if named:
            if named[3]:
                names[named[2]] = named[3]
            if named[1] == "fn":
                function = names[named[2]].split("@")[0]
        elif line.startswith("calls="):
            inclusive = True
        elif re.match(r"[-+*\d]", line):
            costs_of_line = line.split()[1:]
            if function in VDSO and not inclusive and len(costs_of_line) > 1:
                calls += int(costs_of_line[1])
            inclusive = False
    return calls


def callgrind(setting, case, engine, rounds, out):
    """One run. Returns callgrind's totals and what was moved, by name."""
    moved = setting.run(case, engine, rounds, " ".join([
        "valgrind -q --tool=callgrind --collect-systime=yes",
        f"--callgrind-out-file={shlex.quote(str(out))}"]))
    text = pathlib.Path(out).read_text(encoding="ascii", errors="replace")
    names = re.search(r"^events: (.*)$", text, re.M)[1].split()
    totals = map(int, re.search(r"^totals: (.*)$", text, re.M)[1].split())
    found = dict(zip(names, totals))
    return {"instructions": found["Ir"],
            "calls": found["sysCount"] - vdso_calls(text), **moved}


def perf(setting, case, engine, rounds, out):
    """The same by the processor's counters, which see the kernel too."""
    moved = setting.run(case, engine, rounds, " ".join([
        "perf stat -x , -e instructions:u,instructions:k",
        f"-o {shlex.quote(str(out))}"]))
    counts = {}
    for line in pathlib.Path(out).read_text(encoding="ascii").splitlines():
        words = line.split(",")
        if len(words) > 2 and words[0].isdigit():
            counts[words[2]] = int(words[0])
    if set(counts) != {"instructions:u", "instructions:k"}:
        raise Trouble("perf counts no instructions here")
    return {"instructions": counts["instructions:u"],
            "kernel": counts["instructions:k"], **moved}


def perf_works():
    """Whether this machine lets us count instructions."""
    if not shutil.which("perf"):
        return False
    done = subprocess.run(
        ["perf", "stat", "-x", ",", "-e", "instructions", "true"],
        capture_output=True, text=True, check=False)
    return done.returncode == 0 and done.stderr.split(",")[0].isdigit()


def difference(setting, case, engine, tool):
    """What a long run counts more than a short one."""
    with tempfile.TemporaryDirectory(prefix="uv-count-") as folder:
        short, long = (
            tool(setting, case, engine, rounds, f"{folder}/{rounds}")
            for rounds in (WARM_ROUNDS, WARM_ROUNDS + case.rounds))
    return {name: long[name] - short[name] for name in long}


def figures(more, stop):
    """What a message costs, without what stopping the daemon costs."""
    net = {name: more[name] - more["stops"] * stop[name] / stop["stops"]
           for name in ("instructions", "calls", "kernel") if name in more}
    packets = more["packets_sent"] + more["packets_received"]
    size = more["to_host"] + more["to_guest"]
    return {"per_packet": net["instructions"] / packets,
            "per_KiB": 1024 * net["instructions"] / size,
            **{name: value / more["messages"] for name, value in net.items()}}


def costs(setting, pairs, workers, tool=callgrind):
    """The figures of each (case, engine), WORKERS runs at the same time."""
    engines = sorted({engine for _, engine in pairs})
    with ThreadPoolExecutor(workers) as pool:
        *found, = pool.map(
            lambda pair: difference(setting, *pair, tool),
            [*((STOP, engine) for engine in engines), *pairs])
    stops = dict(zip(engines, found))
    return [figures(more, stops[engine])
            for more, (_, engine) in zip(found[len(engines):], pairs)]
