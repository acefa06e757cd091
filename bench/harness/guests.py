# SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
"""Real guests as contestants: a daemon and its QEMU each, ready to measure.

The machinery is that of tests/guest: its kernels, its initrd, its agent.
"""

import argparse
import datetime
import json
import os
import pathlib
import platform
import shutil
import signal
import subprocess
import sys

from harness import report
from harness.build import BENCH, TOP, build
from harness.progress import Progress

sys.path.insert(0, str(TOP / "tests/guest"))

# pylint: disable=wrong-import-position
from guestlib import accel, host  # noqa: E402
from guestlib.program import Failed, HostProgram  # noqa: E402
from guestlib.session import Session  # noqa: E402

KERNELS = ("6.1", "6.12")
LOOPBACK = "loopback"
STALL_SECONDS = {"kvm": 10, "tcg": 30}
TICKS = os.sysconf("SC_CLK_TCK")


def stall_seconds(options, accelerator):
    """How many seconds longer than asked for a run may take."""
    return 10 if options.quick else STALL_SECONDS[accelerator]


def prepare(cache, kernels, programs):
    """Prepares kernels and initrds with PROGRAMS. Returns the accelerator."""
    host.prepare(cache, "--small", cache, *kernels)
    for series in kernels:
        folder = os.path.join(cache, series)
        subprocess.run([str(TOP / "tests/guest/initrd"),
                        f"{folder}/initrd-bench", f"{folder}/modules",
                        f"{cache}/guest-agent", *programs], check=True)
    return accel.choose(cache, os.path.join(cache, kernels[0], "vmlinuz"))


def static_perf():
    """uring-vsock-perf as it fits any guest."""
    folder = BENCH / "out"
    folder.mkdir(exist_ok=True)
    out = str(folder / "uring-vsock-perf")
    sources = sorted(map(str, (BENCH / "perf").glob("*.c")))
    subprocess.run([os.environ.get("CC", "cc"), "-O2", "-static",
                    "-D_GNU_SOURCE", f"-I{TOP}/src", f"-I{BENCH}", *sources,
                    f"{BENCH}/latency.c", f"{TOP}/src/base/fd.c", "-pthread", "-o", out],
                   check=True)
    return out


class Entrant(Session):
    """A contestant: its daemon, and the guest that it serves."""

    def __init__(self, name, cache, series, accelerator, daemon, engine):
        options = argparse.Namespace(daemon=daemon, cache=cache, wrapper="",
                                     initrd="initrd-bench")
        super().__init__(options, series, engine, accelerator)
        self.name = name

    def cpu_seconds(self):
        """What the daemon has used so far; 0 for the guest's loopback."""
        if self.name == LOOPBACK:
            return 0
        pid = self.daemon.process.pid
        stat = pathlib.Path(f"/proc/{pid}/stat").read_text(encoding="ascii")
        fields = stat.rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / TICKS

    def start_machine(self):
        super().start_machine()
        if self.name == LOOPBACK:
            self.guest("insmod /modules/vsock_loopback.ko").succeed()

    def abandon(self):
        """Ends daemon and guest, of this contestant alone."""
        if self.machine:
            self.machine.stop()
        if self.daemon:
            self.daemon.kill()
        self.machine = None
        self.daemon = None
        for name in os.listdir(self.folder):
            os.unlink(os.path.join(self.folder, name))

    def close(self):
        self.abandon()
        shutil.rmtree(self.folder, ignore_errors=True)


def has_loopback(cache, series):
    return os.path.exists(f"{cache}/{series}/modules/vsock_loopback.ko")


def entrants(options, daemon, series, accelerator):
    """Ours on both engines, vdv if it is there, and the guest alone."""
    def make(name, program, engine):
        return Entrant(name, options.cache, series, accelerator, program,
                       engine)

    found = [make(name, daemon, name) for name in ("io_uring", "epoll")]
    vdv = shutil.which("vhost-device-vsock")
    if vdv:
        found.append(make("vdv", vdv, "none"))
    for spec in options.contestant:
        name, _, program = spec.partition("=")
        found.append(make(name, os.path.abspath(program), "none"))
    if has_loopback(options.cache, series):
        found.append(make(LOOPBACK, daemon, "epoll"))
    return found


def last_summary(program):
    """The object that a program of ours has printed last."""
    lines = [x for x in program.lines if x.startswith("{")]
    try:
        return json.loads(lines[-1])
    except (IndexError, json.JSONDecodeError) as error:
        raise Failed(f"{program.name} {program.last_words()}") from error


def reason(program):
    """Why there is no figure, in a few words."""
    if not program.failed() or program.status is None:
        return "stalls"
    said = [x for x in program.lines if x and not x.startswith("{")]
    text = said[-1] if said else f"{program.name}: status {program.status}"
    return text.removeprefix("uring-vsock-perf: ")[:60]


class Measurement:
    """A server, a client, and the daemon's time while they run."""

    def __init__(self, entrant, patience):
        self.entrant, self.patience = entrant, patience
        self.cpu = entrant.cpu_seconds()

    def finish(self, server, client):
        """Waits for both. Returns (client, None), or (None, why not)."""
        try:
            client.succeed(self.patience)
            server.succeed(self.patience)
        except Failed:
            why = reason(server if server.failed() else client)
            for program in (client, server):
                program.kill()
            return None, why
        self.cpu = self.entrant.cpu_seconds() - self.cpu
        return client, None


def guarded(entrant, run):
    """What run() finds; after a failure the contestant starts afresh."""
    try:
        entrant.ensure_started()
        result = run(entrant)
    except (Failed, OSError) as error:
        result = {"error": str(error)[:200]}
    if "error" in result:
        entrant.abandon()
    return result


def interleave(options, cases, found, run, progress, raw):
    """The runs of each case, contestants in turn: {case: {contestant: [...]}}.

    Who has failed in a case does not get another turn in it.
    """
    results = {c.name: {e.name: [] for e in found} for c in cases}
    for repeat in range(options.repeats):
        for case in cases:
            for entrant in found:
                progress.step(f"{entrant.series}: {case.title}: "
                              f"{entrant.name}")
                of = results[case.name][entrant.name]
                if report.failure(of):
                    continue
                of.append(guarded(entrant, lambda e, c=case: run(e, c)))
                raw.write(json.dumps({
                    "kernel": entrant.series, "case": case.name,
                    "contestant": entrant.name, "repeat": repeat,
                    **of[-1]}) + "\n")
                raw.flush()
    return results


def folder_for(options, suffix):
    stamp = datetime.datetime.now().strftime("%Y-%m-%d-%H%M%S")
    out = pathlib.Path(options.out or BENCH / "out" / f"{stamp}-{suffix}")
    out.mkdir(parents=True, exist_ok=True)
    return out


def common_options(parser):
    """What bench/guest and bench/iperf have in common."""
    parser.add_argument("--build", default=os.environ.get("BUILD"),
                        help="directory in which make is run (made if need "
                             "be)")
    parser.add_argument("--cache", metavar="FOLDER",
                        help="where kernels and guest programs are kept "
                             "(guest-cache in the build directory)")
    parser.add_argument("--kernel", action="append", choices=KERNELS,
                        help="only with this kernel; repeatable")
    parser.add_argument("--list", action="store_true", help="name the cases")
    parser.add_argument("--only", default="",
                        help="cases, by name, separated by commas")
    parser.add_argument("--quick", action="store_true",
                        help="every case once, briefly, with one kernel")
    parser.add_argument("--secs", type=float, help="of each run (3)")
    parser.add_argument("--repeats", type=int, help="runs of each (5)")
    parser.add_argument("--contestant", action="append", default=[],
                        metavar="NAME=PROGRAM",
                        help="one more daemon; it takes --guest-cid, "
                             "--socket and --uds-path")
    parser.add_argument("--out", help="directory for the report")


def complete(options, cases):
    """Fills in what depends on other options. Returns the cases to run."""
    options.secs = options.secs or (1 if options.quick else 3)
    options.repeats = options.repeats or (1 if options.quick else 5)
    options.kernel = options.kernel or (
        KERNELS[-1:] if options.quick else list(KERNELS))
    names = options.only.split(",") if options.only else []
    unknown = set(names) - {c.name for c in cases}
    if unknown:
        sys.exit(f"no such case: {', '.join(sorted(unknown))}; see --list")
    if options.list:
        for case in cases:
            print(f"{case.name:<12} {case.title}")
        sys.exit(0)
    return [c for c in cases if not names or c.name in names]


def run_all(options, cases, daemon, run, accelerator, progress, out):
    """Every kernel's contestants: {kernel: (names, results)}."""
    found = {}
    with open(out / "raw.jsonl", "w", encoding="utf-8") as raw:
        for series in options.kernel:
            these = entrants(options, daemon, series, accelerator)
            try:
                results = interleave(options, cases, these, run, progress,
                                     raw)
            finally:
                for entrant in these:
                    entrant.close()
            found[series] = [e.name for e in these], results
    return found


def write(out, header, cases, found):
    """Writes report and JSON. Returns the report's tables without details."""
    tables, details = [header], []
    for series, (names, results) in found.items():
        tables += [f"## Linux {series}",
                   report.main_table(cases, names, results)]
        details += [f"## Details: Linux {series}",
                    report.detail_table(cases, names, results)]
    (out / "report.md").write_text(
        "\n\n".join(["# uring-vsock with real guests", *tables, *details])
        + "\n", encoding="utf-8")
    (out / "results.json").write_text(
        json.dumps({s: results for s, (_, results) in found.items()}),
        encoding="utf-8")
    return "\n\n".join(tables)


def ours_failed(found):
    """Cases in which the first contestant has no figure."""
    return [f"{case} with Linux {series}"
            for series, (names, results) in found.items()
            for case, of in results.items()
            if report.failure(of[names[0]])]


def bench(options, cases, program, suffix, bench_for):
    """Measures the CASES with PROGRAM in the guests. Returns the exit status.

    bench_for(accelerator) is a function that runs a case with an Entrant.
    """
    directory = build(options.build, ["uring-vsock"])
    options.cache = os.path.abspath(options.cache
                                    or directory / "guest-cache")
    accelerator = prepare(options.cache, options.kernel, [program])
    out = folder_for(options, suffix)
    contestants = 3 + bool(shutil.which("vhost-device-vsock"))
    progress = Progress(len(options.kernel) * len(cases) * options.repeats
                        * (contestants + len(options.contestant)), 5)
    found = run_all(options, cases, str(directory / "uring-vsock"),
                    bench_for(accelerator), accelerator, progress, out)
    progress.end()
    header = (f"{platform.machine()}, {os.cpu_count()} cores, Linux "
              f"{platform.release()}, guests on {accelerator}; "
              f"{options.repeats} runs of {options.secs} s each, medians ± "
              f"half the quartile distance; ratios of medians (of the best "
              f"runs)")
    print(write(out, header, cases, found))
    print(f"\nwritten to {out}")
    failed = ours_failed(found)
    if failed:
        print(f"io_uring failed: {', '.join(failed)}")
    return 1 if failed else 0


def in_order(main):
    """Runs MAIN, and ends whatever it has started."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    try:
        sys.exit(main())
    except Failed as error:
        sys.exit(str(error))
    except KeyboardInterrupt:
        sys.exit(130)
    finally:
        HostProgram.kill_all()
