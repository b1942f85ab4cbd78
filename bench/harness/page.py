"""The report as a whole: a page of Markdown, and the pictures beside it."""

from pathlib import Path

import bars
import charts
import tables
from runs import MemoryCurve, Results, Run


def machine_lines(machine: dict[str, str], versions: dict[str, str]) -> list[str]:
    rows = [[what, text] for what, text in (machine | versions).items() if text]
    return tables.table(["", ""], rows)


def report(machine: dict[str, str], versions: dict[str, str], noise: Run, results: Results,
           pictures: list[str]) -> list[str]:
    runs = max((len(by_peer["elegy"]) for by_peer in results.values()), default=0)
    return ["# elegy and its peers", "",
            f"Up to {runs} runs of each program, taken in turn. `bench/README.md` says what each "
            "workload does and how each peer is set up. The commands below measure one workload "
            "again; with `--json build/bench.json --markdown docs/benchmarks.md` they write its "
            "part of this page anew, and keep the others'.", "",
            *machine_lines(machine, versions), tables.noise_floor(noise), "",
            *tables.overview(results), *pictures, *tables.losses(results),
            *bars.table(results)[0], *tables.delays(results), *tables.details(results)]


def write(file: Path, machine: dict[str, str], versions: dict[str, str], noise: Run,
          results: Results, memory: dict[str, dict[str, MemoryCurve]]) -> None:
    """The page, and its pictures in a folder that has the page's name."""
    folder = file.with_suffix("")
    folder.mkdir(parents=True, exist_ok=True)
    links = []
    for name, (what, picture) in charts.all_charts(results, memory).items():
        if picture:
            (folder / name).write_text(picture)
            links += [f"![{what}]({folder.name}/{name})", ""]
        else:
            (folder / name).unlink(missing_ok=True)
    lines = report(machine, versions, noise, results, links)
    file.write_text("\n".join(lines).rstrip() + "\n")
