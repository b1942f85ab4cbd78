"""What elegy has to reach: promises about its figures, and about their ratios to its peers'."""

from dataclasses import dataclass
from statistics import median
from typing import Optional

import peers
import tables
from runs import Results, Run, best_peer, peers_of, ratios, values


@dataclass
class Bar:
    """A promise about a figure of elegy's, or about its ratio to a peer's; "best" is the peer with
    the least median, "noise" the machine without any collector."""

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
    return [Bar(workload, "ns_per_op", 0.9, peer="bdw", may_equal=True),
            *[Bar(workload, metric, 1, peer="best", may_equal=True)
              for metric in ("p999_us", "p9999_us")],
            Bar(workload, "max_us", 2, peer="noise", may_equal=True),
            Bar(workload, "longest_delay_us", 1000),
            Bar(workload, "allocation_stall_max_us", 1000),
            Bar(workload, "peak_rss_mb", 1, peer="bdw", may_equal=True)]


BARS = [
    Bar("start", "process_ms", 3, may_equal=True),
    Bar("start", "peak_rss_mb", 8, may_equal=True),
    *[Bar(workload, metric, 1, peer="jvm", may_equal=True)
      for workload, metric in (("alloc32", "ns_per_op"), ("binary-trees", "seconds"),
                               ("binary-trees-mt", "seconds"), ("gcbench", "seconds"))],
    Bar("binary-trees", "seconds", 1, peer="bdw"),
    Bar("binary-trees", "seconds", 1, peer="shared_ptr"),
    Bar("binary-trees", "peak_rss_mb", 1.5, peer="bdw", may_equal=True),
    *churn_bars("churn-64"),
    *churn_bars("churn-256"),
    *churn_bars("churn-1024"),
    Bar("finalize", "register_ns", 30, may_equal=True),
    Bar("finalize", "ns_per_op", 60, may_equal=True),
    Bar("finalize-beside", "longest_ratio", 2, may_equal=True),
    Bar("deref", "ns_per_op", 1.3, peer="cppgc", may_equal=True),
    *[Bar("ephemeron", metric, 1, peer="cppgc", may_equal=True)
      for metric in ("insert_ns", "lookup_ns", "collect_ms")],
    Bar("mark", "ns_per_op", 0.5, peer="cppgc", may_equal=True),
    Bar(peers.TWO_MARKERS, "ns_per_op", 0.5, peer="cppgc", may_equal=True),
]


def ran(bar: Bar, by_peer: dict[str, list[Run]]) -> bool:
    """Whether all that the bar takes has run, with success or without."""
    peer_ran = bool(peers_of(by_peer)) if bar.peer == "best" else bar.peer in (None, *by_peer)
    return "elegy" in by_peer and peer_ran


def judge(bar: Bar, by_peer: dict[str, list[Run]]) -> tuple[str, bool]:
    """What was measured, and whether it meets the bar, by the median."""
    peer = best_peer(by_peer, bar.metric) if bar.peer == "best" else bar.peer
    if bar.peer is None:
        measured = values(by_peer["elegy"], bar.metric)
    else:
        measured = ratios(by_peer["elegy"], by_peer.get(peer, []), bar.metric)
    if not measured:
        return "not measured", False
    text = tables.summary(measured)
    note = tables.run_note(by_peer, peer) if peer else ""
    if note or bar.peer == "best":
        text += f", {peer}{note}"
    return text, bar.holds(median(measured))


def table(results: Results) -> tuple[list[str], bool]:
    """The bars whose programs have run, and whether all of them are met."""
    rows = []
    all_met = True
    for bar in BARS:
        by_peer = results.get(bar.workload, {})
        if not ran(bar, by_peer):
            continue
        measured, met = judge(bar, by_peer)
        all_met = all_met and met
        rows.append([bar.text(), measured, "met" if met else "**not met**"])
    if not rows:
        return [], True
    return ["## Bars", ""] + tables.table(["bar", "measured", ""], rows), all_met
