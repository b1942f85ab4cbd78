"""The page docs/trust.md, from what the tools have left in build/."""

import sys
import textwrap
from pathlib import Path

import coverage
import fuzz
import model
import mutants
import soak
from results import Unsound, each, table

PAGE = Path("docs/trust.md")


INTRODUCTION = (
    "What looked for faults in the collector and found none, in figures: each with the command "
    "that gives it and how long that ran. Written by `tools/trust`. `docs/conformance.md` says "
    "what JavaScript's engines and test suites ask of it, and which test answers.")


def wrapped(line: str) -> str:
    if line.startswith("|"):
        return line
    return textwrap.fill(line, 100, subsequent_indent="  " if line.startswith("* ") else "",
                         break_long_words=False, break_on_hyphens=False)


def main() -> int:
    try:
        sections = each((model, mutants, soak, fuzz, coverage), lambda part: part.section())
    except Unsound as unsound:
        print(unsound, file=sys.stderr)
        return 1
    lines = ["# Why to trust it", "", INTRODUCTION, "",
             *table(["what", "figures", "command"],
                    [[section.what, section.figures, f"`{section.command}`"]
                     for section in sections])]
    for section in sections:
        lines += ["", *section.lines]
    PAGE.write_text("\n".join(wrapped(line) for line in lines) + "\n")
    print(f"Written: {PAGE}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
