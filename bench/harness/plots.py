# SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
"""Pictures of the results, by gnuplot, as SVG and PNG."""

import shutil
import subprocess

from harness import report

TERMINALS = {"svg": "svg size 1000,560 dynamic background 'white'",
             "png": "pngcairo size 1000,560"}


def quoted(text):
    return '"' + text.replace('"', "'") + '"'


def draw(out, name, commands):
    for suffix, terminal in TERMINALS.items():
        script = (f"set terminal {terminal}\n"
                  f"set output {quoted(str(out / (name + '.' + suffix)))}\n"
                  + commands)
        done = subprocess.run(["gnuplot"], input=script, text=True,
                              capture_output=True, check=False)
        if done.returncode:
            return done.stderr.strip().splitlines()[-1]
    return None


def block(name, rows):
    body = "\n".join(" ".join(map(str, row)) for row in rows)
    return f"${name} << EOD\n{body}\nEOD\n"


def bars(out, file, cases, names, results):
    """Throughput of all CASES that are measured in GB/s."""
    shown = [c for c in cases if c.metric == "GBps" and not c.series]
    if not shown:
        return None
    rows = [[quoted(c.name), *(report.median(results[c.name].get(n, []),
                                             c.metric) or 0 for n in names)]
            for c in shown]
    plots = ", ".join(f"$data using {i + 2}:xtic(1) title {quoted(n)}"
                      for i, n in enumerate(names))
    return draw(out, file, block("data", rows)
                + "set style data histograms\nset style fill solid 0.8\n"
                "set style histogram clustered gap 1\n"
                "set xtics rotate by -40 noenhanced\nset key noenhanced\n"
                "set ylabel 'GB/s'\nset grid ytics\nset yrange [0:*]\n"
                f"plot {plots}\n")


def lines(out, series, cases, names, results):
    """How a figure changes with connections, VMs or workers."""
    blocks, plots = "", []
    for i, name in enumerate(names):
        rows = [(c.x, report.median(results[c.name].get(name, []), c.metric))
                for c in cases]
        rows = [r for r in rows if r[1]]
        if rows:
            blocks += block(f"d{i}", rows)
            plots.append(f"$d{i} with linespoints lw 2 title {quoted(name)}")
    if not plots:
        return None
    file = series.replace(":", "").replace(",", "").replace(" ", "-")
    return draw(out, file, blocks
                + "set logscale x\nset yrange [0:*]\nset grid\n"
                "set key noenhanced\n"
                f"set title {quoted(series)}\nset ylabel "
                f"{quoted(cases[0].unit)}\n"
                f"plot {', '.join(plots)}\n")


def all_plots(out, cases, names, results):
    """Writes what can be drawn; returns why something could not, or None."""
    if not shutil.which("gnuplot"):
        return "no plots: gnuplot is not installed"
    why = None
    for file, crowd in (("throughput", False), ("throughput-crowded", True)):
        why = bars(out, file, [c for c in cases if c.crowd == crowd], names,
                   results) or why
    for series in dict.fromkeys(c.series for c in cases if c.series):
        points = [c for c in cases if c.series == series]
        why = lines(out, series, points, names, results) or why
    return why
