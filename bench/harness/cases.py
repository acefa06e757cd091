# SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
"""The table of cases: what is loaded how, and which figure counts."""

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Case:
    name: str            # for --only and for files
    title: str           # for people
    args: tuple          # of bench-load
    metric: str = "GBps"  # key of the result that counts
    unit: str = "GB/s"
    less_is_better: bool = False
    vms: int = 1
    quick: bool = True   # part of --quick
    pairs: bool = True   # means something without a daemon
    also: tuple = field(default=())  # more keys worth a column


def stream(name, title, *args, **more):
    return Case(name, title, tuple(args), **more)


def round_trip(name, title, *args, metric="p50_us", **more):
    also = ("p90_us", "p99_us", "p999_us")
    return Case(name, title, ("--flow", "rr", *args), metric, "us", True,
                also=also, **more)


def in_flight(name, title, *args, **more):
    return Case(name, title, ("--flow", "rr", *args), "per_sec", "/s",
                also=("p50_us", "p99_us"), **more)


CASES = [
    stream("h64k", "to the host, 64 KiB in fragments"),
    stream("h64k-linear", "to the host, 64 KiB linear", "--linear"),
    stream("h4k", "to the host, 4 KiB", "--size", "4096"),
    stream("h1k", "to the host, 1 KiB", "--size", "1024"),
    stream("h64", "to the host, 64 B", "--size", "64"),
    stream("g64k", "to the guest, 64 KiB writes", "--flow", "to-guest"),
    round_trip("rr64", "round trip of 64 B", "--size", "64"),
]
