"""The soak: what ran for long, under each sanitizer."""

from collections.abc import Iterable
from pathlib import Path

from results import Section, Unsound, age, each, figure, number, of_library, read, table

PRESETS = ("verify", "asan-ubsan", "tsan")
MINUTES = 30  # that the command gives each preset
COMMAND = f"tools/soak {MINUTES * len(PRESETS)}"
ROWS = {
    "seeds": "seeds",
    "tests run": "tests",
    "cycles": "cycles",
    "operations": "operations",
    "objects made, and destroyed": "objects",
    "registrations made": "records",
    "accounted for": "accounted",
    "faults injected": "faults",
    "memory, most of the first five rounds, KiB": "memory_early_kib",
    "memory after the last round, KiB": "memory_last_kib",
    "failures": "failures",
}


def result_of(preset: str) -> dict[str, str]:
    file = Path("build", preset, "soak.txt")
    command = f"tools/soak {MINUTES} {preset}"
    result = read(file, command)
    figures = {name: figure(result, name, file, command) for name in [*ROWS.values(), "seconds"]}
    if figures["failures"] or figures["records"] != figures["accounted"]:
        raise Unsound(f"{file} has failures: {command}")
    return result


def shortness(results: Iterable[dict[str, str]]) -> list[str]:
    """What the page says of soaks that were cut short."""
    if all(int(result["seconds"]) >= MINUTES * 60 for result in results):
        return []
    return ["", f"*This run was given less than the {MINUTES} minutes for each that the command "
                "above gives.*"]


def section() -> Section:
    results = dict(zip(PRESETS, each(PRESETS, result_of)))
    rows = [["minutes"] + [str(int(results[preset]["seconds"]) // 60) for preset in PRESETS]]
    rows += [[what] + [number(int(results[preset][name])) for preset in PRESETS]
             for what, name in ROWS.items()]
    def total(name: str) -> str:
        return number(sum(int(result[name]) for result in results.values()))

    return Section("cycles, operations and injected faults of long lives; seeds",
                   f"{total('cycles')}, {total('operations')}, {total('faults')}; "
                   f"{total('seeds')}", COMMAND, [
        "## Soak", "", f"`{COMMAND}`", "",
        "A program that lives long (`tests/soak`): threads come and go, share, weakly hold, "
        "cache and register objects while one cycle follows the other, and between its rounds "
        "requests for memory fail at random. Then, with a new seed each time, the stress "
        "tests, those with failing requests for memory and threads, and the fuzzer's smoke "
        "run. Seeded chaos delays threads at points of the protocols. Operations, cycles, "
        "registrations, faults and memory are the long-lived program's; the tests', which are "
        "more, are not counted. ThreadSanitizer's runtime keeps something of every thread that "
        "ever was, so that under it the process grows.", "",
        *table(["", *PRESETS], rows), *shortness(results.values()),
        *age({of_library(result["sources"]) for result in results.values()})])
