"""The mutants: which broken protocols the tests notice."""

from collections import Counter
from pathlib import Path

from results import Section, Unsound, age, duration, each, of_library, table

COMMAND = "tools/mutants"
RESULTS = Path("build/mutants/results")


def header(patch: Path, name: str) -> str:
    for line in patch.read_text().splitlines():
        if line.startswith("--- "):
            break
        if line.startswith(f"{name}: "):
            return line.removeprefix(f"{name}: ")
    return ""


class Mutant:
    """A patch and what has become of it, which is as its head says."""

    def __init__(self, patch: Path):
        self.name = patch.stem.replace("_", " ")
        self.reason = header(patch, "Survives")
        file, again = RESULTS / patch.stem, f"{COMMAND} {patch.stem}"
        fields = file.read_text().strip().split("|")
        if len(fields) != 4:
            raise Unsound(f"{file} is of another version of {COMMAND}: {again}")
        self.test, self.how, seconds, sources = fields
        if not self.reason and not self.test:
            raise Unsound(f"{file}: {self.how}, and no reason: {again}")
        if self.reason and self.how != "survives":
            raise Unsound(f"{file}: {self.how}, though its head says that it survives: {again}")
        self.seconds = int(seconds)
        self.is_current = of_library(sources)


def ways(mutants: list[Mutant]) -> list[list[str]]:
    counts = Counter(mutant.how.removesuffix(", verified") for mutant in mutants if mutant.test)
    return [[how, str(count)] for how, count in counts.most_common()]


def section() -> Section:
    patches = sorted(Path("tests/mutants").glob("*.patch"))
    missing = [patch.stem for patch in patches if not (RESULTS / patch.stem).exists()]
    if missing:
        raise Unsound(f"{len(missing)} of {len(patches)} mutants have no result: "
                      + " ".join([COMMAND] + missing * (len(missing) < len(patches))))
    mutants = each(patches, Mutant)
    survivors = [mutant for mutant in mutants if not mutant.test]
    left = [] if not survivors else [
        "", "Not noticed, and why:", "",
        *(f"* {mutant.name}: {mutant.reason}" for mutant in survivors)]
    noticed = f"{len(mutants) - len(survivors)} of {len(mutants)}"
    return Section("broken protocols that the tests notice", noticed, COMMAND, [
        "## Mutants", "", f"`{COMMAND}`", "",
        "Each breaks one step of a protocol (`tests/mutants`): of these the tests notice "
        f"**{noticed}**; `docs/mutants.md` says which test does. "
        f"Building and testing them took {duration(sum(m.seconds for m in mutants))}.", "",
        *table(["how they were noticed", "mutants"], ways(mutants)), *left,
        *age({mutant.is_current for mutant in mutants})])
