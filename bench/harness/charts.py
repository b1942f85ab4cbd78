"""Which of the results are drawn, and as what."""

from peers import ALL_WORKLOADS, CHURN_MT_MIB, GROWING, family, size
from plots import COLORS, Panel, bar_panels, curve_panels, time_panels
from runs import MemoryCurve, Results, Run, label, median_of, metrics_of, peers_of

QUANTILES = {"p50_us": "50 %", "p99_us": "99 %", "p999_us": "99.9 %", "p9999_us": "99.99 %",
             "max_us": "longest"}
# Whose memory is drawn against time.
MEMORY_WORKLOADS = ["binary-trees", "churn-64", "churn-256"]
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
    for workload in churns(without_scaling(results)):
        by_peer = results[workload]
        curves = {name: [median_of(by_peer[name], metric) for metric in QUANTILES]
                  for name in programs(by_peer)}
        curves["machine"] = [median_of(by_peer["noise"], metric) for metric in QUANTILES]
        panels.append((Panel(f"{size(workload)} MiB live", curves), "µs (logarithmic)"))
    return curve_panels("How long an operation takes under churn",
                        "Medians of runs; machine: gaps that a loop reading the clock saw, without "
                        "any collector.", "share of operations at or below",
                        list(QUANTILES.values()), panels) if panels else ""


def churns(results: Results) -> list[str]:
    found = [workload for workload in results if family(workload) == "churn"]
    return sorted(found, key=size)


def heap_scaling(results: Results) -> str:
    workloads = churns(results)
    if len(workloads) < 3:
        return ""
    panels = [(series(results, workloads, "Time per operation", "ns_per_op"), "ns (logarithmic)"),
              (series(results, workloads, "Longest operation", "max_us"), "µs (logarithmic)"),
              (series(results, workloads, "Peak memory", "peak_rss_mb"), "MiB (logarithmic)")]
    return curve_panels("Churn, by the size of the live heap", "Medians of runs.", "live, MiB",
                        [str(size(workload)) for workload in workloads], panels)


def thread_scaling(results: Results, workload_family: str, title: str,
                   metrics: dict[str, tuple[str, str]]) -> str:
    """A panel for each metric, with its title and unit."""
    workloads = sorted((workload for workload in results if family(workload) == workload_family
                        and size(workload) > 0), key=size)
    if len(workloads) < 3:
        return ""
    panels = [(series(results, workloads, panel, metric), f"{unit} (logarithmic)")
              for metric, (panel, unit) in metrics.items()]
    return curve_panels(f"{title}, by the number of mutators",
                        "Medians of runs; the same work, shared out.", "mutators",
                        [str(size(workload)) for workload in workloads], panels)


def tree_threads(results: Results) -> str:
    return thread_scaling(results, "binary-trees-mt", "Binary trees",
                          {"seconds": ("Time", "s"), "peak_rss_mb": ("Peak memory", "MiB")})


def churn_threads(results: Results) -> str:
    return thread_scaling(results, "churn-mt", f"Churn of {CHURN_MT_MIB} MiB",
                          {"ns_per_op": ("Time per operation", "ns"),
                           "p9999_us": ("99.99 % of operations", "µs"),
                           "max_us": ("Longest operation", "µs")})


def growth(results: Results) -> str:
    """A panel for each operation that is to take the same time however many objects there are."""
    sizes = sorted({size(workload) for workload in results
                    if family(workload) in GROWING and size(workload) > 0})
    if len(sizes) < 3:
        return ""
    panels = []
    for name, metric, title in (("finalize", "register_ns", "Registering"),
                                ("finalize", "ns_per_op", "From drop to callback"),
                                ("deref", "ns_per_op", "Reading a weak reference"),
                                ("ephemeron", "lookup_ns", "Look-up in a weak map"),
                                ("ephemeron", "collect_ms", "Collection of a weak map")):
        workloads = [f"{name}-{count}" for count in sizes]
        panel = series(results, workloads, title, metric)
        if metric == "collect_ms":
            panel.values = {program: [ms and ms * 1e6 / count for ms, count in zip(curve, sizes)]
                            for program, curve in panel.values.items()}
        if any(any(curve) for curve in panel.values.values()):
            panels.append((panel, "ns (logarithmic)"))
    return curve_panels("Time for each object, by how many there are", "Medians of runs.", "objects",
                        [f"{count:,}" for count in sizes], panels)


def series(results: Results, workloads: list[str], title: str, metric: str) -> Panel:
    """The workloads that were not measured have no values."""
    measured = [results.get(workload, {}) for workload in workloads]
    names = dict.fromkeys(name for by_peer in measured for name in programs(by_peer))
    return Panel(title, {name: [median_of(by_peer.get(name, []), metric) for by_peer in measured]
                         for name in names})


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
        "growth.svg": ("Time for each object by how many there are", growth(results)),
    }
