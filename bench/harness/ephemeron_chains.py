"""Collects chains of ephemerons of several lengths, and reports. tools/bench_chains calls this."""

import argparse
import json
import subprocess
import sys
from pathlib import Path

TIMEOUT_SECONDS = 1200
SHAPES = [(maps, backwards) for maps in (1, 16) for backwards in (0, 1)]


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="tools/bench_chains",
        description="The time of one collection for each entry of ephemeron chains, in Markdown.")
    parser.add_argument("--build-dir", type=Path, required=True, help=argparse.SUPPRESS)
    parser.add_argument("--lengths", default="1000,10000,100000,1000000",
                        help="comma-separated entries of a chain (default %(default)s)")
    parser.add_argument("--passes", type=int, default=10,
                        help="collections of which the quickest counts (default %(default)s)")
    parser.add_argument("--cpu", action="store_true",
                        help="processor time instead of wall time, for a machine that is not idle")
    parser.add_argument("--check", action="store_true",
                        help="fail if chains of one size in all differ by more than a factor of 2")
    return parser.parse_args()


def nanoseconds(arguments: argparse.Namespace, entries: int, length: int, maps: int,
                backwards: int) -> float:
    """Of one collection, for each entry; the program checks that the chains live and die whole."""
    command = [str(arguments.build_dir / "bench" / "elegy_workloads"), "ephemeron-chain",
               f"--objects={entries}", f"--length={length}", f"--maps={maps}",
               f"--backwards={backwards}", f"--passes={arguments.passes}"]
    done = subprocess.run(command, text=True, check=True, stdout=subprocess.PIPE,
                          timeout=TIMEOUT_SECONDS)
    return json.loads(done.stdout)["entry_cpu_ns" if arguments.cpu else "entry_ns"]


def print_table(arguments: argparse.Namespace, lengths: list[int], entries: int | None) -> float:
    """One chain of each length, or as many as make up so many entries. Returns the worst ratio."""
    header = ["maps", "insertion"] + [f"{length:,}" for length in lengths] + ["max/min"]
    print("| " + " | ".join(header) + " |")
    print("| --- | --- |" + " ---: |" * (len(lengths) + 1))
    worst = 0.0
    for maps, backwards in SHAPES:
        times = [nanoseconds(arguments, entries or length, length, maps, backwards)
                 for length in lengths]
        ratio = max(times) / min(times) if min(times) > 0 else float("inf")
        worst = max(worst, ratio)
        cells = [str(maps), "last first" if backwards else "first first"]
        print("| " + " | ".join(cells + [f"{time:.1f}" for time in times] + [f"{ratio:.2f}"])
              + " |", flush=True)
    return worst


def main() -> int:
    arguments = parse_arguments()
    lengths = [int(length) for length in arguments.lengths.split(",")]
    clock = "processor" if arguments.cpu else "wall"
    print(f"# Chains of ephemerons\n\nNanoseconds of {clock} time for each entry of one collection "
          f"in which all live, the quickest of {arguments.passes}, less a collection of an empty "
          "heap, by the entries of a chain.\n")
    try:
        print("## One chain\n")
        print_table(arguments, lengths, None)
        most = max(lengths)
        print(f"\n## Chains of {most:,} entries in all\n")
        worst = print_table(arguments, lengths, most)
    except (subprocess.SubprocessError, OSError) as error:
        print(f"failed: {error}", file=sys.stderr)
        return 1
    return 1 if arguments.check and worst > 2 else 0


if __name__ == "__main__":
    sys.exit(main())
