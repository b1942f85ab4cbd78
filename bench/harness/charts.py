"""Which of the results are drawn, and as what."""

from collections.abc import Callable

from peers import ALL_WORKLOADS, CHURN_MT_MIB, CHURN_NODE_BYTES, GROWING, family, size
from plots import COLORS, Panel, bar_panels, curve_panels, time_panels
from runs import MemoryCurve, Results, Run, label, median_of, metrics_of, peers_of

QUANTILES = {"p50_us": "50 %", "p99_us": "99 %", "p999_us": "99.9 %", "p9999_us": "99.99 %",
             "max_us": "longest"}
# Whose memory is drawn against time.
MEMORY_WORKLOADS = ["binary-trees", "churn-64", "churn-256", "fragment-10"]
MEDIANS = "Medians; below 1, to the left, a program takes less than elegy."


def programs(by_peer: dict[str, list[Run]]) -> list[str]:
    """In the order of the legend."""
    return [name for name in COLORS if name == "elegy" or name in peers_of(by_peer)]


def without_scaling(results: Results) -> Results:
    """Without the sizes that are drawn as a series only."""
    return {workload: by_peer for workload, by_peer in results.items() if workload in ALL_WORKLOADS}


def times(results: Results) -> str:
    panels = []
    for workload, by_peer in without_scaling(results).items():
        metric = metrics_of(workload)[0]
        elegy = median_of(by_peer["elegy"], metric)
        medians = {peer: median_of(by_peer[peer], metric) for peer in programs(by_peer)}
        bars = {peer: [figure / elegy] for peer, figure in medians.items()
                if peer != "elegy" and figure and elegy}
        if bars:
            panels.append(Panel(f"{workload}: {label(workload, metric)}", bars))
    return bar_panels("Time, relative to elegy's", MEDIANS + " Logarithmic.",
                      "program / elegy", panels, baseline=1) if panels else ""


def memory(results: Results) -> str:
    panels = []
    for workload, by_peer in without_scaling(results).items():
        medians = {name: median_of(by_peer[name], "peak_rss_mb") for name in programs(by_peer)}
        bars = {name: [figure] for name, figure in medians.items() if figure}
        if len(bars) > 1:
            panels.append(Panel(workload, bars))
    return bar_panels("Peak memory", "Medians of the whole process, with its runtime.", "MiB",
                      panels) if panels else ""


def memory_over_time(memory: dict[str, dict[str, MemoryCurve]]) -> str:
    """Cut where elegy has long ended: a slow peer would make a dot of it."""
    panels = []
    for workload in MEMORY_WORKLOADS:
        curves = memory.get(workload, {})
        if not curves.get("elegy"):
            continue
        end = 2 * curves["elegy"][-1][0]
        shown = {name: [point for point in curves[name] if point[0] <= end]
                 for name in COLORS if curves.get(name)}
        panels.append((workload, shown))
    return time_panels("Memory in the course of a run",
                       "Of one process, from its start, with all its rounds; cut at twice elegy's "
                       "time.", "s", "MiB", panels) if panels else ""


def delays(results: Results) -> str:
    """Of single operations under churn."""
    panels = []
    for workload in sizes_of(without_scaling(results), "churn"):
        by_peer = results[workload]
        curves = {name: [median_of(by_peer[name], metric) for metric in QUANTILES]
                  for name in programs(by_peer)}
        curves["machine"] = [median_of(by_peer["noise"], metric) for metric in QUANTILES]
        panels.append((Panel(f"{size(workload)} MiB live", curves), "µs (logarithmic)"))
    return curve_panels("How long an operation takes under churn",
                        "Medians of runs; machine: gaps that a loop reading the clock saw, without "
                        "any collector.", "share of operations at or below",
                        list(QUANTILES.values()), panels) if panels else ""


def sizes_of(results: Results, workload_family: str) -> list[str]:
    """The family's workloads that have a size, by size."""
    return sorted((workload for workload in results if family(workload) == workload_family
                   and size(workload) > 0), key=size)


def heap_scaling(results: Results) -> str:
    """elegy's delay is what its heap says; the longest operation is seen from outside."""
    workloads = sizes_of(results, "churn")
    if len(workloads) < 3:
        return ""
    panels = [(series(results, workloads, "Time per allocated byte", "ns_per_op",
                      lambda ns, _: ns / CHURN_NODE_BYTES), "ns (logarithmic)"),
              (series(results, workloads, "elegy's longest delay of a mutator", "longest_delay_us"),
               "µs (logarithmic)"),
              (series(results, workloads, "Longest operation", "max_us"), "µs (logarithmic)"),
              (series(results, workloads, "Peak memory", "peak_rss_mb"), "MiB (logarithmic)")]
    return curve_panels("Churn, by the size of the live heap", "Medians of runs.", "live, MiB",
                        [str(size(workload)) for workload in workloads], measured(panels))


def fragmentation(results: Results) -> str:
    workloads = sizes_of(results, "fragment")
    if len(workloads) < 3:
        return ""
    panels = [(series(results, workloads, "Peak memory for what is live", "memory_ratio"),
               "ratio (logarithmic)"),
              (series(results, workloads, "Time per object", "ns_per_op"), "ns (logarithmic)")]
    return curve_panels("Sizes that change over time, by what outlives its size",
                        "Medians of runs; 64 MiB of each size, and what is left of the others.",
                        "survivors, %", [str(size(workload)) for workload in workloads],
                        measured(panels))


def thread_scaling(results: Results, workload_family: str, title: str,
                   panels_of: Callable[[list[str]], list[tuple[Panel, str]]]) -> str:
    workloads = sizes_of(results, workload_family)
    if len(workloads) < 3:
        return ""
    return curve_panels(f"{title}, by the number of mutators",
                        "Medians of runs; the same work, shared out.", "mutators",
                        [str(size(workload)) for workload in workloads],
                        measured(panels_of(workloads)))


def tree_threads(results: Results) -> str:
    return thread_scaling(results, "binary-trees-mt", "Binary trees", lambda workloads: [
        (series(results, workloads, "Time", "seconds"), "s (logarithmic)"),
        (series(results, workloads, "Peak memory", "peak_rss_mb"), "MiB (logarithmic)")])


def churn_threads(results: Results) -> str:
    return thread_scaling(results, "churn-mt", f"Churn of {CHURN_MT_MIB} MiB", lambda workloads: [
        (series(results, workloads, "Throughput", "ns_per_op", lambda ns, _: 1e3 / ns),
         "million operations a second (logarithmic)"),
        (series(results, workloads, "99.99 % of operations", "p9999_us"), "µs (logarithmic)"),
        (series(results, workloads, "Longest operation", "max_us"), "µs (logarithmic)")])


def growth(results: Results, title: str, metrics: list[tuple[str, str, str]]) -> str:
    """A panel for each workload and metric that is to grow no faster than the objects."""
    sizes = sorted({size(workload) for workload in results
                    if family(workload) in GROWING and size(workload) > 0})
    if len(sizes) < 3:
        return ""
    panels = []
    for name, metric, panel in metrics:
        workloads = [f"{name}-{count}" for count in sizes]
        for_each = ((lambda ms, count: ms * 1e6 / count) if metric == "collect_ms" else
                    (lambda ns, _: ns))
        panels.append((series(results, workloads, panel, metric, for_each), "ns (logarithmic)"))
    return curve_panels(title, "Medians of runs.", "objects", [f"{count:,}" for count in sizes],
                        measured(panels)) if measured(panels) else ""


def operations(results: Results) -> str:
    return growth(results, "Time for each object, by how many there are",
                  [("finalize", "register_ns", "Registering"),
                   ("finalize", "ns_per_op", "From drop to callback"),
                   ("deref", "ns_per_op", "Reading a weak reference"),
                   ("ephemeron", "lookup_ns", "Look-up in a weak map")])


def cycles(results: Results) -> str:
    return growth(results, "One collection's time for each object, by how many there are",
                  [("deref", "collect_ms", "Live weak references"),
                   ("finalize", "collect_ms", "Records that come due"),
                   ("ephemeron", "collect_ms", "Weak map, half of it dead")])


def series(results: Results, workloads: list[str], title: str, metric: str,
           convert: Callable[[float, int], float] = lambda figure, _: figure) -> Panel:
    """The metric's medians, converted, of each program; none where it was not measured."""
    curves: dict[str, list[float | None]] = {}
    for index, workload in enumerate(workloads):
        by_peer = results.get(workload, {})
        for name in programs(by_peer):
            figure = median_of(by_peer.get(name, []), metric)
            curve = curves.setdefault(name, [None] * len(workloads))
            curve[index] = convert(figure, size(workload)) if figure else None
    return Panel(title, {name: curve for name, curve in curves.items() if any(curve)})


def measured(panels: list[tuple[Panel, str]]) -> list[tuple[Panel, str]]:
    return [(panel, unit) for panel, unit in panels if panel.values]


def all_charts(results: Results,
               memory_curves: dict[str, dict[str, MemoryCurve]]) -> dict[str, tuple[str, str]]:
    """By file name: what the picture shows, in words, and the picture, empty if there is none."""
    return {
        "times.svg": ("Time of each program relative to elegy's, by workload", times(results)),
        "delays.svg": ("Quantiles of the time of an operation under churn", delays(results)),
        "memory.svg": ("Peak memory by workload", memory(results)),
        "memory_over_time.svg": ("Memory in the course of a run", memory_over_time(memory_curves)),
        "heap_scaling.svg": ("Churn by the size of the live heap", heap_scaling(results)),
        "tree_threads.svg": ("Binary trees by the number of mutators", tree_threads(results)),
        "churn_threads.svg": ("Churn by the number of mutators", churn_threads(results)),
        "fragmentation.svg": ("Memory by what outlives its size", fragmentation(results)),
        "growth.svg": ("Time for each object by how many there are", operations(results)),
        "cycles.svg": ("A collection's time for each object by how many there are",
                       cycles(results)),
    }
