# SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
"""A machine under emulation, and all contestants in turn in it.

The kernel's own device needs a kernel that has it, and the right to load it.
An emulated machine has both: Debian's kernel, of which tests/guest has the
machinery. The first program in there carries out a plan (emulated-init).
"""

import json
import os
import pathlib
import shlex
import shutil
import subprocess
import tempfile
import threading

from harness import report
from harness.build import BENCH, TOP
from harness.contestants import FIRST_CID, KERNEL, Contestant

SERIES = "6.12"
MEMORY = "1G"
QUIET_SECONDS = 300  # without a result: a hang, however slow the host is
PAIR = ("/tmp/s0", "/tmp/u0")  # in the machine
# A processor without "fast" string instructions copies by loops that are
# counted; with them a copy of any length would be one instruction.
CPU = "max,erms=off,fsrm=off"
# Emulated clocks are taken as they are, and no self-test runs beside the load.
APPEND = ("console=ttyS0 panic=-1 rdinit=/bin/emulated-init tsc=reliable "
          "cryptomgr.notests")
ACCELERATION = {
    "counted": ["-accel", "tcg", "-icount", "shift=0,sleep=off", "-smp", "1"],
    "clock": ["-accel", "tcg,thread=multi", "-smp", "2"],
}


class Trouble(Exception):
    """Why there are no figures."""


def prepare(cache):
    """Fetches the kernel into CACHE, unless it is there."""
    command = [str(TOP / "tests/guest/kernels"), cache, SERIES]
    if subprocess.run(command, check=False).returncode:
        raise Trouble("there is no kernel to boot, see above")


def release(cache):
    path = pathlib.Path(cache) / SERIES / "release"
    return path.read_text(encoding="ascii").strip()


def entrants(daemon, more):
    """Ours on both engines, vdv if it is there, MORE as NAME=PROGRAM, and the
    kernel; and the program that each stands for."""
    vms = "--vm guest-cid={CID},socket={S},uds-path={U}".format(
        CID=FIRST_CID, S=PAIR[0], U=PAIR[1])
    programs = {"io_uring": daemon, "epoll": daemon}
    commands = {name: f"daemon-{name} --engine {name} {vms}"
                for name in programs}
    vdv = shutil.which("vhost-device-vsock")
    if vdv:
        programs["vdv"] = vdv
        commands["vdv"] = f"daemon-vdv {vms}"
    for spec in more:
        name, _, program = spec.partition("=")
        programs[name] = os.path.abspath(program)
        commands[name] = (
            f"daemon-{name} --guest-cid {FIRST_CID} --socket {PAIR[0]} "
            f"--uds-path {PAIR[1]}")
    found = [Contestant(n, c) for n, c in commands.items()]
    return [*found, Contestant(KERNEL)], programs


def plan(cases, found, repeats, secs):
    """The runs as lines of shell, and the tags of their results."""
    lines, tags = [], {}
    for repeat in range(repeats):
        for case in cases:
            for entrant in found:
                tag = f"r{len(tags)}"
                tags[tag] = case.name, entrant.name, repeat
                # A guest that is gone may be remembered for 8 s.
                cid = len(tags) + FIRST_CID if entrant.name == KERNEL \
                    else FIRST_CID
                lines.append(shlex.join([
                    "measure", tag, entrant.command or "", *case.args,
                    "--secs", str(secs), "--cid", str(cid)]))
    return "\n".join(lines) + "\n", tags


def pack(folder, cache, load, programs, text):
    """Makes the machine's root file system in FOLDER."""
    stage = pathlib.Path(folder) / "stage"
    stage.mkdir(exist_ok=True)
    links = {"bench-load": load, "emulated-init":
             BENCH / "harness/emulated-init",
             **{f"daemon-{n}": p for n, p in programs.items()}}
    for name, path in links.items():
        if not (stage / name).is_symlink():
            (stage / name).symlink_to(path)
    (stage / "emulated-plan").write_text(text, encoding="ascii")
    (stage / "emulated-plan").chmod(0o755)
    subprocess.run([str(TOP / "tests/guest/initrd"), f"{folder}/initrd",
                    f"{cache}/{SERIES}/modules",
                    *map(str, sorted(stage.iterdir()))], check=True)


def boot(folder, cache, mode):
    """Starts the machine; its results are the process's output."""
    return subprocess.Popen(
        ["qemu-system-x86_64", "-nodefaults", "-no-user-config", "-display",
         "none", "-machine", "q35", "-cpu", CPU, *ACCELERATION[mode],
         "-m", MEMORY, "-no-reboot",
         "-kernel", f"{cache}/{SERIES}/vmlinuz",
         "-initrd", f"{folder}/initrd", "-append", APPEND,
         "-serial", f"file:{folder}/console", "-serial", "stdio"],
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True,
        errors="replace")


def lines_of(qemu, folder):
    """What the machine reports, until its end."""
    for line in watched(qemu):
        word, _, rest = line.strip().partition(" ")
        if word == "end":
            return
        if word == "die":
            raise Trouble(f"in the machine: {rest}")
        yield word, rest
    console = pathlib.Path(folder) / "console"
    last = console.read_text(encoding="utf-8", errors="replace")[-300:]
    raise Trouble(f"the machine has stopped; its console ends with {last!r}")


def watched(qemu):
    """Its lines; it is killed if none comes for too long."""
    while True:
        timer = threading.Timer(QUIET_SECONDS, qemu.kill)
        timer.start()
        try:
            line = qemu.stdout.readline()
        finally:
            timer.cancel()
        if not line:
            return
        yield line


def derive(case, result):
    """Adds what the whole machine did for a message or a GB."""
    result = report.derive(case, result)
    busy = result.get("machine_cpu_secs")
    if busy and result.get("messages"):
        result["machine_us_per_message"] = 1e6 * busy / result["messages"]
    if busy and result.get("bytes"):
        result["machine_per_GB"] = 1e9 * busy / result["bytes"]
    return result


def parsed(text):
    """A result, or that there is none."""
    try:
        return json.loads(text)
    except json.JSONDecodeError:
        return {"error": f"garbled: {text[:100]}"}


def measure(mode, setting, cases, found, programs, progress, raw):
    """All runs in one machine: {case: {contestant: [...]}}."""
    text, tags = plan(cases, found, setting.repeats, setting.secs[mode])
    results = {c.name: {e.name: [] for e in found} for c in cases}
    by_name = {c.name: c for c in cases}
    folder = tempfile.mkdtemp(prefix="uv-emulated-")
    pack(folder, setting.cache, setting.load, programs, text)
    qemu = boot(folder, setting.cache, mode)
    try:
        for tag, said in lines_of(qemu, folder):
            case, name, repeat = tags[tag]
            progress.step(f"{mode}: {by_name[case].title}: {name}")
            result = derive(by_name[case], parsed(said))
            results[case][name].append(result)
            raw.write(json.dumps({"mode": mode, "case": case,
                                  "contestant": name, "repeat": repeat,
                                  **result}) + "\n")
            raw.flush()
    finally:
        qemu.kill()
        qemu.wait()
        shutil.rmtree(folder, ignore_errors=True)
    return results


def versus(of, kernel, key, less_is_better):
    """The ratio to the kernel's, in bold where the kernel is ahead."""
    ours, its = report.median(of, key), report.median(kernel, key)
    if not ours or not its:
        return (report.failure(of) or "-")[:60]
    text = f"{ours / its:.2f}"
    behind = float(text) > 1 if less_is_better else float(text) < 1
    return f"**{text}**" if behind else text


def versus_table(cases, names, results):
    """X : kernel for each contestant but the kernel itself."""
    others = [n for n in names if n != KERNEL]
    rows = [["case", "unit", "kernel", *(f"{n} : kernel" for n in others)]]
    for case in cases:
        of = results[case.name]
        rows.append([case.title, case.unit,
                     report.cell(of[KERNEL], case),
                     *(versus(of[n], of[KERNEL], case.metric,
                              case.less_is_better) for n in others)])
    return report.table(rows)


def machine_table(cases, names, results):
    """What all processors together did, X : kernel."""
    others = [n for n in names if n != KERNEL]
    rows = [["case", "unit", "kernel", *(f"{n} : kernel" for n in others)]]
    for case in cases:
        message = case.metric in ("p50_us", "per_sec")
        key = "machine_us_per_message" if message else "machine_per_GB"
        of = results[case.name]
        rows.append([case.title, "us" if message else "s/GB",
                     report.number(report.median(of[KERNEL], key)),
                     *(versus(of[n], of[KERNEL], key, True)
                       for n in others)])
    return report.table(rows)
