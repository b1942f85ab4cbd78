"""The fuzzer: how many programs ran as the reference says."""

from pathlib import Path

from results import Section, Unsound, age, duration, figure, number, of_library, read

COMMAND = "tools/fuzz 1800"
FILE = Path("build/fuzz/result.txt")


def section() -> Section:
    result = read(FILE, COMMAND)
    names = ("seconds", "executions", "inputs_first", "inputs_last", "edges_first", "edges_last",
             "failures")
    if result.get("failures") != "0":
        raise Unsound(f"{FILE} has a failure: {COMMAND}")
    figures = {name: figure(result, name, FILE, COMMAND) for name in names}
    new_edges = figures["edges_last"] - figures["edges_first"]
    command = f"tools/fuzz {figures['seconds'] // 10 * 10}"
    return Section("programs made of bytes", number(figures["executions"]), command, [
        "## Fuzzing", "", f"`{command}`", "",
        f"{number(figures['executions'])} programs made of bytes (`tests/fuzz`) ran in "
        f"{duration(figures['seconds'])}, under AddressSanitizer, and every one did what a "
        "simple reference without a collector says. "
        f"The inputs kept have grown from {number(figures['inputs_first'])} to "
        f"{number(figures['inputs_last'])}; together they cover "
        f"{number(figures['edges_last'])} edges of the control flow, {number(new_edges)} of "
        "them new in this run.",
        *age({of_library(result["sources"])})])
