"""Runs the workloads on elegy and its peers in turn, and reports. tools/bench calls this."""

import argparse
import json
import os
import subprocess
import sys
from pathlib import Path

import peers
import tables

TIMEOUT_SECONDS = 1200


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="tools/bench", description="Runs the workloads on elegy and its peers in turn, and "
                                        "prints a report in Markdown.")
    parser.add_argument("--build-dir", type=Path, required=True, help=argparse.SUPPRESS)
    parser.add_argument("--peers", default="bdw,shared_ptr,jvm",
                        help="comma-separated; also shared_ptr-mimalloc, jvm-g1, jvm-zgc, "
                             "jvm-shenandoah, or none")
    parser.add_argument("--workloads", default="alloc32,binary-trees,churn-64,churn-1024",
                        help="comma-separated, or all: " + ", ".join(peers.ALL_WORKLOADS))
    parser.add_argument("--runs", type=int, default=5, help="turns for each workload (default 5)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="every run's own results")
    parser.add_argument("--markdown", type=Path, metavar="FILE", help="the report, also to a file")
    parser.add_argument("--check", action="store_true", help="fail if a bar is not met")
    parser.add_argument("--quick", action="store_true",
                        help="tiny sizes: tries the programs, measures nothing")
    return parser.parse_args()


def chosen(names: str, known: list[str], what: str) -> list[str]:
    if names == "all":
        return known
    selected = [name for name in names.split(",") if name and name != "none"]
    for name in selected:
        is_churn = name.removeprefix("churn-").isdigit() and what == "workload"
        if name not in known and not is_churn:
            sys.exit(f"unknown {what}: {name} (known: {', '.join(known)})")
    return selected


def run_program(command: list[str], environment: dict[str, str]) -> tables.Run:
    """The lines of JSON that the program prints; none if it fails."""
    try:
        done = subprocess.run(command, env=os.environ | environment, text=True, check=True,
                              stdout=subprocess.PIPE, timeout=TIMEOUT_SECONDS)
    except (subprocess.SubprocessError, OSError) as error:
        print(f"failed: {error}", file=sys.stderr)
        return []
    return [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]


def run_noise(arguments: argparse.Namespace) -> tables.Run:
    milliseconds = 20 if arguments.quick else 2000
    return run_program([str(arguments.build_dir / "bench" / "bench_noise"),
                        f"--milliseconds={milliseconds}"], {})


def run_in_turn(workload: str, programs: list[peers.Peer],
                arguments: argparse.Namespace) -> dict[str, list[tables.Run]]:
    """Every program once, then every program again, with the machine's own noise each time."""
    runs: dict[str, list[tables.Run]] = {peer.name: [] for peer in programs}
    runs["noise"] = []
    for turn in range(arguments.runs):
        print(f"{workload}: turn {turn + 1} of {arguments.runs}", file=sys.stderr)
        runs["noise"].append(run_noise(arguments))
        for peer in programs:
            command = peer.command(workload, arguments.quick)
            runs[peer.name].append(run_program(command, peer.environment))
    return runs


def main() -> int:
    arguments = parse_arguments()
    known = peers.all_peers(arguments.build_dir)
    peer_names = chosen(arguments.peers, [name for name in known if name != "elegy"], "peer")
    workloads = chosen(arguments.workloads, peers.ALL_WORKLOADS, "workload")

    report = ["# elegy and its peers", "", tables.noise_floor(run_noise(arguments)), "",
              f"{os.cpu_count()} cores; {arguments.runs} runs of each program, taken in turn.", ""]
    print("\n".join(report))
    results: tables.Results = {}
    for workload in workloads:
        programs = [known[name] for name in ["elegy"] + peer_names
                    if known[name].has(workload)]
        results[workload] = run_in_turn(workload, programs, arguments)

    bar_lines, all_met = tables.bars(results)
    tables_text = tables.comparison(results, peer_names) + tables.delays(results) + bar_lines
    print("\n".join(tables_text))
    if arguments.json:
        arguments.json.write_text(json.dumps(results, indent=1) + "\n")
    if arguments.markdown:
        arguments.markdown.write_text("\n".join(report + tables_text).rstrip() + "\n")

    any_failed = any(not run for by_peer in results.values() for runs in by_peer.values()
                     for run in runs)
    return 1 if any_failed or (arguments.check and not all_met) else 0


if __name__ == "__main__":
    sys.exit(main())
