"""What the tools leave in build/: files of key=value lines, and of which sources they are."""

import hashlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")

LIBRARY = ("src", "include")


@dataclass
class Section:
    """A part of the page: its row in the overview, and its lines."""

    what: str
    figures: str
    command: str
    lines: list[str]


class Unsound(Exception):
    """A result is missing or not as it should be: what, and which command gets it."""


def each(items: Iterable[Item], f: Callable[[Item], Result]) -> list[Result]:
    """f of all items; what is amiss of all of them at once."""
    results, amiss = [], []
    for item in items:
        try:
            results.append(f(item))
        except Unsound as unsound:
            amiss.append(str(unsound))
    if amiss:
        raise Unsound("\n".join(dict.fromkeys(amiss)))
    return results


def digest(*paths: str) -> str:
    """As digest in tools/lib.sh."""
    files = []
    for path in map(Path, paths):
        files += [path] if path.is_file() else [file for file in path.rglob("*") if file.is_file()]
    lines = [f"{hashlib.sha256(file.read_bytes()).hexdigest()}  {file}\n"
             for file in sorted(files, key=lambda file: str(file).encode())]
    return hashlib.sha256("".join(lines).encode()).hexdigest()[:12]


def read(file: Path, command: str) -> dict[str, str]:
    if not file.exists():
        raise Unsound(f"{file} is missing: {command}")
    return dict(line.split("=", 1) for line in file.read_text().splitlines() if "=" in line)


def figure(result: dict[str, str], name: str, file: Path, command: str) -> int:
    if not result.get(name, "").isdigit():
        raise Unsound(f"{file} has no {name}: {command}")
    return int(result[name])


def number(value: float) -> str:
    return f"{value:,.0f}".replace(",", " ")


def duration(seconds: float) -> str:
    if seconds < 100:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} minutes"


def table(header: list[str], rows: list[list[str]]) -> list[str]:
    return ["| " + " | ".join(cells) + " |" for cells in [header, ["---"] * len(header), *rows]]


def of_library(sources: str) -> bool:
    """Whether a result is of the library as it is now."""
    return sources == digest(*LIBRARY)


def age(are_current: set[bool]) -> list[str]:
    """What the page says of results that are not of the sources as they are now."""
    if are_current == {True}:
        return []
    some = "Some of these" if True in are_current else "These"
    return ["", f"*{some} results are of sources that have changed since.*"]
