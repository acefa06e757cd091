# SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
"""Medians, spread and ratios of what was measured, as text."""

import statistics


def derive(case, result):
    """Figures that follow from what bench-load counted."""
    if "error" in result or not result.get("secs"):
        return result
    if case.conns and result.get("open_secs"):
        result["open_per_sec"] = case.conns / result["open_secs"]
        result["bytes_per_conn"] = result["anonymous"] / case.conns
        result["sleeps_per_sec"] = result["sleeps"] / result["secs"]
    gigabytes = result["bytes"] / 1e9
    result["per_sec"] = result["messages"] / result["secs"]
    if result.get("sibling_bytes") and gigabytes:
        result["sibling_share"] = result["sibling_bytes"] / result["bytes"]
    if gigabytes:
        result["cpu_per_GB"] = result["cpu_secs"] / gigabytes
        result["all_cpu_per_GB"] = (result["cpu_secs"]
                                    + result["load_cpu_secs"]) / gigabytes
        for count in ("kicks", "calls", "wakeups", "packets_sent",
                      "packets_received", "updates"):
            if count in result:
                result[count + "_per_MB"] = result[count] / gigabytes / 1e3
    if result["messages"]:
        result["cpu_us_per_message"] = (1e6 * result["cpu_secs"]
                                        / result["messages"])
    return result


def values(results, key):
    return [r[key] for r in results
            if "error" not in r and not r.get("stalled") and key in r]


def failure(results):
    """Why a contestant has no figure, or None."""
    for result in results:
        if "error" in result:
            return result["error"]
        if result.get("stalled"):
            return "stalls"
    return None


def hopeless(results):
    """Whether it has only failed, twice: another run tells nothing new."""
    return len(results) > 1 and not values(results, "secs")


def median(results, key):
    found = values(results, key)
    return statistics.median(found) if found else None


def spread(results, key):
    """Half of the distance between the quartiles, in percent of the median."""
    found = sorted(values(results, key))
    if len(found) < 4 or not statistics.median(found):
        return None
    low, _, high = statistics.quantiles(found, n=4)
    return 50 * (high - low) / statistics.median(found)


def number(value, digits=3):
    if value is None:
        return "-"
    if value >= 1000:
        return f"{value:,.0f}"
    return f"{value:.{digits}g}"


def cell(results, case):
    why = failure(results)
    middle = median(results, case.metric)
    if middle is None:
        return why or "-"
    width = spread(results, case.metric)
    text = number(middle)
    if width is not None:
        text += f" ±{width:.0f} %"
    return f"{text} ({why} at times)" if why else text


def best(results, case):
    """The best figure: what the machine gave when it was least disturbed."""
    found = values(results, case.metric)
    if not found:
        return None
    return min(found) if case.less_is_better else max(found)


def ratio(of, to, case):
    a, b = median(of, case.metric), median(to, case.metric)
    return a / b if a and b else None


def best_ratio(of, to, case):
    a, b = best(of, case), best(to, case)
    return a / b if a and b else None


def table(rows):
    """Markdown with columns padded for people."""
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]

    def line(row):
        return "| " + " | ".join(c.ljust(w) for c, w in zip(row, widths)) + " |"

    rule = "|" + "|".join("-" * (w + 2) for w in widths) + "|"
    return "\n".join([line(rows[0]), rule, *map(line, rows[1:])])


def main_table(cases, names, results):
    """Each case's figure for each contestant, and ours against the others."""
    ours = names[0]
    others = [n for n in names[1:]]
    rows = [["case", "unit", *names,
             *(f"{ours} : {n} (best)" for n in others)]]
    for case in cases:
        of = results[case.name]
        row = [case.title, case.unit]
        row += [cell(of.get(n, []), case) for n in names]
        for n in others:
            pair = of.get(ours, []), of.get(n, []), case
            row.append(f"{number(ratio(*pair))} ({number(best_ratio(*pair))})")
        rows.append(row)
    return table(rows)


DETAILS = [("cpu_per_GB", "CPU s/GB"), ("all_cpu_per_GB", "all CPU s/GB"),
           ("cpu_us_per_message", "CPU us/msg"),
           ("sibling_share", "to siblings"),
           ("per_sec", "msg/s"), ("p50_us", "p50 us"), ("p90_us", "p90 us"),
           ("p99_us", "p99 us"), ("p999_us", "p99.9 us"),
           ("kicks_per_MB", "kicks/MB"), ("calls_per_MB", "calls/MB"),
           ("wakeups_per_MB", "guest wakes/MB"),
           ("packets_sent_per_MB", "TX pkt/MB"),
           ("packets_received_per_MB", "RX pkt/MB"),
           ("updates_per_MB", "guest updates/MB"),
           ("bytes_per_conn", "B/conn"), ("sleeps_per_sec", "sleeps/s")]


def detail_table(cases, names, results):
    """All other figures, without those that a case does not have."""
    blocks = []
    for case in cases:
        found = {n: results[case.name].get(n, []) for n in names}
        columns = [(k, t) for k, t in DETAILS
                   if any(median(found[n], k) for n in names)]
        rows = [["", *(t for _, t in columns)]]
        rows += [[n, *(number(median(found[n], k)) for k, _ in columns)]
                 for n in names]
        blocks.append(f"### {case.title} (`{case.name}`)\n\n{table(rows)}")
    return "\n\n".join(blocks)


LATENCIES = (("p50_us", "p50"), ("p90_us", "p90"), ("p99_us", "p99"),
             ("p999_us", "p99.9"))


def latency_table(cases, names, results):
    """The distribution of round trips, one line for each contestant."""
    rows = [["case", "contestant", *(title for _, title in LATENCIES)]]
    for case in cases:
        for name in names:
            of = results[case.name].get(name, [])
            if case.metric == "p50_us" and values(of, "p50_us"):
                rows.append([case.title, name, *(
                    number(median(of, key)) for key, _ in LATENCIES)])
    return table(rows) if len(rows) > 1 else ""


def cpu_table(cases, names, results):
    """What the daemons alone used: for a GB, or for a message."""
    names = [n for n in names if any(
        median(of.get(n, []), "cpu_secs") for of in results.values())]
    rows = [["case", "unit", *names,
             *(f"{names[0]} : {n}" for n in names[1:])]]
    for case in cases:
        per_message = case.metric in ("p50_us", "per_sec")
        key = "cpu_us_per_message" if per_message else "cpu_per_GB"
        found = [median(results[case.name].get(n, []), key) for n in names]
        if not any(found) or case.series:
            continue
        rows.append([case.title, "us" if per_message else "s/GB",
                     *map(number, found),
                     *(number(found[0] / v if v and found[0] else None)
                       for v in found[1:])])
    return table(rows) if len(rows) > 1 else ""


def base_table(cases, names, results):
    """How cases keep up with the simpler ones they derive from."""
    by_name = {c.name: c for c in cases}
    rows = [["case", "against", *names]]
    for case in cases:
        if case.base not in by_name:
            continue
        base = by_name[case.base]
        rows.append([case.title, base.title,
                     *(number(ratio(results[case.name].get(n, []),
                                    results[base.name].get(n, []), case))
                       for n in names)])
    return table(rows) if len(rows) > 1 else ""


def self_table(comparisons, cases, names, results):
    """What contestants reach in one case of what they reach in another."""
    rows = [["compared with itself", "figure", *names]]
    suffixes = ("", "-crowded") if any(c.crowd for c in cases) else ("",)
    for comparison, suffix in [(c, s) for c in comparisons for s in suffixes]:
        of = results.get(comparison.case + suffix, {})
        to = results.get(comparison.against + suffix, {})
        if not of or not to:
            continue
        row = [comparison.title + suffix.replace("-", "; "), comparison.key]
        for name in names:
            a = median(of.get(name, []), comparison.key)
            b = median(to.get(name, []), comparison.key)
            row.append(number(a / b) if a and b else "-")
        rows.append(row)
    return table(rows) if len(rows) > 1 else ""


def crowded_table(cases, names, results):
    """What is left of each figure where every core has other work."""
    rows = [["case", "unit", *(f"{n}: quiet, crowded (ratio)"
                               for n in names)]]
    for case in cases:
        if not case.quiet:
            continue
        row = [case.title.removesuffix("; crowded"), case.unit]
        for name in names:
            quiet = results[case.quiet].get(name, [])
            crowd = results[case.name].get(name, [])
            row.append(f"{number(median(quiet, case.metric))}, "
                       f"{number(median(crowd, case.metric))} "
                       f"({number(ratio(crowd, quiet, case))})")
        rows.append(row)
    return table(rows) if len(rows) > 1 else ""


def check_table(cases, names, checks):
    """Which contestants delivered the right bytes."""
    rows = [["case", *names]]
    for case in cases:
        if case.name in checks:
            rows.append([case.title,
                         *(checks[case.name].get(n, "-") for n in names)])
    return table(rows) if len(rows) > 1 else ""


def compare_table(cases, names, results, old):
    """This run's medians against an earlier one's, new : old."""
    rows = [["case", "figure", *names]]
    for case in cases:
        before = old.get(case.name, {})
        for key in (case.metric, "cpu_per_GB", "all_cpu_per_GB"):
            cells = []
            for name in names:
                a = median(results[case.name].get(name, []), key)
                b = median(before.get(name, []), key)
                cells.append(number(a / b) if a and b else "-")
            if set(cells) != {"-"}:
                rows.append([case.title, key, *cells])
    return table(rows) if len(rows) > 1 else ""
