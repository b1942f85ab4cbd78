"""Counts the instructions of the fast paths and compares. tools/instructions calls this."""

import argparse
import re
import subprocess
import sys
import tempfile
from pathlib import Path

import machine
import tables

COUNT = 100_000
TOLERANCE = 0.05
OPERATIONS = ["allocate-32", "store-barrier-off", "poll", "deref", "weak-map-get"]


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="tools/instructions",
        description="Counts the instructions of elegy's fast paths, and fails if one takes more "
                    f"than {TOLERANCE:.0%} more than is recorded.")
    parser.add_argument("--build-dir", type=Path, required=True, help=argparse.SUPPRESS)
    parser.add_argument("--record", action="store_true", help="write down what is counted")
    return parser.parse_args()


def instructions(program: Path, operation: str) -> float:
    """For each operation, on the thread that does it, with what it calls."""
    with tempfile.TemporaryDirectory() as folder:
        done = subprocess.run(
            ["valgrind", "--tool=callgrind", f"--callgrind-out-file={folder}/counts",
             "--toggle-collect=*Measure*", str(program), operation, str(COUNT)],
            text=True, check=True, stderr=subprocess.PIPE, timeout=600)
    return int(re.search(r"Collected : (\d+)", done.stderr)[1]) / COUNT


def recorded(file: Path) -> dict[str, float]:
    lines = file.read_text().splitlines()
    words = [line.split() for line in lines if not line.startswith("#")]
    return {name: float(count) for name, count in words}


def main() -> int:
    arguments = parse_arguments()
    file = Path(__file__).resolve().parent.parent / "instructions.txt"
    compiler = machine.setting(arguments.build_dir, [])["compiler"]
    program = arguments.build_dir / "bench" / "bench_instructions"
    counted = {operation: instructions(program, operation) for operation in OPERATIONS}
    if arguments.record:
        lines = ["# Instructions of each fast path; tools/instructions --record writes this file.",
                 f"# {compiler}"]
        lines += [f"{operation} {count:.2f}" for operation, count in counted.items()]
        file.write_text("\n".join(lines) + "\n")

    # By its version alone: the same one goes by several names.
    same_compiler = compiler.partition(" ")[2] in file.read_text()
    before = recorded(file)
    rows = []
    any_grew = False
    for operation, count in counted.items():
        grew = same_compiler and count > before.get(operation, 0) * (1 + TOLERANCE)
        any_grew = any_grew or grew
        rows.append([operation, f"{count:.2f}", f"{before.get(operation, 0):.2f}",
                     "**grew**" if grew else ""])
    print("\n".join(tables.table(["operation", "instructions", "recorded", ""], rows)))
    if not same_compiler:
        print(f"\nRecorded with another compiler than {compiler}: not compared.")
    return 1 if any_grew else 0


if __name__ == "__main__":
    sys.exit(main())
