"""What elegy has to reach: promises about its figures, and about their ratios to its peers'."""

from dataclasses import dataclass
from statistics import median
from typing import Optional

import tables
from runs import Results, best_peer, ratios, values


@dataclass
class Bar:
    """A promise about a figure of elegy's, or about its ratio to a peer's; "best" is the peer with
    the least median."""

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


def churn_bars(workload: str) -> list[Bar]:
    times = ["ns_per_op", "p999_us", "p9999_us"]
    return ([Bar(workload, metric, 1, peer=peer) for metric in times for peer in ("bdw", "best")]
            + [Bar(workload, "peak_rss_mb", 1, peer="bdw")])


BARS = [
    Bar("start", "process_ms", 2, peer="bdw"),
    Bar("start", "peak_rss_mb", 2, peer="bdw"),
    Bar("alloc32", "ns_per_op", 2, peer="jvm", may_equal=True),
    Bar("binary-trees", "seconds", 1, peer="bdw"),
    Bar("binary-trees", "seconds", 1, peer="shared_ptr"),
    *churn_bars("churn-64"),
    *churn_bars("churn-256"),
    *churn_bars("churn-1024"),
    Bar("churn-64", "longest_delay_us", 1000),
    Bar("churn-1024", "longest_delay_us", 1000),
    Bar("finalize", "register_ns", 1, peer="bdw"),
    Bar("finalize", "ns_per_op", 1, peer="bdw"),
    Bar("finalize", "register_ns", 1, peer="jvm"),
    Bar("finalize", "ns_per_op", 1, peer="jvm"),
    Bar("deref", "ns_per_op", 1, peer="cppgc"),
    Bar("ephemeron", "insert_ns", 1, peer="cppgc"),
    Bar("ephemeron", "lookup_ns", 1, peer="cppgc"),
    Bar("ephemeron", "collect_ms", 1, peer="cppgc"),
    Bar("mark", "ns_per_op", 1, peer="cppgc"),
]


def measured_for(bar: Bar, results: Results) -> list[float]:
    by_peer = results.get(bar.workload, {})
    elegy = by_peer.get("elegy", [])
    if bar.peer is None:
        return values(elegy, bar.metric)
    peer = best_peer(by_peer, bar.metric) if bar.peer == "best" else bar.peer
    return ratios(elegy, by_peer.get(peer, []), bar.metric)


def table(results: Results) -> tuple[list[str], bool]:
    """The bars that were measured, and whether all of them are met, by the median."""
    rows = []
    all_met = True
    for bar in BARS:
        measured = measured_for(bar, results)
        if not measured:
            continue
        met = bar.holds(median(measured))
        all_met = all_met and met
        rows.append([bar.text(), tables.summary(measured), "met" if met else "**not met**"])
    if not rows:
        return [], True
    return ["## Bars", ""] + tables.table(["bar", "measured", ""], rows), all_met
