"""The Spin models: what was searched, and which planted faults were found."""

import re
from pathlib import Path

from results import Section, Unsound, age, digest, duration, each, number, read, table

COMMAND = "tools/model"


def configurations() -> list[tuple[str, str, str]]:
    """Model, what is expected, and switches of all that the command checks by itself."""
    lines = re.findall(r"^small (\w+) +(\w+) *(.*)$", Path(COMMAND).read_text(), re.MULTILINE)
    return [(model, expected, switches) for model, expected, switches in lines]


def result_of(configuration: tuple[str, str, str]) -> dict[str, str]:
    model, expected, switches = configuration
    file = Path("build/model", model + switches.replace(" ", ""), "result.txt")
    result = read(file, f"{COMMAND} {model}")
    if result["verdict"] != "ok":
        raise Unsound(f"{file} is not as expected: {COMMAND} {model}")
    return result | {"model": model, "expected": expected}


def row(model: str, results: list[dict[str, str]]) -> list[str]:
    whole = [result for result in results if result["expected"] != "lost"]
    lost = len(results) - len(whole)
    return [model, str(len(whole)), number(sum(float(result["states"]) for result in whole)),
            f"{lost} of {lost}", duration(sum(float(result["seconds"]) for result in results))]


def section() -> Section:
    results = each(configurations(), result_of)
    models = list(dict.fromkeys(result["model"] for result in results))
    rows = [row(model, [result for result in results if result["model"] == model])
            for model in models]
    rows.append(row("all", results))
    sources = {result["sources"] == digest(f"docs/model/{result['model']}.pml")
               for result in results}
    states, found = rows[-1][2:4]
    return Section("states searched; planted faults found", f"{states}; {found}", COMMAND, [
        "## Models", "", f"`{COMMAND}`", "",
        "Spin models of the protocols (`docs/model/README.md`), searched to the end: in no "
        "state does one break its promise. The same search finds every fault planted in a "
        "protocol; one that does no harm, because something else makes up for it, counts "
        "among what is searched to the end.", "",
        *table(["model", "searched to the end", "states", "planted faults found", "time"],
               rows), *age(sources)])
