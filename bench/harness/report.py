# SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
"""Medians, spread and ratios of what was measured, as text."""

import statistics


def derive(result):
    """Figures that follow from what bench-load counted."""
    if "error" in result or not result.get("secs"):
        return result
    gigabytes = result["bytes"] / 1e9
    result["per_sec"] = result["messages"] / result["secs"]
    if gigabytes:
        result["cpu_per_GB"] = result["cpu_secs"] / gigabytes
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


def ratio(of, to, case):
    a, b = median(of, case.metric), median(to, case.metric)
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
    rows = [["case", "unit", *names, *(f"{ours} : {n}" for n in others)]]
    for case in cases:
        of = results[case.name]
        row = [case.title, case.unit]
        row += [cell(of.get(n, []), case) for n in names]
        row += [number(ratio(of.get(ours, []), of.get(n, []), case))
                for n in others]
        rows.append(row)
    return table(rows)


DETAILS = [("cpu_per_GB", "CPU s/GB"), ("cpu_us_per_message", "CPU us/msg"),
           ("per_sec", "msg/s"), ("p50_us", "p50 us"), ("p90_us", "p90 us"),
           ("p99_us", "p99 us"), ("p999_us", "p99.9 us"),
           ("kicks_per_MB", "kicks/MB"), ("calls_per_MB", "calls/MB"),
           ("wakeups_per_MB", "guest wakes/MB"),
           ("packets_sent_per_MB", "TX pkt/MB"),
           ("packets_received_per_MB", "RX pkt/MB"),
           ("updates_per_MB", "guest updates/MB")]


def detail_table(cases, names, results):
    rows = [["case", "contestant", *(title for _, title in DETAILS)]]
    for case in cases:
        for name in names:
            found = results[case.name].get(name, [])
            rows.append([case.name, name,
                         *(number(median(found, key)) for key, _ in DETAILS)])
    return table(rows)
