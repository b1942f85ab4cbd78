"""The README's table: some rows of the page, with elegy's ratios to some peers."""

from pathlib import Path

from runs import Results, Run, ratio_to, values
from store import Record
from tables import number, summary, table

PEERS = {"bdw": "BDWGC", "shared_ptr": "`shared_ptr`", "jvm": "JVM 17 Parallel", "cppgc": "cppgc"}

# What a row is called, the workload, the metric.
ROWS = [
    ("32-byte allocation, ns", "alloc32", "ns_per_op"),
    ("binary trees, depth 18, s", "binary-trees", "seconds"),
    ("— peak memory, MiB", "binary-trees", "peak_rss_mb"),
    ("— two mutators, s", "binary-trees-mt", "seconds"),
    ("GCBench, s", "gcbench", "seconds"),
    ("churn of 64 MiB, ns an operation", "churn-64", "ns_per_op"),
    ("— the longest operation, µs", "churn-64", "max_us"),
    ("churn of 256 MiB, ns an operation", "churn-256", "ns_per_op"),
    ("— the longest operation, µs", "churn-256", "max_us"),
    ("— eight mutators, ns an operation", "churn-mt-8", "ns_per_op"),
    ("— the longest operation, µs", "churn-mt-8", "max_us"),
    ("churn of 1 GiB, ns an operation", "churn-1024", "ns_per_op"),
    ("— the longest operation, µs", "churn-1024", "max_us"),
    ("objects whose size changes, ns an object", "fragment-10", "ns_per_op"),
    ("from a target's death to its callback, ns", "finalize", "ns_per_op"),
    ("reading a `WeakRef`, ns", "deref", "ns_per_op"),
    ("reading a `WeakPersistent`, ns", "deref-persistent", "ns_per_op"),
    ("weak map: insertion, ns", "ephemeron", "insert_ns"),
    ("— look-up, ns", "ephemeron", "lookup_ns"),
    ("— collection, ms", "ephemeron", "collect_ms"),
    ("one full collection (one marker each; the JVM compacts), ns an object", "mark", "ns_per_op"),
    ("— two markers each", "mark-two-markers", "ns_per_op"),
    ("a process with a heap and an object, ms", "start", "process_ms"),
]


def ratio_text(by_peer: dict[str, list[Run]], peer: str, metric: str) -> str:
    ratio = ratio_to(by_peer, peer, metric)
    if ratio is None:
        return ""
    return number(ratio) if ratio >= 0.0001 else f"{ratio:.5f}"


def rows(results: Results) -> list[str]:
    cells = []
    for name, workload, metric in ROWS:
        by_peer = results.get(workload)
        if by_peer:
            cells.append([name, summary(values(by_peer["elegy"], metric)),
                          *(ratio_text(by_peer, peer, metric) for peer in PEERS)])
    return table(["workload", "elegy", *(f"elegy / {name}" for name in PEERS.values())], cells)


def write(file: Path, record: Record) -> None:
    """In place of the table that the file has."""
    lines = file.read_text().split("\n")
    new = rows(record.results())[:-1]  # without the empty line behind it
    begin = next((i for i, line in enumerate(lines) if line.startswith("| workload | elegy |")), -1)
    if begin < 0:
        raise SystemExit(f"{file} has no such table")
    end = begin
    while end < len(lines) and lines[end].startswith("|"):
        end += 1
    file.write_text("\n".join(lines[:begin] + new + lines[end:]))
