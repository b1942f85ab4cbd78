"""Runs the workloads on elegy and its peers in turn, and reports. tools/bench calls this."""

import argparse
import json
import sys
from pathlib import Path

import bars
import charts
import machine
import page
import peers
import programs
import runs

STARTS = 25  # of a process in one turn, where its start is what is measured


def known_peers() -> list[str]:
    return [name for name in peers.all_peers(Path()) if name != "elegy"]


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="tools/bench", description="Runs the workloads on elegy and its peers in turn, and "
                                        "prints a report in Markdown.")
    parser.add_argument("--build-dir", type=Path, required=True, help=argparse.SUPPRESS)
    parser.add_argument("--peers", default="bdw,shared_ptr,jvm",
                        help="comma-separated, or all: " + ", ".join(known_peers()) +
                             "; or none (default %(default)s)")
    parser.add_argument("--workloads", default="alloc32,binary-trees,churn-64,churn-1024",
                        help="comma-separated, or all: " + ", ".join(peers.ALL_WORKLOADS) +
                             "; churn-L takes any number of MiB, churn-mt-N and binary-trees-mt-N "
                             "of mutators, finalize-N, deref-N and ephemeron-N of objects; scaling "
                             "is a series of the first three, growth of the others, none none "
                             "(default %(default)s)")
    parser.add_argument("--runs", type=int, default=5, help="turns for each workload (default 5)")
    parser.add_argument("--json", type=Path, metavar="FILE",
                        help="every run's own results; other workloads' that the file holds are "
                             "kept, and reported again")
    parser.add_argument("--markdown", type=Path, metavar="FILE",
                        help="the report, with pictures, also to a file and a folder beside it")
    parser.add_argument("--check", action="store_true", help="fail if a bar is not met")
    parser.add_argument("--quick", action="store_true",
                        help="tiny sizes: tries the programs, measures nothing")
    return parser.parse_args()


def chosen_peers(names: str) -> list[str]:
    if names == "all":
        return known_peers()
    selected = [name for name in names.split(",") if name and name != "none"]
    for name in selected:
        if name not in known_peers():
            sys.exit(f"unknown peer: {name} (known: {', '.join(known_peers())})")
    return selected


def chosen_workloads(names: str) -> list[str]:
    groups = {"all": peers.ALL_WORKLOADS, "scaling": peers.SCALING_WORKLOADS,
              "growth": peers.GROWTH_WORKLOADS, "none": []}
    selected: dict[str, None] = {}
    for name in names.split(","):
        for workload in groups.get(name, [name]):
            if not peers.is_workload(workload):
                sys.exit(f"unknown workload: {name} (known: {', '.join(peers.ALL_WORKLOADS)})")
            selected[workload] = None
    return list(selected)


def run_noise(arguments: argparse.Namespace, milliseconds: int) -> runs.Run:
    if arguments.quick:
        milliseconds = 20
    return programs.run([str(arguments.build_dir / "bench" / "bench_noise"),
                         f"--milliseconds={milliseconds}"], {})


def run_in_turn(workload: str, chosen: list[peers.Peer],
                arguments: argparse.Namespace) -> dict[str, list[runs.Run]]:
    """Every program once, then every program again, with the machine's own noise each time."""
    results: dict[str, list[runs.Run]] = {peer.name: [] for peer in chosen}
    results["noise"] = []
    for turn in range(arguments.runs):
        print(f"{workload}: turn {turn + 1} of {arguments.runs}", file=sys.stderr)
        # Beside churn, which times every operation, for about as long as it runs.
        milliseconds = 5000 if peers.family(workload) == "churn" else 500
        results["noise"].append(run_noise(arguments, milliseconds))
        for peer in chosen:
            command = peer.command(workload, arguments.quick)
            starts = STARTS if peers.family(workload) in ("start", peers.STATIC) else 1
            results[peer.name].append(
                programs.run_often(command, peer.environment(workload), starts))
    return results


def memory_curves(workload: str, chosen: list[peers.Peer],
                  arguments: argparse.Namespace) -> dict[str, runs.MemoryCurve]:
    """Of one more run of each program."""
    print(f"{workload}: memory", file=sys.stderr)
    return {peer.name: programs.memory_curve(peer.command(workload, arguments.quick),
                                             peer.environment(workload)) for peer in chosen}


def stored(file: Path | None, machine: dict[str, str]) -> dict:
    """What the file holds of this machine and this elegy; an empty start otherwise."""
    if file and file.exists():
        document = json.loads(file.read_text())
        if document["machine"] == machine:
            return {"memory": {}} | document
    return {"machine": machine, "versions": {}, "noise": [], "results": {}, "memory": {}}


def main() -> int:
    arguments = parse_arguments()
    known = peers.all_peers(arguments.build_dir)
    peer_names = chosen_peers(arguments.peers)
    workloads = chosen_workloads(arguments.workloads)

    document = stored(arguments.json, machine.describe(arguments.build_dir))
    document["noise"] = run_noise(arguments, 2000)
    document["versions"] |= {name: machine.version(name) for name in peer_names}
    results: runs.Results = {}
    for workload in workloads:
        chosen = [known[name] for name in ["elegy"] + peer_names if known[name].has(workload)]
        results[workload] = run_in_turn(workload, chosen, arguments)
        document["results"] |= results
        if workload in charts.MEMORY_WORKLOADS:
            document["memory"][workload] = memory_curves(workload, chosen, arguments)
        if arguments.json:
            arguments.json.write_text(json.dumps(document, indent=1) + "\n")

    curves = document.pop("memory")
    print("\n".join(page.report(**document, pictures=[])))
    if arguments.markdown:
        page.write(arguments.markdown, **document, memory=curves)

    any_failed = any(not run for by_peer in results.values() for all_runs in by_peer.values()
                     for run in all_runs)
    all_met = bars.table(results)[1]
    return 1 if any_failed or (arguments.check and not all_met) else 0


if __name__ == "__main__":
    sys.exit(main())
