"""The report as a whole: a page of Markdown, and the pictures beside it."""

from pathlib import Path

import bars
import charts
import tables
from store import Record

# Where the repository keeps its own results.
FILES = "--json docs/benchmarks/results.json --markdown docs/benchmarks.md"


def machine_lines(record: Record) -> list[str]:
    rows = [[what, text] for what, text in (record.machine | record.setting).items() if text]
    return tables.table(["", ""], rows)


def age_lines(changed: dict[str, dict[str, str]]) -> list[str]:
    """Which workloads were measured with what has changed since."""
    if not changed:
        return []
    lines = ["Workloads with an asterisk were measured with what has changed since:", ""]
    workloads_of: dict[str, list[str]] = {}
    for workload, setting in changed.items():
        text = "; ".join(f"{what} {text}" for what, text in setting.items())
        workloads_of.setdefault(text, []).append(workload)
    return lines + [f"* {text}: {', '.join(names)}" for text, names in workloads_of.items()] + [""]


def report(record: Record, pictures: list[str]) -> list[str]:
    results = record.results()
    changed = {workload: text for workload in results if (text := record.changed(workload))}
    runs = max((len(by_peer["elegy"]) for by_peer in results.values()), default=0)
    return ["# elegy and its peers", "",
            f"Up to {runs} runs of each program, taken in turn. `bench/README.md` says what each "
            "workload does and how each peer is set up. The commands below measure one workload "
            f"again; with `{FILES}` they write its part of this page anew, and keep the others'.",
            "", *machine_lines(record), *age_lines(changed), tables.noise_floor(record.noise), "",
            *tables.overview(results, set(changed)), *pictures, *tables.losses(results),
            *bars.table(results)[0], *tables.delays(results),
            *tables.details(results, set(changed))]


def write(file: Path, record: Record) -> None:
    """The page, and its pictures in a folder that has the page's name."""
    folder = file.with_suffix("")
    folder.mkdir(parents=True, exist_ok=True)
    links = []
    for name, (what, picture) in charts.all_charts(record.results(), record.memory()).items():
        if picture:
            (folder / name).write_text(picture)
            links += [f"![{what}]({folder.name}/{name})", ""]
        else:
            (folder / name).unlink(missing_ok=True)
    lines = report(record, links)
    file.write_text("\n".join(lines).rstrip() + "\n")
