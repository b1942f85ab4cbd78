"""The programs to compare: how each is started for a workload, and which workloads it has."""

import os
from dataclasses import dataclass, field
from pathlib import Path

# churn stands for churn-L with any number L of MiB.
COMMON = ["alloc32", "binary-trees", "binary-trees-mt", "gcbench", "churn"]
ALL_WORKLOADS = ["alloc32", "binary-trees", "binary-trees-mt", "gcbench", "churn-64", "churn-256",
                 "churn-1024", "finalize", "deref", "ephemeron", "ephemeron-chain", "mark"]

# Sizes that take a moment: for trying the programs, not for measuring.
QUICK_FLAGS = {
    "alloc32": ["--objects=200000"],
    "binary-trees": ["--depth=10"],
    "binary-trees-mt": ["--depth=10"],
    "gcbench": ["--depth=12"],
    "churn": ["--operations=20000", "--max_heap_mib=0"],
    "finalize": ["--objects=10000"],
    "deref": ["--objects=10000", "--passes=2"],
    "ephemeron": ["--objects=10000"],
    "ephemeron-chain": ["--objects=10000", "--passes=2"],
    "mark": ["--objects=50000"],
}


def family(workload: str) -> str:
    """The workload's name without churn's size."""
    return "churn" if workload.startswith("churn-") else workload


@dataclass
class Peer:
    name: str
    workloads: list[str]
    program: list[str]
    environment: dict[str, str] = field(default_factory=dict)
    java_collector: str = ""

    def has(self, workload: str) -> bool:
        return family(workload) in self.workloads

    def command(self, workload: str, quick: bool) -> list[str]:
        arguments = [family(workload)]
        if arguments[0] == "churn":
            arguments.append(workload.removeprefix("churn-"))
        if quick:
            arguments += QUICK_FLAGS[family(workload)]
        return self.program[:1] + self._java_options(workload) + self.program[1:] + arguments

    def _java_options(self, workload: str) -> list[str]:
        if not self.java_collector:
            return []
        heap_mib = 3072 if workload == "mark" else 1024
        if workload.startswith("churn-"):
            factor = 3.5 if self.java_collector == "UseZGC" else 2.5
            heap_mib = int(int(workload.removeprefix("churn-")) * factor)
        return [f"-XX:+{self.java_collector}", f"-Xmx{heap_mib}m", f"-Dpeer={self.name}"]


def all_peers(build_dir: Path) -> dict[str, Peer]:
    """Every program by its name, elegy first. A name does not say that the program is built."""
    bench = build_dir / "bench"
    shared_ptr = [str(bench / "bench_peer_shared_ptr")]
    jar = ["java", "-cp", str(bench / "bench_peer_jvm.jar"), "Bench"]
    collector_workloads = COMMON + ["finalize", "deref", "mark"]
    peers = [
        Peer("elegy", COMMON + ["finalize", "deref", "ephemeron", "ephemeron-chain", "mark"],
             [str(bench / "elegy_workloads")]),
        Peer("bdw", collector_workloads, [str(bench / "bench_peer_bdw")],
             {"GC_MARKERS": str(os.cpu_count())}),
        Peer("shared_ptr", COMMON + ["finalize", "deref"], shared_ptr),
        Peer("shared_ptr-mimalloc", COMMON + ["finalize", "deref"], shared_ptr,
             {"LD_PRELOAD": "libmimalloc.so.2"}),
        Peer("jvm", collector_workloads, jar, java_collector="UseParallelGC"),
        Peer("jvm-g1", collector_workloads, jar, java_collector="UseG1GC"),
        Peer("jvm-zgc", collector_workloads, jar, java_collector="UseZGC"),
        Peer("jvm-shenandoah", collector_workloads, jar, java_collector="UseShenandoahGC"),
    ]
    return {peer.name: peer for peer in peers}
