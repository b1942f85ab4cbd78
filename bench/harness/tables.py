"""Turns the results of runs taken in turn into Markdown: medians, ranges and ratios."""

from statistics import median

from peers import ALL_WORKLOADS, MULTI_MAPPED
from runs import (Results, Run, best_peer, label, median_of, metrics_of, peers_of, ratio_to,
                  values)


def number(value: float) -> str:
    return f"{value:.0f}" if value >= 1000 else f"{value:.3g}"


def summary(figures: list[float]) -> str:
    if not figures:
        return "–"
    if len(figures) == 1:
        return number(figures[0])
    return f"{number(median(figures))} ({number(min(figures))}–{number(max(figures))})"


def cell(runs: list[Run], metric: str) -> str:
    if runs and not any(runs):
        return "failed"
    text = summary(values(runs, metric))
    is_time = metric in ("seconds", "ns_per_op")
    if is_time and any(len(run) > 1 for run in runs):
        text += f", first round {number(median(values(runs, metric, 0)))}"
    return text


def row(cells: list[str]) -> str:
    return "| " + " | ".join(cells) + " |"


def table(header: list[str], rows: list[list[str]]) -> list[str]:
    return [row(header), row(["---"] * len(header))] + [row(cells) for cells in rows] + [""]


def ratio_text(by_peer: dict[str, list[Run]], peer: str | None, metric: str) -> str:
    ratio = ratio_to(by_peer, peer, metric) if peer else None
    return "–" if ratio is None else number(ratio)


def named(workload: str, changed: set[str]) -> str:
    """With an asterisk if the workload is of earlier sources or versions."""
    return workload + r" \*" if workload in changed else workload


def overview(results: Results, changed: set[str]) -> list[str]:
    """By each workload's first metric, elegy's ratio to its best peer and to all. Sizes that belong
    to a series are left to its picture and to the tables below."""
    results = {name: by_peer for name, by_peer in results.items() if name in ALL_WORKLOADS}
    names = list(dict.fromkeys(peer for by_peer in results.values() for peer in peers_of(by_peer)))
    if not names:
        return []
    rows = []
    for workload, by_peer in results.items():
        metric = metrics_of(workload)[0]
        best = best_peer(by_peer, metric)
        rows.append([named(workload, changed), label(workload, metric),
                     summary(values(by_peer["elegy"], metric)),
                     f"{ratio_text(by_peer, best, metric)} ({best})" if best else "–"]
                    + [ratio_text(by_peer, peer, metric) for peer in names])
    return ["## Overview", "",
            "elegy's figure, and its ratio to the peer with the least median and to each of them. "
            "Below 1, elegy takes less.",
            ""] + table(["workload", "figure", "elegy", "best peer"] + names, rows)


def details(results: Results, changed: set[str]) -> list[str]:
    """A table of each workload: the programs' figures, and elegy's ratio to each."""
    lines = ["## Workloads", "",
             "Median (min–max); a ratio is the median of the ratios of runs side by side. Where a "
             "process measures several rounds, the last one counts, for the memory of a "
             "registration the first. Processor time is that of the whole process, with all rounds "
             "and with what comes before the measured part. A program that ran less often than "
             "elegy has its number of runs beside its name, and so have runs that failed. The "
             "memory of "
             f"{', '.join(MULTI_MAPPED)} is not known: its heap is mapped three times, and the "
             "kernel counts each time.", ""]
    for workload, by_peer in results.items():
        metrics = [metric for metric in metrics_of(workload)
                   if any(values(runs, metric) for runs in by_peer.values())]
        header = ["program"]
        for metric in metrics:
            header += [label(workload, metric), "elegy / it"]
        rows = []
        for name in ["elegy"] + peers_of(by_peer):
            cells = [name + run_note(by_peer, name)]
            for metric in metrics:
                cells += [cell(by_peer[name], metric), ratio_text(by_peer, name, metric)
                          if name != "elegy" else ""]
            rows.append(cells)
        lines += [f"### {named(workload, changed)}", "", "`" + rerun(workload, by_peer) + "`", ""]
        lines += table(header, rows)
    return lines


def run_note(by_peer: dict[str, list[Run]], name: str) -> str:
    """How often the program ran, if not as often as elegy, and how many of its runs failed."""
    count, failed = len(by_peer[name]), by_peer[name].count([])
    notes = []
    if count != len(by_peer["elegy"]):
        notes.append(f"{count} run{'s' if count > 1 else ''}")
    if failed:
        notes.append(f"{failed} of {count} failed")
    return f" ({', '.join(notes)})" if notes else ""


def rerun(workload: str, by_peer: dict[str, list[Run]]) -> str:
    most = len(by_peer["elegy"])
    turns = [str(most)] + [f"{name}={len(by_peer[name])}" for name in peers_of(by_peer)
                           if len(by_peer[name]) < most]
    return (f"tools/bench --workloads {workload} --peers {','.join(peers_of(by_peer)) or 'none'} "
            f"--runs {','.join(turns)}")


def better_peers(by_peer: dict[str, list[Run]], metric: str) -> str:
    """Those with less than elegy, and by how much, the best first."""
    found = {peer: ratio_to(by_peer, peer, metric) for peer in peers_of(by_peer)}
    better = {peer: ratio for peer, ratio in found.items() if ratio and ratio > 1}
    by_size = sorted(better, key=lambda peer: -better[peer])
    return ", ".join(f"{number(better[peer])} × {peer}'s" for peer in by_size)


def losses(results: Results) -> list[str]:
    """Every figure by which a peer is better than elegy, processor time apart."""
    figures, processor_times = [], []
    for workload, by_peer in results.items():
        for metric in metrics_of(workload):
            better = better_peers(by_peer, metric)
            if better and metric == "cpu_s":
                processor_times.append(f"* {workload}: {better}")
            elif better:
                figures.append(f"* {workload}, {label(workload, metric)}: {better}")
    return ["## Where elegy loses", "", *(figures or ["Nowhere."]), "",
            "By the processor time of the whole process, all rounds and threads:", "",
            *(processor_times or ["Nowhere."]), ""]


def delays(results: Results) -> list[str]:
    rows = []
    for workload, by_peer in results.items():
        runs = by_peer.get("elegy", [])
        noise = by_peer.get("noise", [])
        if not median_of(runs, "cycles"):
            continue
        rows.append([workload] + [summary(values(runs, metric)) for metric in
                                  ("cycles", "longest_delay_us", "delay_p999_us",
                                   "allocation_stall_max_us")]
                    + [summary(values(noise, "max_us"))])
    if not rows:
        return []
    return ["## How long elegy kept a mutator from its work", "",
            "The heap's own statistics: the longest single answer to the collector, without the "
            "sleep after it where mutators outnumber cores, and the "
            "longest allocation that had to help or wait for it, by the clock. Beside them the "
            "longest gap that a clock loop saw on the machine without any collector.",
            ""] + table(["workload", "cycles", "longest delay, µs", "99.9 %, µs",
                         "longest allocation stall, µs",
                         "the machine's longest gap, µs"], rows)


def noise_floor(run: Run) -> str:
    if not run:
        return "The noise program failed."
    figures = run[-1]
    return ("The machine without any collector: a loop that reads the clock for "
            f"{figures['seconds']:.2g} s saw gaps of up to {figures['max_us']:.0f} µs; 99.99 % "
            f"were below {figures['p9999_us']:.2g} µs.")
