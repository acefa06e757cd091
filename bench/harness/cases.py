# SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
"""The table of cases: what is loaded how, and which figure counts.

A case is in one of three sets: QUICK ones are also in --quick, DEFAULT ones
are run without arguments, FULL ones with --all or when they are named.
"""

import os
import resource
from dataclasses import dataclass, replace

QUICK, DEFAULT, FULL = "quick", "default", "full"
WANTED_DESCRIPTORS = 24000


def descriptors():
    """Raises the limit on descriptors as far as possible, and returns it."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    for limit in (max(hard, WANTED_DESCRIPTORS), hard):
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (limit, limit))
            return limit
        except (ValueError, OSError):
            pass
    return resource.getrlimit(resource.RLIMIT_NOFILE)[0]


# Socket pairs, and some contestants, need two descriptors each.
MANY = min(10000, (descriptors() - 200) // 2)

SIZES = {"64": 64, "1k": 1024, "4k": 4096, "64k": 65536, "1m": 1048576}
TITLES = {"64": "64 B", "1k": "1 KiB", "4k": "4 KiB", "64k": "64 KiB",
          "1m": "1 MiB"}
WAYS = {"h": ("to the host", "to-host"), "g": ("to the guest", "to-guest")}
CONNS = (1, 10, 100, 1000, MANY)
WORKERS = tuple(n for n in (1, 2, 4, 8, 16) if n <= (os.cpu_count() or 1))


@dataclass(frozen=True)
class Case:
    name: str             # for --only and for files
    title: str            # for people
    args: tuple           # of bench-load
    metric: str = "GBps"  # key of the result that counts
    unit: str = "GB/s"
    less_is_better: bool = False
    vms: int = 1
    set: str = QUICK
    pairs: bool = True    # makes sense on plain socket pairs
    check: bool = True    # contents can be compared
    base: str = ""        # the case that this one should keep up with
    series: str = ""      # points of one line in a plot
    x: int = 0            # where on it
    daemon: str = ""      # options for daemons that take ours
    secs: float = 0       # at least so long, but for --quick
    zero: bool = False    # anything but 0 is a failure of ours
    crowd: bool = False   # every core has other work beside it
    quiet: str = ""       # the same case without that

    @property
    def conns(self):
        """Connections that are opened in all, if they are counted."""
        if ("--conns" not in self.args or "crr" in self.args
                or self.siblings):
            return 0
        return int(self.args[self.args.index("--conns") + 1]) * self.vms

    @property
    def messages(self):
        """Whether SOCK_SEQPACKET is needed."""
        return "--messages" in self.args

    @property
    def of_daemon(self):
        """Whether the figure is one of a daemon's process."""
        return self.metric in ("bytes_per_conn", "sleeps_per_sec")

    @property
    def siblings(self):
        """Whether the VMs are connected to each other in pairs."""
        return "--siblings" in self.args


def crowded(cases):
    """Each of CASES, and behind it the same beside other work."""
    names = {c.name for c in cases}
    for case in cases:
        yield case
        if case.zero:
            continue  # it counts wake-ups, which the crowd does not change
        yield replace(
            case, name=f"{case.name}-crowded",
            title=f"{case.title}; crowded", crowd=True, quiet=case.name,
            base=f"{case.base}-crowded" if case.base in names else "",
            series=f"{case.series}, crowded" if case.series else "")


def plural(n, thing):
    return f"{n:,} {thing}" + "s" * (n > 1)


def stream(name, title, *args, conns=1, **more):
    if conns > 1:
        args += ("--conns", str(conns))
    return Case(name, title, args, **more)


def trips(name, title, size, *args, **more):
    return Case(name, title, ("--flow", "rr", "--size", str(size), *args),
                "p50_us", "us", True, **more)


def in_flight(name, conns, **more):
    return Case(name, f"round trips of 64 B, {conns:,} in flight",
                ("--flow", "rr", "--size", "64", "--conns", str(conns)),
                "per_sec", "/s", **more)


def visits(name, programs):
    return Case(name, "connect, request, close: "
                + plural(programs, "program"),
                ("--flow", "crr", "--size", "64", "--conns", str(programs)),
                "per_sec", "/s", pairs=False, check=False)


def idle(name, title, metric, unit, **more):
    return Case(name, title.format(f"{MANY:,}"),
                ("--flow", "idle", "--conns", str(MANY)), metric, unit,
                pairs=False, check=False, **more)


def sizes(way):
    """One connection of one VM, each size of a write."""
    title, flow = WAYS[way]
    return [stream(f"{way}{key}", f"{title}, {TITLES[key]} writes",
                   "--flow", flow, "--size", str(size))
            for key, size in SIZES.items()]


def many(way, key, **more):
    """One size, with 8 and 64 connections, and with 8 and 64 VMs."""
    title, flow = WAYS[way]
    base, title = f"{way}{key}", f"{title}, {TITLES[key]} writes"
    args = "--flow", flow, "--size", str(SIZES[key])
    return [stream(f"{base}-{n}c", f"{title}, {n} connections", *args,
                   conns=n, base=base, **more) for n in (8, 64)] + [
            stream(f"{base}-{n}v", f"{title}, {n} VMs", *args,
                   vms=n, base=base, **more) for n in (8, 64)]


def crowds(way):
    """Many connections in each of many VMs."""
    title, flow = WAYS[way]
    return [stream(f"{way}64k-{c}c{v}v", f"{title}, 64 KiB writes, "
                   f"{v} VMs with {c} connections each", "--flow", flow,
                   conns=c, vms=v, base=f"{way}64k", set=FULL)
            for c in (8, 64) for v in (8, 64)]


def growth(way):
    """How streams grow with connections, VMs and the daemon's workers."""
    title, flow = WAYS[way]
    args = "--flow", flow
    return [
        *(stream(f"{way}-grow-{n}c", f"{title}, {plural(n, 'connection')}",
                 *args, conns=n, set=DEFAULT,
                 series=f"{title}: connections", x=n) for n in CONNS),
        *(stream(f"{way}-grow-{n}v", f"{title}, {plural(n, 'VM')}", *args,
                 vms=n, set=DEFAULT, series=f"{title}: VMs", x=n)
          for n in (1, 4, 16, 64)),
        *(stream(f"{way}-grow-{n}w", f"{title}, 8 VMs, "
                 f"{plural(n, 'worker')}", *args, vms=8, set=DEFAULT,
                 series=f"{title}, 8 VMs: workers", x=n, pairs=False,
                 daemon=f"--workers {n}") for n in WORKERS),
    ]


def trips_growth():
    return [in_flight(f"rr-grow-{n}c", n, set=DEFAULT,
                      series="round trips of 64 B: in flight", x=n)
            for n in CONNS]


def walks():
    """A driver that is not Linux's: bench-load's --driver walk."""
    walk = "--driver", "walk"
    title = "walking driver: "
    return [
        *(stream(f"walk-h64k-{n}c", f"{title}to the host, 64 KiB, "
                 + plural(n, "connection"), *walk, conns=n,
                 base="" if n == 1 else "walk-h64k-1c",
                 set=DEFAULT if n == 8 else QUICK)
          for n in (1, 8, 64)),
        stream("walk-h1k", f"{title}to the host, 1 KiB", *walk, "--size",
               "1024"),
        *(stream(f"walk-g64k-{n}c", f"{title}to the guest, 64 KiB, "
                 + plural(n, "connection"), *walk, "--flow", "to-guest",
                 conns=n, base="" if n == 1 else "walk-g64k-1c",
                 set=DEFAULT if n == 1 else QUICK)
          for n in (1, 64)),
        trips("walk-rr64", f"{title}round trip of 64 B, median", 64, *walk),
    ]


SIBLING_SIZES = {"64": 64, "3k7": 3700, "64k": 65536}
SIBLING_QUICK = {"s64", "s3k7", "s64k", "s64k-both", "srr64", "s3k7-8c",
                 "s3k7-8p", "s3k7-beside", "s64k-both-2w"}


def sibling(name, title, key, *args, conns=1, host=0, twos=1, **more):
    """From the first to the second of every two VMs, and HOST to the host."""
    size = SIBLING_SIZES[key]
    return Case(name, f"between siblings, {size:,} B writes{title}",
                ("--siblings", str(conns), "--conns", str(conns + host),
                 "--size", str(size), *args), vms=2 * twos,
                set=QUICK if name in SIBLING_QUICK else DEFAULT, **more)


def siblings(suffix="", title="", **more):
    """Two VMs: each size, both ways, round trips; 16 VMs."""
    return [
        *(sibling(f"s{key}{suffix}", title, key, **more)
          for key in SIBLING_SIZES),
        *(sibling(f"s{key}-both{suffix}", f", both ways{title}", key,
                  "--flow", "both", **more) for key in ("3k7", "64k")),
        sibling(f"srr64{suffix}", f", round trip, median{title}", "64",
                "--flow", "rr", metric="p50_us", unit="us",
                less_is_better=True, **{"base": "rr64", **more}),
        *(sibling(f"s{key}-8p{suffix}", f", 8 pairs of VMs{title}", key,
                  twos=8, **{"base": f"s{key}", **more})
          for key in ("3k7", "64k")),
    ]


def sibling_crowds(key):
    """Many connections, and a stream to the host beside."""
    return [*(sibling(f"s{key}-{n}c", f", {n} connections", key, conns=n,
                      base=f"s{key}") for n in (8, 64)),
            sibling(f"s{key}-beside", ", and to the host beside", key,
                    host=1, base=f"s{key}")]


def sibling_workers(n):
    """The same with N workers, over which the VMs are spread."""
    return siblings(f"-{n}w", f", {plural(n, 'worker')}", pairs=False,
                    daemon=f"--workers {n}")


def besides(key, who, *args, alone="rr64", vms=1, ways=(
        ("h", "to-host", "to the host"), ("g", "to-guest", "to the guest"))):
    """One light connection beside 63 greedy ones, and these without it."""
    for way, flow, where in ways:
        more = "--flow", flow, "--linear", *args
        light, greedy = f"{key}light-{way}", f"{key}63c-{way}"
        count = [["--siblings", str(n)] * (vms > 1) for n in (64, 63)]
        yield Case(light, f"{who}round trip of 64 B beside 63 streams {where}",
                   (*more, "--conns", "64", "--light", "1", *count[0]),
                   "p50_us", "us", True, vms=vms, base=alone)
        yield Case(greedy, f"{who}63 streams {where}",
                   (*more, "--conns", "63", *count[1]), vms=vms, set=DEFAULT)


SIBLING_WAYS = (("h", "to-host", "to the second"),
                ("g", "to-guest", "to the first"))


def messages():
    """SOCK_SEQPACKET, which not every device offers."""
    return [
        *(Case(f"m{way}64k", f"messages of 64 KiB {title}",
               ("--messages", "--linear", "--flow", flow))
          for way, (title, flow) in WAYS.items()),
        trips("mrr64", "round trip of a message of 64 B, median", 64,
              "--messages"),
        *besides("m", "messages: ", "--messages", alone="mrr64"),
    ]


CASES = [
    *sizes("h"),
    stream("h64k-linear", "to the host, 64 KiB linear", "--linear"),
    *many("h", "64k"),
    stream("h64k-linear-64c", "to the host, 64 KiB linear, 64 connections",
           "--linear", conns=64, base="h64k-linear"),
    *sizes("g"),
    *many("g", "64k"),
    stream("both", "both ways, 64 KiB writes", "--flow", "both"),
    stream("both-linear", "both ways, 64 KiB linear", "--flow", "both",
           "--linear"),
    stream("both-8c", "both ways, 64 KiB linear, 8 connections", "--flow",
           "both", "--linear", conns=8, base="both-linear"),
    stream("both-64c", "both ways, 64 KiB linear, 64 connections", "--flow",
           "both", "--linear", conns=64, base="both-linear", set=DEFAULT),
    stream("both-8v", "both ways, 64 KiB linear, 8 VMs", "--flow", "both",
           "--linear", vms=8, base="both-linear", set=DEFAULT),
    trips("rr1", "round trip of 1 B, median", 1),
    trips("rr64", "round trip of 64 B, median", 64),
    trips("rr4k", "round trip of 4 KiB, median", 4096),
    in_flight("rr64f", 64),
    in_flight("rr1000f", 1000),
    visits("crr", 1),
    visits("crr-8", 8),
    idle("open", "set-up of {} connections", "open_per_sec", "/s"),
    idle("idle", "memory of an idle connection of {}", "bytes_per_conn",
         "B", less_is_better=True),
    idle("idle-wakes", "wake-ups of the daemon with {} idle connections",
         "sleeps_per_sec", "/s", less_is_better=True, secs=3, zero=True,
         set=DEFAULT),
    stream("stalled-h", "to the host, beside a stalled reader", "--stalled",
           "1", "--linear", conns=2, base="h64k-linear"),
    stream("stalled-g", "to the guest, beside a stalled reader", "--flow",
           "to-guest", "--stalled", "1", conns=2, base="g64k"),
    *besides("", ""),
    *messages(),
    stream("active", "to the host, 100 connections", conns=100),
    stream("active-10k", f"to the host, 100 of {MANY:,} connections",
           "--active", "100", conns=MANY, base="active"),
    *walks(),
    *siblings(),
    sibling("s64k-linear", ", linear", "64k", "--linear"),
    *besides("s", "between siblings, ", alone="srr64", vms=2,
             ways=SIBLING_WAYS),
    *sibling_crowds("3k7"),
    *sibling_crowds("64k"),
    *sibling_workers(1),
    *sibling_workers(2),
    *growth("h"),
    *growth("g"),
    *trips_growth(),
    *(case for way in WAYS for key in SIZES if key != "64k"
      for case in many(way, key, set=FULL)),
    *(case for way in WAYS for case in crowds(way)),
]


@dataclass(frozen=True)
class Comparison:
    """One case against another of the same contestant and run."""
    title: str
    case: str
    against: str
    key: str = "GBps"  # of both results


def _lights():
    """What a light connection and greedy ones do to each other."""
    for key, who, alone, one in (
            ("", "host programs", "rr64", {"h": "h64k-linear", "g": "g64k"}),
            ("s", "siblings", "srr64",
             {"h": "s64k-linear", "g": "s64k-linear"}),
            ("m", "messages", "mrr64", {"h": "mh64k", "g": "mg64k"})):
        for way, where in (("h", "to the host"), ("g", "to the guest")):
            if key == "s":
                where = {"h": "to the second", "g": "to the first"}[way]
            light, greedy = f"{key}light-{way}", f"{key}63c-{way}"
            yield Comparison(f"{who}: a round trip beside 63 streams {where} "
                             "takes, of one alone", light, alone, "p50_us")
            yield Comparison("p99 of it", light, alone, "p99_us")
            yield Comparison("the 63 keep beside it, of their throughput "
                             "without it", light, greedy)
            yield Comparison("the 63 without it reach, of one stream",
                             greedy, one[way])


COMPARISONS = [
    *_lights(),
    *(Comparison(f"64 connections reach, of one: {title}", case, one)
      for title, case, one in (
          ("to the host", "h64k-64c", "h64k"),
          ("to the host, linear", "h64k-linear-64c", "h64k-linear"),
          ("to the host, walking driver", "walk-h64k-64c", "walk-h64k-1c"),
          ("to the guest", "g64k-64c", "g64k"))),
    *(Comparison(f"2 workers take, of 1 worker's CPU per GB: 8 VMs, {title}",
                 f"{way}-grow-2w", f"{way}-grow-1w", "cpu_per_GB")
      for way, (title, _) in WAYS.items()),
]
