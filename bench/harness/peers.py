"""The programs to compare: how each is started for a workload, and which workloads it has."""

import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Callable

# churn-L stands for any number L of MiB, binary-trees-mt-N and churn-mt-N for any number N of
# mutators; these share out churn-256's nodes. finalize-N, deref-N and ephemeron-N have N objects.
# In fragment-N, N % of the objects of a size outlive the others.
CHURN_MT_MIB = 256
CHURN_NODE_BYTES = 48
ALLOCATION = ["alloc32", "binary-trees", "gcbench", "start"]
# start, by a program linked with archives alone.
STATIC = "start-static"
COMMON = ALLOCATION + ["binary-trees-mt", "churn", "churn-mt", "fragment"]
# Peers that map their heap several times: the kernel counts its memory once for each mapping.
MULTI_MAPPED = ["jvm-zgc"]
# mark with as many markers as those of its peers that mark with all cores have on two of them.
TWO_MARKERS = "mark-two-markers"
# Every peer measures these in several rounds, so that the last one finds its heap grown.
STEADY = [
    "alloc32", "binary-trees", "binary-trees-mt", "gcbench", "churn", "churn-mt", "fragment",
    "finalize"
]
ALL_WORKLOADS = ["start", STATIC, "alloc32", "binary-trees", "binary-trees-mt", "gcbench",
                 "churn-64", "churn-256", "churn-1024", "fragment-10", "finalize", "finalize-beside",
                 "deref", "deref-persistent", "ephemeron", "ephemeron-chain", "mark", TWO_MARKERS]
# Those that share out the trees of binary-trees evenly.
TREE_MUTATORS = [1, 2, 4, 8, 16]
# Further sizes, for the pictures of how elegy and its peers scale.
SCALING_WORKLOADS = ["churn-16", "churn-4096",
                     *[f"binary-trees-mt-{mutators}" for mutators in TREE_MUTATORS],
                     *[f"churn-mt-{mutators}" for mutators in (1, 2, 4, 8, 16, 32, 64)],
                     "fragment-1", "fragment-3", "fragment-30"]
GROWING = ["finalize", "deref", "ephemeron"]
GROWTH_WORKLOADS = [f"{name}-{10 ** power}" for name in GROWING for power in range(3, 8)]

# Sizes that take a moment: for trying the programs, not for measuring.
QUICK_FLAGS = {
    "start": [],
    STATIC: [],
    "alloc32": ["--objects=200000"],
    "binary-trees": ["--depth=10"],
    "binary-trees-mt": ["--depth=10"],
    "gcbench": ["--depth=12"],
    "churn": ["--operations=20000", "--max_heap_mib=0"],
    "churn-mt": ["--live_mib=8", "--operations=20000", "--max_heap_mib=0"],
    "fragment": ["--live_mib=1", "--passes=2"],
    "finalize": ["--objects=10000"],
    "finalize-beside": ["--objects=10000", "--passes=2", "--milliseconds=20"],
    "deref": ["--objects=10000", "--passes=2"],
    "deref-persistent": ["--objects=10000", "--passes=2"],
    "ephemeron": ["--objects=10000"],
    "ephemeron-chain": ["--objects=10000", "--passes=2"],
    "mark": ["--objects=50000"],
    TWO_MARKERS: ["--objects=50000"],
}


def family(workload: str) -> str:
    """The workload's name without its size."""
    return re.fullmatch(r"(.*?)(-\d+)?", workload)[1]


def size(workload: str) -> int:
    """The number at the end of the workload's name, or 0."""
    suffix = workload.removeprefix(family(workload))
    return int(suffix[1:]) if suffix else 0


def is_workload(name: str) -> bool:
    if family(name) == "binary-trees-mt" and size(name) > 0:
        return size(name) in TREE_MUTATORS
    return name in ALL_WORKLOADS or (size(name) > 0 and
                                     family(name) in ["churn", "churn-mt", "fragment"] + GROWING)


def order(workload: str) -> tuple[int, int]:
    """Sorts workloads: families as they are first named above, each by size."""
    families = [family(name) for name in ALL_WORKLOADS + SCALING_WORKLOADS]
    return families.index(family(workload)), size(workload)


def churn_mib(workload: str) -> int:
    """What is live under the workload, 0 if it is not churn."""
    if family(workload) == "churn":
        return size(workload)
    return CHURN_MT_MIB if family(workload) == "churn-mt" else 0


@dataclass
class Peer:
    name: str
    workloads: list[str]
    program: list[str]
    # What the runtime takes before the program's own words, and from its environment.
    options: Callable[[str], list[str]] = lambda workload: []
    environment: Callable[[str], dict[str, str]] = lambda workload: {}
    # The largest live heap that it can have, of those of churn.
    max_churn_mib: int = 4096
    # Compiles while it runs: measures several rounds of every workload in one process.
    warms_up: bool = False

    def has(self, workload: str) -> bool:
        return family(workload) in self.workloads and churn_mib(workload) <= self.max_churn_mib

    def command(self, workload: str, quick: bool) -> list[str]:
        if workload == STATIC:
            return [self.program[0] + "_static", "start"]
        if churn_mib(workload) > 0:
            arguments = ["churn", str(churn_mib(workload))]
        elif workload == TWO_MARKERS:
            arguments = ["mark", "--marker_threads=2"]
        else:
            arguments = [family(workload)]
        if family(workload).endswith("-mt") and size(workload) > 0:
            arguments.append(f"--threads={size(workload)}")
        if family(workload) == "fragment":
            arguments.append(f"--survivors={size(workload)}")
        if family(workload) in GROWING and size(workload) > 0:
            arguments.append(f"--objects={size(workload)}")
        if family(workload) == "deref" and size(workload) > 0:
            arguments.append(f"--passes={max(2, 20_000_000 // size(workload))}")
        if quick:
            arguments += QUICK_FLAGS[family(workload)]
        if self.warms_up or family(workload) in STEADY:
            arguments.append(f"--rounds={rounds(workload)}")
        return self.program[:1] + self.options(workload) + self.program[1:] + arguments


def rounds(workload: str) -> int:
    """One where no code of the program's own is measured; few where a round takes long."""
    if workload in ("start", "mark"):
        return 1
    return 2 if churn_mib(workload) > 0 else 3


def jvm(name: str, collector: str, jar: Path) -> Peer:
    def options(workload: str) -> list[str]:
        heap_mib = 3072 if workload == "mark" or size(workload) > 1_000_000 else 1024
        if family(workload) == "fragment":
            heap_mib = 384
        if churn_mib(workload) > 0:
            heap_mib = max(32, int(churn_mib(workload) * (3.5 if collector == "UseZGC" else 2.5)))
        return [f"-XX:+{collector}", f"-Xmx{heap_mib}m", f"-Dpeer={name}"]

    return Peer(name, COMMON + ["finalize", "deref", "mark"], ["java", "-cp", str(jar), "Bench"],
                options, warms_up=True)


def node(script: Path) -> Peer:
    def options(workload: str) -> list[str]:
        # An object's header takes three words: a live node of churn is half as large again.
        heap_mib = max(64, int(size(workload) * 1.5 * 2.5)) if family(workload) == "churn" else 4096
        return ["--expose-gc", "--max-semi-space-size=64", f"--max-old-space-size={heap_mib}"]

    return Peer("node", ALLOCATION + ["churn", "finalize", "deref", "ephemeron", "mark"],
                ["node", str(script)], options, warms_up=True)


def go(program: Path) -> Peer:
    def environment(workload: str) -> dict[str, str]:
        if churn_mib(workload) > 0:
            return {"GOGC": "150"}
        if family(workload) in ALLOCATION + ["binary-trees-mt"]:
            return {"GOGC": "off", "GOMEMLIMIT": "256MiB"}
        return {}

    return Peer("go", COMMON + ["finalize", "mark"], [str(program)], environment=environment)


def bdw(program: Path) -> Peer:
    def options(workload: str) -> list[str]:
        # Of an earlier round's threads its stacks may keep some: with 2.5 times it runs out.
        return [f"--max_heap_mib={CHURN_MT_MIB * 3}"] if family(workload) == "churn-mt" else []

    return Peer("bdw", COMMON + [STATIC, "finalize", "deref", "mark"], [str(program)], options,
                environment=lambda workload: {"GC_MARKERS": str(os.cpu_count())})


def all_peers(build_dir: Path) -> dict[str, Peer]:
    """Every program by its name, elegy first. A name does not say that the program is built."""
    bench = build_dir / "bench"
    scripts = Path(__file__).resolve().parent.parent / "peers"
    shared_ptr = [str(bench / "bench_peer_shared_ptr")]
    jar = bench / "bench_peer_jvm.jar"
    peers = [
        Peer("elegy", COMMON + [STATIC, "finalize", "finalize-beside", "deref",
                                "deref-persistent", "ephemeron", "ephemeron-chain", "mark",
                                TWO_MARKERS],
             [str(bench / "elegy_workloads")]),
        bdw(bench / "bench_peer_bdw"),
        Peer("cppgc", ALLOCATION + ["churn", "fragment", "finalize", "deref", "deref-persistent",
                                    "ephemeron", "mark", TWO_MARKERS],
             [str(bench / "bench_peer_cppgc")], max_churn_mib=1024),  # its heaps have 4 GiB in all
        Peer("shared_ptr", COMMON + [STATIC, "finalize", "deref"], shared_ptr),
        Peer("shared_ptr-mimalloc", COMMON + ["finalize", "deref"], shared_ptr,
             environment=lambda workload: {"LD_PRELOAD": "libmimalloc.so.2"}),
        jvm("jvm", "UseParallelGC", jar),
        jvm("jvm-g1", "UseG1GC", jar),
        jvm("jvm-zgc", "UseZGC", jar),
        jvm("jvm-shenandoah", "UseShenandoahGC", jar),
        go(bench / "go" / "bench_peer_go"),
        node(scripts / "node" / "bench.js"),
    ]
    return {peer.name: peer for peer in peers}
