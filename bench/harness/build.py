# SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
"""Builds what is measured, and says how it was built."""

import os
import pathlib
import platform
import re
import shlex
import subprocess
import sys

BENCH = pathlib.Path(__file__).resolve().parent.parent
TOP = BENCH.parent


def build(directory, programs):
    """Where PROGRAMS are, after making what is missing.

    Without a directory: the tree, if it is configured, or bench/out/build.
    """
    if not directory:
        directory = TOP if (TOP / "Makefile").exists() else BENCH / "out/build"
    directory = pathlib.Path(directory).resolve()
    directory.mkdir(parents=True, exist_ok=True)
    steps = []
    if not (directory / "Makefile").exists():
        if not (TOP / "configure").exists():
            steps.append((["./bootstrap"], TOP))
        steps.append(([str(TOP / "configure"), "-q"], directory))
    steps.append((["make", "-s", f"-j{os.cpu_count()}", *programs],
                  directory))
    for command, where in steps:
        if subprocess.run(command, cwd=where, stdout=sys.stderr,
                          check=False).returncode:
            sys.exit(f"{command[0]} failed in {where}")
    return directory


def _variable(text, name):
    found = re.search(rf"^{name} = *(.*)$", text, re.M)
    return found[1].strip() if found else ""


def compiler(directory):
    """Compiler, machine and flags: what a count of instructions depends on."""
    text = (pathlib.Path(directory) / "Makefile").read_text(encoding="utf-8")
    command = shlex.split(_variable(text, "CC"))
    first = subprocess.run([*command, "--version"], capture_output=True,
                           text=True, check=False).stdout.splitlines()[0]
    version = re.search(r"\b(\d+)\.\d+", first)
    flags = [_variable(text, "CFLAGS"), *re.findall(
        r"-fsanitize=\S+|--coverage", _variable(text, "UV_CFLAGS"))]
    name = "clang" if "clang" in first else "gcc"
    return f"{name} {version[1] if version else '?'}, " \
        f"{platform.machine()}, {' '.join(flags)}"
