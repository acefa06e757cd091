# SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
"""The table of cases: what is loaded how, and which figure counts."""

import resource
from dataclasses import dataclass

# Socket pairs, and some contestants, need two descriptors each.
MANY = min(10000, (resource.getrlimit(resource.RLIMIT_NOFILE)[1] - 200) // 2)

SIZES = {"64": 64, "1k": 1024, "4k": 4096, "64k": 65536, "1m": 1048576}
TITLES = {"64": "64 B", "1k": "1 KiB", "4k": "4 KiB", "64k": "64 KiB",
          "1m": "1 MiB"}


@dataclass(frozen=True)
class Case:
    name: str             # for --only and for files
    title: str            # for people
    args: tuple           # of bench-load
    metric: str = "GBps"  # key of the result that counts
    unit: str = "GB/s"
    less_is_better: bool = False
    vms: int = 1
    quick: bool = True    # part of --quick
    pairs: bool = True    # makes sense on plain socket pairs
    check: bool = True    # contents can be compared
    base: str = ""        # the case that this one should keep up with
    series: str = ""      # points of one line in a plot
    x: int = 0            # where on it

    @property
    def conns(self):
        """Connections that are opened in all, if they are counted."""
        if "--conns" not in self.args or "crr" in self.args:
            return 0
        return int(self.args[self.args.index("--conns") + 1]) * self.vms


def stream(name, title, *args, conns=1, **more):
    if conns > 1:
        args += ("--conns", str(conns))
    return Case(name, title, args, **more)


def trips(name, title, size, *args, **more):
    return Case(name, title, ("--flow", "rr", "--size", str(size), *args),
                "p50_us", "us", True, **more)


def in_flight(conns):
    return Case(f"rr{conns}f", f"round trips of 64 B, {conns} in flight",
                ("--flow", "rr", "--size", "64", "--conns", str(conns)),
                "per_sec", "/s")


def visits(name, programs):
    title = f"connect, request, close: {programs} program"
    return Case(name, title + "s" * (programs > 1),
                ("--flow", "crr", "--size", "64", "--conns", str(programs)),
                "per_sec", "/s", pairs=False, check=False)


def sizes(prefix, direction, flow):
    return [stream(f"{prefix}{key}", f"{direction}, {TITLES[key]} writes",
                   "--flow", flow, "--size", str(size))
            for key, size in SIZES.items()]


def many(prefix, direction, flow):
    title = f"{direction}, 64 KiB writes"
    base = f"{prefix}64k"
    by_conns = [stream(f"{base}-{n}c", f"{title}, {n} connections", "--flow",
                       flow, conns=n, base=base) for n in (8, 64)]
    by_vms = [stream(f"{base}-{n}v", f"{title}, {n} VMs", "--flow", flow,
                     vms=n, base=base) for n in (8, 64)]
    return by_conns + by_vms


def growth(prefix, direction, flow):
    by_conns = [stream(f"{prefix}-grow-{n}c", f"{direction}, {n} connections",
                       "--flow", flow, conns=n, quick=False,
                       series=f"{direction}: connections", x=n)
                for n in (1, 10, 100, 1000, MANY)]
    by_vms = [stream(f"{prefix}-grow-{n}v", f"{direction}, {n} VMs",
                     "--flow", flow, vms=n, quick=False,
                     series=f"{direction}: VMs", x=n)
              for n in (1, 4, 16, 64)]
    return by_conns + by_vms


CASES = [
    *sizes("h", "to the host", "to-host"),
    stream("h64k-linear", "to the host, 64 KiB linear", "--linear"),
    *many("h", "to the host", "to-host"),
    stream("h64k-linear-64c", "to the host, 64 KiB linear, 64 connections",
           "--linear", conns=64, base="h64k-linear"),
    *sizes("g", "to the guest", "to-guest"),
    *many("g", "to the guest", "to-guest"),
    stream("both", "both ways, 64 KiB linear", "--flow", "both", "--linear"),
    stream("both-8c", "both ways, 64 KiB linear, 8 connections", "--flow",
           "both", "--linear", conns=8),
    trips("rr1", "round trip of 1 B, median", 1),
    trips("rr64", "round trip of 64 B, median", 64),
    trips("rr4k", "round trip of 4 KiB, median", 4096),
    in_flight(64),
    in_flight(1000),
    visits("crr", 1),
    visits("crr-8", 8),
    Case("open", f"set-up of {MANY:,} connections",
         ("--flow", "idle", "--conns", str(MANY)), "open_per_sec", "/s",
         pairs=False, check=False),
    Case("idle", f"memory of an idle connection of {MANY:,}",
         ("--flow", "idle", "--conns", str(MANY)), "bytes_per_conn", "B",
         True, pairs=False, check=False),
    stream("stalled-h", "to the host, beside a stalled reader", "--stalled",
           "1", "--linear", conns=2, base="h64k-linear"),
    stream("stalled-g", "to the guest, beside a stalled reader", "--flow",
           "to-guest", "--stalled", "1", conns=2, base="g64k"),
    Case("light-g", "round trip of 64 B beside 63 streams to the guest",
         ("--flow", "to-guest", "--conns", "64", "--light", "1"),
         "p50_us", "us", True, base="rr64"),
    Case("light-h", "round trip of 64 B beside 63 streams to the host",
         ("--flow", "to-host", "--conns", "64", "--light", "1", "--linear"),
         "p50_us", "us", True, base="rr64"),
    stream("active", "to the host, 100 connections", conns=100),
    stream("active-10k", f"to the host, 100 of {MANY:,} connections",
           "--active", "100", conns=MANY, base="active"),
    *growth("h", "to the host", "to-host"),
    *growth("g", "to the guest", "to-guest"),
]
