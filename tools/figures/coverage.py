"""The lines and branches of the library that the tests run; checks that what is missing has a
reason."""

import json
import sys
from pathlib import Path

from results import Section, Unsound, age, duration, figure, of_library, read, table

COMMAND = "tools/coverage"
BUILD = Path("build/coverage")
REASONS = Path("tests/coverage_reasons.tsv")  # a line for each file: path, tab, reason
LEAST = 0.95

File = dict[str, int]


def files() -> dict[str, File]:
    summary = BUILD / "coverage.json"
    if not summary.exists():
        raise Unsound(f"{summary} is missing: {COMMAND}")
    return {file["filename"]: file for file in json.loads(summary.read_text())["files"]}


def reasons() -> dict[str, str]:
    lines = REASONS.read_text().splitlines() if REASONS.exists() else []
    return dict(line.split("\t", 1) for line in lines if line)


def share(of_files: list[File], what: str) -> float:
    total = sum(file[f"{what}_total"] for file in of_files)
    return sum(file[f"{what}_covered"] for file in of_files) / total if total else 1.0


def percent(value: float) -> str:
    return f"{int(value * 1000) / 10:.1f} %"  # never rounded up


def short_of(by_name: dict[str, File]) -> dict[str, File]:
    return {name: file for name, file in by_name.items() if share([file], "line") < LEAST}


def check(by_name: dict[str, File]) -> list[str]:
    """What is amiss."""
    short, known = short_of(by_name), reasons()
    found = [f"{name}: {percent(share([file], 'line'))} of its lines, and no reason in {REASONS}"
             for name, file in short.items() if name not in known]
    found += [f"{name} needs its reason in {REASONS} no longer" for name in known
              if name not in short]
    if share([*by_name.values()], "line") < LEAST:
        found.append(f"{percent(share([*by_name.values()], 'line'))} of all lines")
    return found


def folder_table(by_name: dict[str, File]) -> list[str]:
    folders: dict[str, list[File]] = {}
    for name, file in sorted(by_name.items()):
        folders.setdefault(str(Path(name).parent), []).append(file)
    folders["all"] = [*by_name.values()]
    return table(["folder", "lines", "run", "branches", "taken"],
                 [[name, str(sum(file["line_total"] for file in group)),
                   percent(share(group, "line")),
                   str(sum(file["branch_total"] for file in group)),
                   percent(share(group, "branch"))] for name, group in folders.items()])


def section() -> Section:
    file = BUILD / "result.txt"
    result = read(file, COMMAND)
    by_name = files()
    if amiss := check(by_name):
        raise Unsound("; ".join(amiss) + f": {COMMAND}")
    known, short = reasons(), short_of(by_name)
    left = [] if not short else [
        "", f"Files with less than {LEAST * 100:.0f} % of their lines run:", "",
        *table(["file", "lines run", "why"],
               [[f"`{name}`", percent(share([file], "line")), known[name]]
                for name, file in sorted(short.items())])]
    whole = [*by_name.values()]
    return Section("lines run; branches taken by the tests",
                   f"{percent(share(whole, 'line'))}; {percent(share(whole, 'branch'))}", COMMAND, [
        "## Coverage", "", f"`{COMMAND}`", "",
        f"What {figure(result, 'tests', file, COMMAND)} tests run of the library, in "
        f"{duration(figure(result, 'seconds', file, COMMAND))}. Branches are counted without "
        "those of exceptions and of checks that hold in every sound program; a template's count "
        "once for each type that it is used with, and with most types one way is taken.", "",
        *folder_table(by_name), *left, *age({of_library(result["sources"])})])


def main() -> int:
    by_name = files()
    print("\n".join(folder_table(by_name)))
    for name, file in sorted(short_of(by_name).items()):
        print(f"{name}: {percent(share([file], 'line'))}")
    amiss = check(by_name)
    for what in amiss:
        print(what, file=sys.stderr)
    return 1 if amiss else 0


if __name__ == "__main__":
    sys.exit(main())
