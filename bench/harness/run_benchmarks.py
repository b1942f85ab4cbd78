"""Runs the workloads on elegy and its peers in turn, and reports. tools/bench calls this."""

import argparse
import sys
from pathlib import Path

import bars
import charts
import machine
import page
import peers
import programs
import readme
import runs
import store

STARTS = 25  # of a process in one turn, where its start is what is measured


def known_peers() -> list[str]:
    return [name for name in peers.all_peers(Path()) if name != "elegy"]


class Turns:
    """How often each program runs: never more often than elegy, whose runs the others' are held
    against."""

    def __init__(self, text: str) -> None:
        most, *fewer = text.split(",")
        self.most = int(most)
        parts = [part.partition("=") for part in fewer]
        self._fewer = {name: int(turns) for name, _, turns in parts}
        if unknown := set(self._fewer) - set(known_peers()):
            raise argparse.ArgumentTypeError(f"no peers: {', '.join(unknown)}")
        if min([self.most, *self._fewer.values()]) < 1:
            raise argparse.ArgumentTypeError("every program runs once at least")

    def of(self, peer: str) -> int:
        return min(self._fewer.get(peer, self.most), self.most)


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="tools/bench", description="Runs the workloads on elegy and its peers in turn, and "
                                        "prints a report in Markdown.")
    parser.add_argument("--build-dir", type=Path, required=True, help=argparse.SUPPRESS)
    parser.add_argument("--list-peers", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--peers", default="bdw,shared_ptr,jvm",
                        help="comma-separated, or all: " + ", ".join(known_peers()) +
                             "; or none (default %(default)s)")
    parser.add_argument("--workloads", default="alloc32,binary-trees,churn-64,churn-1024",
                        help="comma-separated, or all: " + ", ".join(peers.ALL_WORKLOADS) +
                             "; churn-L takes any number of MiB, churn-mt-N and binary-trees-mt-N "
                             "of mutators, fragment-N of per cent that outlive their size, "
                             "finalize-N, deref-N and ephemeron-N of objects; scaling is a series "
                             "of the first four, growth of the others "
                             "(default %(default)s)")
    parser.add_argument("--runs", type=Turns, default=Turns("5"), metavar="N[,PEER=N...]",
                        help="turns for each workload, fewer for a peer that takes long, such as "
                             "5,node=2 (default 5)")
    parser.add_argument("--json", type=Path, metavar="FILE",
                        help="every run's own results, written after each workload; other "
                             "workloads' that the file holds are kept, and reported again")
    parser.add_argument("--markdown", type=Path, metavar="FILE",
                        help="the report, with pictures, also to a file and a folder beside it")
    parser.add_argument("--readme", type=Path, metavar="FILE",
                        help="some rows of the report also in place of the table in a file, such "
                             "as README.md")
    parser.add_argument("--report-only", action="store_true",
                        help="measure nothing: report what the file of --json holds")
    parser.add_argument("--check", action="store_true", help="fail if a bar is not met")
    parser.add_argument("--quick", action="store_true",
                        help="tiny sizes: tries the programs, measures nothing")
    arguments = parser.parse_args()
    if arguments.report_only and not arguments.json:
        parser.error("--report-only needs --json")
    return arguments


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
              "growth": peers.GROWTH_WORKLOADS}
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
    for turn in range(arguments.runs.most):
        print(f"{workload}: turn {turn + 1} of {arguments.runs.most}", file=sys.stderr)
        # Beside churn, which times every operation, for about as long as it runs.
        milliseconds = 5000 if peers.churn_mib(workload) > 0 else 500
        results["noise"].append(run_noise(arguments, milliseconds))
        for peer in chosen:
            if turn >= arguments.runs.of(peer.name):
                continue
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
                                             peer.environment(workload))
            for peer in chosen if peer.name not in peers.MULTI_MAPPED}


def that_can_run(workload: str, chosen: list[peers.Peer]) -> list[peers.Peer]:
    """Those that have the workload; where a static program is measured, of those that are built."""
    able = [peer for peer in chosen if peer.has(workload)]
    if workload != peers.STATIC:
        return able
    return [peer for peer in able if Path(peer.command(workload, quick=False)[0]).exists()]


def start_record(arguments: argparse.Namespace) -> store.Record:
    """What the file holds, if there is one: machines are never mixed."""
    this = machine.describe() | ({"sizes": "tiny"} if arguments.quick else {})
    if not arguments.json or not arguments.json.exists():
        return store.Record(machine=this, setting={}, noise=[], workloads={})
    record = store.load(arguments.json)
    if record.machine != this:
        sys.exit(f"{arguments.json} is of another machine ({', '.join(record.machine.values())}) "
                 f"than this one ({', '.join(this.values())}): name another file")
    return record


def measure(record: store.Record, arguments: argparse.Namespace) -> None:
    """Adds to the record and to the file, workload by workload."""
    known = peers.all_peers(arguments.build_dir)
    peer_names = chosen_peers(arguments.peers)
    workloads = chosen_workloads(arguments.workloads)
    setting = machine.setting(arguments.build_dir, peer_names)
    record.setting |= setting
    record.noise = run_noise(arguments, 2000)
    for workload in workloads:
        chosen = that_can_run(workload, [known[name] for name in ["elegy"] + peer_names])
        if known["elegy"] not in chosen:
            print(f"{workload}: left out, for elegy's program is not built", file=sys.stderr)
            continue
        absent = set(peer_names) - {peer.name for peer in chosen}
        results = run_in_turn(workload, chosen, arguments)
        memory = (memory_curves(workload, chosen, arguments)
                  if workload in charts.MEMORY_WORKLOADS else {})
        record.add(workload, store.Measured(
            setting={what: text for what, text in setting.items() if what not in absent},
            runs=results, memory=memory))
        if arguments.json:
            store.save(record, arguments.json)


def main() -> int:
    arguments = parse_arguments()
    if arguments.list_peers:
        print("\n".join(chosen_peers(arguments.peers)))
        return 0
    if arguments.report_only:
        record = store.load(arguments.json)
        record.setting[machine.ELEGY] = machine.sources()
    else:
        record = start_record(arguments)
        measure(record, arguments)

    print("\n".join(page.report(record, pictures=[])))
    if arguments.markdown:
        page.write(arguments.markdown, record)
    if arguments.readme:
        readme.write(arguments.readme, record)
    all_met = bars.table(record.results())[1]
    return 0 if record.all_ran() and (all_met or not arguments.check) else 1


if __name__ == "__main__":
    sys.exit(main())
