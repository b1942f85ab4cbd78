"""What runs have measured: which figures count for a workload, their medians and their ratios."""

from statistics import median

from peers import family

# One run of one program: the lines it printed for the first and the last round in the process.
Run = list[dict]
# results[workload][peer] has one entry for each turn; an entry is empty if the run failed.
Results = dict[str, dict[str, list[Run]]]

# The resident memory of one process: seconds since its start, and MiB.
MemoryCurve = list[tuple[float, float]]

# The first of a workload's metrics is the one to compare it by.
METRICS = {
    "start": ["process_ms"],
    "start-static": ["process_ms"],
    "binary-trees": ["seconds"],
    "binary-trees-mt": ["seconds"],
    "gcbench": ["seconds"],
    "churn": ["ns_per_op", "p999_us", "p9999_us", "max_us"],
    "churn-mt": ["ns_per_op", "p999_us", "p9999_us", "max_us"],
    "fragment": ["ns_per_op", "memory_ratio"],
    "finalize": ["ns_per_op", "register_ns", "make_and_register_ns", "collect_ms",
                 "bytes_per_registration"],
    "finalize-beside": ["longest_ratio", "with_max_us", "without_max_us", "with_p9999_us",
                        "without_p9999_us"],
    "deref": ["ns_per_op", "collect_ms"],
    "deref-persistent": ["ns_per_op", "collect_ms"],
    "ephemeron": ["insert_ns", "lookup_ns", "collect_ms"],
    "ephemeron-chain": ["entry_ns", "death_ns"],
}
# In the first round of a process: later ones find the memory that it has left.
FIRST_ROUND_METRICS = ["bytes_per_registration"]
METRICS_OF_ALL = ["cpu_s", "peak_rss_mb"]
MEMORY_METRICS = ["peak_rss_mb", "memory_ratio"]

LABELS = {
    "process_ms": "whole process, ms",
    "seconds": "time, s",
    "ns_per_op": "time per operation, ns",
    "p999_us": "99.9 % of operations, µs",
    "p9999_us": "99.99 %, µs",
    "max_us": "longest, µs",
    "memory_ratio": "peak memory / what is live",
    "register_ns": "registering, ns",
    "make_and_register_ns": "making and registering, ns",
    "bytes_per_registration": "memory of a registration, bytes",
    "longest_ratio": "longest operation, with callbacks / without",
    "with_max_us": "longest with, µs",
    "without_max_us": "longest without, µs",
    "with_p9999_us": "99.99 % with, µs",
    "without_p9999_us": "99.99 % without, µs",
    "insert_ns": "insertion, ns",
    "lookup_ns": "look-up, ns",
    "collect_ms": "collection, ms",
    "entry_ns": "living entry, ns",
    "death_ns": "dying entry, ns",
    "cpu_s": "processor time, s",
    "peak_rss_mb": "peak memory, MiB",
}


def without_memory(runs: list[Run]) -> list[Run]:
    return [[{metric: figure for metric, figure in line.items() if metric not in MEMORY_METRICS}
             for line in run] for run in runs]


def metrics_of(workload: str) -> list[str]:
    return METRICS.get(family(workload), ["ns_per_op"]) + METRICS_OF_ALL


def label(workload: str, metric: str) -> str:
    if family(workload) == "finalize" and metric == "ns_per_op":
        return "drop to callback, ns"
    return LABELS[metric]


def round_that_counts(metric: str) -> int:
    return 0 if metric in FIRST_ROUND_METRICS else -1


def values(runs: list[Run], metric: str, round_index: int | None = None) -> list[float]:
    """The metric of each run that has it, in the round that counts or in the one asked for."""
    index = round_that_counts(metric) if round_index is None else round_index
    return [run[index][metric] for run in runs if run and metric in run[index]]


def median_of(runs: list[Run], metric: str) -> float | None:
    figures = values(runs, metric)
    return median(figures) if figures else None


def ratios(runs: list[Run], peer_runs: list[Run], metric: str) -> list[float]:
    """The ratios of the runs that stood side by side; where one ran less often, of the medians."""
    own, peers = median_of(runs, metric), median_of(peer_runs, metric)
    if len(runs) != len(peer_runs):
        return [own / peers] if own is not None and peers else []
    index = round_that_counts(metric)
    pairs = zip(runs, peer_runs)
    return [a[index][metric] / b[index][metric] for a, b in pairs
            if a and b and metric in a[index] and b[index].get(metric)]


def peers_of(by_peer: dict[str, list[Run]]) -> list[str]:
    return [name for name in by_peer if name not in ("elegy", "noise")]


def ratio_to(by_peer: dict[str, list[Run]], peer: str, metric: str) -> float | None:
    paired = ratios(by_peer.get("elegy", []), by_peer.get(peer, []), metric)
    return median(paired) if paired else None


def best_peer(by_peer: dict[str, list[Run]], metric: str) -> str | None:
    """The peer with the least median."""
    medians = {peer: median_of(by_peer[peer], metric) for peer in peers_of(by_peer)}
    measured = [peer for peer, figure in medians.items() if figure is not None]
    return min(measured, key=lambda peer: medians[peer], default=None)
