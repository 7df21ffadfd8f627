#!/usr/bin/env python3
"""report.py LINES DIRECTORY - from what the parts of bench/run measured to DIRECTORY/RESULTS.md and DIRECTORY/results.svg.

LINES holds JSON objects: {"value": NAME, "number": N} and what bench/load prints. Ratios are taken within a round, where both
sides had the same noise, and the median round counts.
"""

import json
import os
import platform
import re
import statistics
import subprocess
import sys

CALLS = ["null", "getattr", "lookup", "access", "readlink"]
READS = ["read64k", "read1m", "small", "whole"]

TITLES = {
    "null": "NULL",
    "getattr": "GETATTR, random nodes",
    "lookup": "LOOKUP, random nodes",
    "access": "ACCESS, random nodes",
    "readlink": "READLINK, random links",
    "read64k": "READ 64 KiB, sequential, large file",
    "read1m": "READ 1 MiB, sequential, large file",
    "small": "READ of whole files up to 64 KiB, random order",
    "whole": "READ of all files whole but the large one, random order",
}

GOALS = {
    "getattr": 0.5, "lookup": 0.5, "access": 0.5, "readlink": 0.5,
    "read64k": 0.8, "read1m": 0.8, "small": 0.4,
}


class Measured:
    """Everything that was measured, by server and workload, one number a round."""

    def __init__(self, path):
        self.runs, self.values = {}, {}
        with open(path, encoding="ascii") as lines:
            for line in map(json.loads, lines):
                if "value" in line:
                    self.values.setdefault(line["value"], []).append(line["number"])
                else:
                    self.runs.setdefault((line["server"], line["workload"]), []).append(line)

    def has(self, server):
        return any(key[0] == server for key in self.runs)

    def all(self, server, workload, field):
        return [run[field] for run in self.runs.get((server, workload), [])]

    def median(self, server, workload, field):
        return statistics.median(self.all(server, workload, field))

    def most(self, server, workload, field):
        return max(self.all(server, workload, field))

    def rates(self, server, workload):
        """Calls, or bytes of data, per CPU second of the server."""
        field = "data" if workload in READS else "calls"
        return [run[field] / run["cpu_ns"] * 1e9 for run in self.runs[(server, workload)]]

    def rate(self, server, workload):
        return statistics.median(self.rates(server, workload))

    def ratio(self, server, other, workload):
        pairs = zip(self.rates(server, workload), self.rates(other, workload))
        return statistics.median(a / b for a, b in pairs)

    def value(self, name):
        return statistics.median(self.values[name])


def table(head, rows):
    align = ["---"] + ["---:"] * (len(head) - 1)
    return "\n".join("| " + " | ".join(cells) + " |" for cells in [head, align, *rows]) + "\n"


def met(reached, text):
    return f"{text} ✓" if reached else f"**{text}**"


def rate_text(m, server, workload):
    if not m.has(server):
        return ""
    rate = m.rate(server, workload)
    return f"{rate / 1e6:,.0f} MB" if workload in READS else f"{rate / 1e3:,.0f} k"


def serving_rows(m):
    for workload in CALLS + READS:
        ratio, goal = m.ratio("one", "limit", workload), GOALS.get(workload)
        text = met(ratio >= goal, f"{ratio:.2f}") if goal else f"{ratio:.2f}"
        ganesha = f"{m.ratio('one', 'ganesha', workload):.1f} ×" if m.has("ganesha") else ""
        if workload == "small" and ganesha:
            ganesha = met(m.ratio("one", "ganesha", workload) >= 10, ganesha)
        wanted = f"≥ {goal}" if goal else ""
        if workload == "small":
            wanted += ", ≥ 10 × ganesha"
        yield [TITLES[workload], rate_text(m, "one", workload), rate_text(m, "limit", workload),
               rate_text(m, "ganesha", workload), text, ganesha, wanted]


def walk_part(m):
    """Each walk beside the NULLs that followed it."""
    def of(server):
        walks, nulls = m.runs[(server, "walk")], m.runs[(server, "nulls")]
        bounds = [1.5 * n["wall_ns"] + 10 * w["data"] for w, n in zip(walks, nulls)]
        part = statistics.median(w["wall_ns"] / b for w, b in zip(walks, bounds))
        return (f"{m.median(server, 'walk', 'wall_ns') / 1e6:.1f} ms", f"{m.median(server, 'nulls', 'wall_ns') / 1e6:.1f} ms",
                part)
    rows = []
    for server, name in (("one", "confuse"), ("ganesha", "nfs-ganesha")):
        if m.has(server):
            walk, nulls, part = of(server)
            rows.append([name, walk, nulls, met(part <= 1, f"{part:.2f}") if server == "one" else f"{part:.2f}", "≤ 1"])
    run = m.runs[("one", "walk")][0]
    return (f"A serial READDIRPLUS walk of {run['entries']:,} nodes ({run['calls']:,} calls, {run['data'] / 1e6:.1f} MB of replies), wall time:\n\n"
            + table(["server", "walk", "as many NULLs", "of 1.5 × NULLs + 10 ns a byte", "goal"], rows))


def two_rows(m):
    def gain(workload, how):
        if not m.has("two-of-8" + how):
            return "not measured"
        gain = 2 * m.ratio("two-of-8" + how, "one-of-8" + how, workload)
        return met(gain >= 1.8, f"{gain:.2f} ×")

    for workload in ("getattr", "read64k", "small"):
        yield [TITLES[workload], gain(workload, "-apart"), gain(workload, ""), "≥ 1.8 ×"]


def milliseconds(ns):
    return f"{ns / 1e6:.1f} ms"


def megabytes(kib):
    return f"{kib * 1024 / 1e6:.0f} MB"


def growth_rows(m):
    walk = m.runs[("versions-64M", "walk")][0]
    small = m.runs[("versions-8M", "walk")][0]
    yield ["RSS after walking 1,000 snapshots × 12,000 files that differ in 10", met(walk["peak_kib"] <= 300e6 / 1024, megabytes(walk["peak_kib"])),
           f"≤ 300 MB; of it {megabytes(walk['anonymous_kib'])} are no mapped files"]
    yield ["the same, 200 of them, with --cache 8M", megabytes(small["peak_kib"]), f"flat; {megabytes(small['anonymous_kib'])} are no mapped files"]
    cold, tenth = (m.runs[(name, "list")][0] for name in ("flat-1000000-cold", "flat-100000-cold"))
    again = m.runs[("flat-1000000", "list")][0]
    growth = cold["wall_ns"] / tenth["wall_ns"]
    yield ["a directory of 1,000,000 entries, nothing cached: the first entry", met(cold["first_ns"] < 5e6, milliseconds(cold["first_ns"])), "< 5 ms"]
    yield ["all of them, and again", f"{milliseconds(cold['wall_ns'])}, {milliseconds(again['wall_ns'])}", ""]
    yield ["as a multiple of 100,000 entries", met(growth < 12, f"{growth:.1f} ×"), "linear: 10 ×"]
    yield ["RSS after it, with --cache 16M", megabytes(again["peak_kib"]), f"bounded; {megabytes(again['anonymous_kib'])} are no mapped files"]
    start = m.value("start_ns")
    yield ["start with 100,000 snapshots, to the first connection", met(start < 100e6, milliseconds(start)), "< 100 ms"]
    many = m.runs[("many", "list")][0]
    yield ["`ls /snap` of them: the first, all", f"{milliseconds(many['first_ns'])}, {milliseconds(many['wall_ns'])}", "streams"]
    touch = m.median("touch", "touch", "wall_ns")
    yield ["first touch of 200,000 files: MNT, GETATTR, 32 LOOKUPs", met(touch < 10e6, milliseconds(touch)), "< 10 ms"]
    rates = [run["calls"] / run["cpu_ns"] for run in m.runs[("alone", "getattr")]]
    beside = [run["calls"] / run["cpu_ns"] for run in m.runs[("beside", "getattr")]]
    kept = statistics.median(b / a for a, b in zip(rates, beside))
    p99 = statistics.median(b / a for a, b in zip(m.all("crowd", "getattr", "p99_ns"), m.all("crowd-silent", "getattr", "p99_ns")))
    yield ["1,800 busy connections: p99 with 200 more that never read, as a multiple", met(p99 < 3, f"{p99:.1f} ×"), "< 3 ×"]
    yield ["RSS with them", megabytes(m.most("crowd-silent", "getattr", "peak_kib")), "bounded: doc/PERFORMANCE.md"]
    yield ["GETATTRs a CPU second beside imports at full speed", met(kept > 0.8, f"{kept:.2f}"), "> 0.8 of those without"]


def importing_rows(m):
    tar, openssl = m.value("tar_cpu"), m.value("openssl_cpu")
    yield ["100 MB of frame", f"{m.value('frame_cpu'):.2f}", f"{100 / m.value('frame_cpu'):.0f} MB a CPU second; again {m.value('frame_again_cpu'):.2f}; store {m.value('frame_store_kib') * 1024 / 1e6:.0f} MB"]
    yield [f"a tar of {m.value('tar_bytes') / 1e6:.0f} MB", f"{tar:.2f}", f"{tar / openssl:.1f} × `openssl dgst -sha256` ({openssl:.2f}); again {m.value('tar_again_cpu'):.2f}"]
    if "ostree_cpu" in m.values:
        ostree = m.value("ostree_cpu")
        yield ["the same by `ostree commit --tree=tar`, bare-user", f"{ostree:.2f}", f"confuse: {tar / ostree:.2f} of it"]
    yield ["a directory, 64 MiB more", f"{m.value('dir_cpu'):.2f}", f"{m.value('dir_cpu') / m.value('sha256sum_cpu'):.1f} × `tar c \\| sha256sum` ({m.value('sha256sum_cpu'):.2f}); again {m.value('dir_again_cpu'):.2f}"]


def processor():
    with open("/proc/cpuinfo", encoding="ascii", errors="replace") as info:
        found = re.search(r"model name\s*: (.*)", info.read())
    return found.group(1) if found else platform.machine()


def ganesha_version():
    shown = subprocess.run(["dpkg-query", "-W", "-f", "${Version}", "nfs-ganesha"], capture_output=True, text=True, check=False)
    return shown.stdout or "unknown"


def results(m):
    beside = f", nfs-ganesha {ganesha_version()} (VFS)" if m.has("ganesha") else ""
    same = [m.runs[(f"verify-{who}", "whole")][0]["hash"] for who in ("one", "ganesha") if m.has(f"verify-{who}")]
    verified = "Both served the same bytes of all files." if len(same) == 2 and same[0] == same[1] else ""
    if len(same) == 2 and same[0] != same[1]:
        verified = "**The bytes that both served differ.**"
    return f"""# Results

Written by `bench/run`; do not edit. {os.cpu_count()} × {processor()}, Linux {platform.release()}{beside}. Medians of {len(m.values['round'])} interleaved rounds. What met its goal has
a ✓, what did not is **bold**. Machines differ and are shared: read ratios, not numbers. Here {m.value('load'):.0f} processes wanted the {os.cpu_count()} processors while it was measured; the
two that are measured are 2 of them, and what others take of the caches costs most who has something to look up.

## Serving

Per CPU second of the server: one worker, 4 connections × 16 calls in flight over loopback, everything warm. *limit* is `bench/limit`, which answers each call with a reply made
beforehand and looks nothing up. {verified}

![confuse and nfs-ganesha as parts of the limit](results.svg)

{table(["what", "confuse", "limit", "nfs-ganesha", "of the limit", "of ganesha", "goal"], serving_rows(m))}
{walk_part(m)}
Two workers, as work done in the time of one CPU each, against one worker; 8 connections × 16 calls for either. Where there are but two processors, the client is a third that wants
them; so once more with the workers on one of them and the client on the other:

{table(["what", "the client apart", "anywhere", "goal"], two_rows(m))}
The idle server has an RSS of {megabytes(m.value('rss_idle_kib'))}.

## How cost grows

{table(["what", "measured", "goal"], growth_rows(m))}
## Importing

CPU seconds, fsync and waiting apart:

{table(["what", "CPU seconds", ""], importing_rows(m))}"""


# --- The chart -------------------------------------------------------------------------------------------------------

WIDTH, LEFT, ROW, BAR = 860, 330, 40, 13


def bar(y, part, colour, label):
    length = max(1, min(part, 1.1) * (WIDTH - LEFT - 90))
    return (f'<rect x="{LEFT}" y="{y}" width="{length:.1f}" height="{BAR}" fill="{colour}"/>'
            f'<text x="{LEFT + length + 6:.1f}" y="{y + 11}" class="s">{label}</text>')


def chart(m):
    shown, parts = CALLS[1:] + READS, []
    scale = WIDTH - LEFT - 90
    for i, workload in enumerate(shown):
        y = 60 + i * ROW
        parts.append(f'<text x="{LEFT - 10}" y="{y + 18}" text-anchor="end">{TITLES[workload].replace(", random order", "").replace(", sequential", "")}</text>')
        part = m.ratio("one", "limit", workload)
        parts.append(bar(y, part, "#2b6cb0", f"{part:.2f}"))
        if m.has("ganesha"):
            other = m.ratio("ganesha", "limit", workload)
            parts.append(bar(y + BAR + 2, other, "#c05621", f"{other:.2f}"))
        if workload in GOALS:
            x = LEFT + GOALS[workload] * scale
            parts.append(f'<line x1="{x}" x2="{x}" y1="{y - 3}" y2="{y + 2 * BAR + 5}" class="g"/>')
    bottom = 60 + len(shown) * ROW
    parts.append(f'<line x1="{LEFT + scale}" x2="{LEFT + scale}" y1="50" y2="{bottom}" class="l"/>'
                 f'<text x="{LEFT + scale}" y="44" text-anchor="middle" class="s">the limit</text>')
    legend = [("#2b6cb0", "confuse, one worker")] + ([("#c05621", "nfs-ganesha")] if m.has("ganesha") else [])
    for i, (colour, name) in enumerate(legend):
        parts.append(f'<rect x="{LEFT + i * 190}" y="12" width="12" height="12" fill="{colour}"/><text x="{LEFT + 18 + i * 190}" y="22">{name}</text>')
    parts.append(f'<line x1="{LEFT + 390}" x2="{LEFT + 390}" y1="10" y2="26" class="g"/><text x="{LEFT + 398}" y="22">goal</text>')
    return (f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {bottom + 30}" font-family="sans-serif" font-size="13">'
            '<style>.s{font-size:11px;fill:#444}.g{stroke:#222;stroke-width:2}.l{stroke:#888;stroke-dasharray:4 3}</style>'
            f'<rect width="{WIDTH}" height="{bottom + 30}" fill="#fff"/>' + "\n".join(parts)
            + f'<text x="{WIDTH - 20}" y="{bottom + 20}" text-anchor="end" class="s">calls, or bytes of READs, per CPU second of the server, as a part of what the limit responder does</text></svg>\n')


def main():
    measured = Measured(sys.argv[1])
    with open(os.path.join(sys.argv[2], "RESULTS.md"), "w", encoding="utf-8") as out:
        out.write(results(measured))
    with open(os.path.join(sys.argv[2], "results.svg"), "w", encoding="utf-8") as out:
        out.write(chart(measured))


if __name__ == "__main__":
    main()
