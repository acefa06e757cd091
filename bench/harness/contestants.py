# SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
"""The programs that are compared, and how one run of one of them is made."""

import functools
import itertools
import json
import os
import pathlib
import shlex
import shutil
import signal
import stat
import subprocess
import tempfile
import time

FIRST_CID = 3
KERNEL = "kernel"
KERNEL_DEVICE = "/dev/vhost-vsock"
# A guest that is gone may be remembered for 8 s, so each has a CID of its own.
KERNEL_CIDS = itertools.count(10000, 100)
START_SECONDS = 10
RUN_SECONDS = 40


class Contestant:
    """A daemon by its command line, or none: plain socket pairs, of
    loopback TCP if the name is "tcp", and of AF_UNIX if it is another; or
    the kernel's own device if the name is KERNEL.

    The command's {VMS} stands for a --vm option for each VM; {S3} and {U3},
    {S4} and {U4}, ... for the sockets of the VM with that CID, where a
    command can serve only so many VMs; {OPTIONS} for what a case asks of
    daemons that take our options.
    """

    def __init__(self, name, command=None):
        self.name = name
        self.command = command
        self.ours = "{OPTIONS}" in (command or "")

    def arguments(self, pairs, options="", groups=False):
        """The words of its command; with GROUPS only every two VMs that
        follow each other may talk."""
        words = []
        for word in shlex.split(self.command):
            if word == "{OPTIONS}":
                words += shlex.split(options)
                continue
            if word == "{VMS}":
                for i, (sock, uds) in enumerate(pairs):
                    words += ["--vm", f"guest-cid={FIRST_CID + i},"
                              f"socket={sock},uds-path={uds}"
                              + f",groups=pair{i // 2}" * groups]
                continue
            for i, (sock, uds) in enumerate(pairs):
                word = word.replace("{S%d}" % (FIRST_CID + i), sock)
                word = word.replace("{U%d}" % (FIRST_CID + i), uds)
            words.append(word)
        return words

    def knows(self, options):
        """Whether the daemon has the options that a case asks for."""
        names = [w for w in options.split() if w.startswith("--")]
        if not names:
            return True
        return self.ours and all(f"{n}=" in self.help for n in names)

    @functools.cached_property
    def help(self):
        """What the daemon prints about its options."""
        return subprocess.run(
            [shlex.split(self.command)[0], "--help"], text=True,
            capture_output=True, check=False).stdout

    def serves(self, case):
        """Whether it takes part in the case."""
        if self.name == KERNEL:
            return not (case.siblings or case.daemon or case.of_daemon)
        if not self.command:
            return (case.pairs and not case.daemon
                    and not (case.messages and self.name == "tcp"))
        enough = ("{VMS}" in self.command
                  or "{S%d}" % (FIRST_CID + case.vms - 1) in self.command)
        return enough and self.knows(case.daemon)


def is_socket(path):
    try:
        return stat.S_ISSOCK(os.stat(path).st_mode)
    except FileNotFoundError:
        return False


class Daemon:
    """A contestant's process, in a directory of its own."""

    def __init__(self, contestant, vms, options="", groups=False):
        self.dir = tempfile.mkdtemp(prefix="uv-bench-")
        self.pairs = [(f"{self.dir}/s{i}", f"{self.dir}/u{i}")
                      for i in range(vms)]
        self.log = open(f"{self.dir}/log", "w+", encoding="utf-8",
                        errors="replace")
        self.process = subprocess.Popen(
            contestant.arguments(self.pairs, options, groups),
            stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log)

    def await_sockets(self):
        until = time.monotonic() + START_SECONDS
        while not all(is_socket(s) for s, _ in self.pairs):
            if self.process.poll() is not None:
                return f"ended at its start: {self.last_words()}"
            if time.monotonic() > until:
                return "does not start"
            time.sleep(0.01)
        return None

    def last_words(self):
        self.log.seek(0)
        lines = self.log.read().strip().splitlines()
        return lines[-1][:200] if lines else "without a word"

    def stop(self):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGKILL)
        self.process.wait()
        self.log.close()
        shutil.rmtree(self.dir, ignore_errors=True)


def load(program, arguments, pid, pairs):
    command = [program, *arguments]
    if pid:
        command += ["--pid", str(pid)]
    for pair in pairs:
        command += pair
    try:
        done = subprocess.run(command, capture_output=True, text=True,
                              timeout=RUN_SECONDS, check=False)
        return json.loads(done.stdout)
    except subprocess.TimeoutExpired:
        return {"error": "stalled"}
    except json.JSONDecodeError:
        return {"error": f"bench-load: {done.stderr.strip()[:200]}"}


def run_once(contestant, case, program, extra):
    """One measurement; a dictionary, with "error" if there is none."""
    arguments = [*case.args, *extra]
    if contestant.name == KERNEL:
        if not os.path.exists(KERNEL_DEVICE):
            return {"error": f"there is no {KERNEL_DEVICE}"}
        cid = ["--cid", str(next(KERNEL_CIDS))]
        return load(program, [*arguments, *cid], 0,
                    [(KERNEL_DEVICE, "-")] * case.vms)
    if not contestant.command:
        if contestant.name == "tcp":
            arguments.append("--tcp")
        return load(program, [*arguments, "--vms", str(case.vms)], 0, [])
    daemon = Daemon(contestant, case.vms, case.daemon, case.siblings)
    try:
        error = daemon.await_sockets()
        if error:
            return {"error": error}
        result = load(program, arguments, daemon.process.pid, daemon.pairs)
        if daemon.process.poll() is not None:
            result = {"error": f"died: {daemon.last_words()}"}
        return result
    finally:
        daemon.stop()


def defaults(build, options=""):
    """Ours on both engines with OPTIONS, vdv and the kernel's device if they
    are there, and pairs of sockets: AF_UNIX, which is the limit, and TCP."""
    ours = f"{shlex.quote(str(pathlib.Path(build) / 'uring-vsock'))} {options}"
    vdv = shutil.which("vhost-device-vsock")
    found = [Contestant("io_uring", f"{ours} --engine io_uring "
                        "{OPTIONS} {VMS}"),
             Contestant("epoll", f"{ours} --engine epoll {{OPTIONS}} {{VMS}}")]
    if vdv:
        found.append(Contestant("vdv", f"{shlex.quote(vdv)} {{VMS}}"))
    if os.access(KERNEL_DEVICE, os.R_OK | os.W_OK):
        found.append(Contestant(KERNEL))
    return [*found, Contestant("direct"), Contestant("tcp")]
