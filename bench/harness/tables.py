"""Turns the results of runs taken in turn into Markdown: medians, ranges, ratios and bars."""

from dataclasses import dataclass
from statistics import median
from typing import Optional

from peers import family

# One run of one program: the lines it printed, one for each round in the process.
Run = list[dict]
# results[workload][peer] has one entry for each turn; an entry is empty if the run failed.
Results = dict[str, dict[str, list[Run]]]

METRICS = {
    "start": ["process_ms"],
    "binary-trees": ["seconds"],
    "binary-trees-mt": ["seconds"],
    "gcbench": ["seconds"],
    "churn": ["ns_per_op", "p999_us", "p9999_us", "max_us"],
    "finalize": ["ns_per_op", "register_ns"],
    "ephemeron": ["insert_ns", "lookup_ns", "collect_ms"],
    "ephemeron-chain": ["entry_ns", "death_ns"],
}
METRICS_OF_ALL = ["cpu_s", "peak_rss_mb"]


@dataclass
class Bar:
    """A promise about a figure of elegy's, or about its ratio to a peer's."""

    workload: str
    metric: str
    limit: float
    peer: Optional[str] = None
    may_equal: bool = False

    def holds(self, value: float) -> bool:
        return value <= self.limit if self.may_equal else value < self.limit

    def text(self) -> str:
        what = f"elegy / {self.peer}" if self.peer else "elegy"
        sign = "≤" if self.may_equal else "<"
        return f"{self.workload}, {self.metric}: {what} {sign} {self.limit:g}"


BARS = [
    Bar("alloc32", "ns_per_op", 2, peer="jvm", may_equal=True),
    Bar("binary-trees", "seconds", 1, peer="bdw"),
    Bar("binary-trees", "seconds", 1, peer="shared_ptr"),
    Bar("churn-64", "longest_delay_us", 1000),
    Bar("churn-1024", "longest_delay_us", 1000),
]


def metrics_of(workload: str) -> list[str]:
    return METRICS.get(family(workload), ["ns_per_op"]) + METRICS_OF_ALL


def values(runs: list[Run], metric: str, round_index: int = -1) -> list[float]:
    """The metric in the last round of each run that has it."""
    return [run[round_index][metric] for run in runs if run and metric in run[round_index]]


def ratios(runs: list[Run], peer_runs: list[Run], metric: str) -> list[float]:
    """The ratios of the runs that stood side by side."""
    pairs = zip(runs, peer_runs)
    return [a[-1][metric] / b[-1][metric] for a, b in pairs
            if a and b and metric in a[-1] and b[-1].get(metric)]


def number(value: float) -> str:
    return f"{value:.0f}" if value >= 1000 else f"{value:.3g}"


def summary(figures: list[float]) -> str:
    if not figures:
        return "–"
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


def comparison(results: Results, peers: list[str]) -> list[str]:
    header = ["workload", "figure", "elegy"]
    for peer in peers:
        header += [peer, f"elegy / {peer}"]
    rows = []
    for workload, by_peer in results.items():
        elegy = by_peer.get("elegy", [])
        for metric in metrics_of(workload):
            cells = [workload, metric, cell(elegy, metric)]
            for peer in peers:
                peer_runs = by_peer.get(peer, [])
                paired = ratios(elegy, peer_runs, metric)
                cells += [cell(peer_runs, metric), number(median(paired)) if paired else "–"]
            rows.append(cells)
    return ["## Workloads", "",
            "Median (min–max); a ratio is the median of the ratios of runs side by side. Where a "
            "process measures several rounds, the last one counts. cpu_s is that of the whole "
            "process, with all rounds and with what comes before the measured part.",
            ""] + table(header, rows)


def delays(results: Results) -> list[str]:
    rows = []
    for workload, by_peer in results.items():
        runs = by_peer.get("elegy", [])
        noise = by_peer.get("noise", [])
        rows.append([workload] + [summary(values(runs, metric)) for metric in
                                  ("cycles", "longest_delay_us", "delay_p999_us",
                                   "allocation_stall_max_us")]
                    + [summary(values(noise, "max_us"))])
    return ["## How long elegy kept a mutator from its work", "",
            "The heap's own statistics: the longest single answer to the collector, and the longest "
            "allocation that had to help or wait for it, by the clock. Beside them the longest gap "
            "that a clock loop saw on the machine without any collector.",
            ""] + table(["workload", "cycles", "longest delay, µs", "99.9 %, µs",
                         "longest allocation stall, µs",
                         "the machine's longest gap, µs"], rows)


def bar_values(results: Results, bar: Bar) -> list[float]:
    by_peer = results.get(bar.workload, {})
    elegy = by_peer.get("elegy", [])
    if bar.peer:
        return ratios(elegy, by_peer.get(bar.peer, []), bar.metric)
    return values(elegy, bar.metric)


def bars(results: Results) -> tuple[list[str], bool]:
    """The bars that were measured, and whether all of them are met, by the median."""
    rows = []
    all_met = True
    for bar in BARS:
        measured = bar_values(results, bar)
        if not measured:
            continue
        met = bar.holds(median(measured))
        all_met = all_met and met
        rows.append([bar.text(), summary(measured), "met" if met else "**not met**"])
    if not rows:
        return [], True
    return ["## Bars", ""] + table(["bar", "measured", ""], rows), all_met


def noise_floor(run: Run) -> str:
    if not run:
        return "The noise program failed."
    figures = run[-1]
    return ("The machine without any collector: a loop that reads the clock for "
            f"{figures['seconds']:.2g} s saw gaps of up to {figures['max_us']:.0f} µs; 99.99 % "
            f"were below {figures['p9999_us']:.2g} µs.")

