"""The file that keeps what was measured: each workload's runs, and what they were measured with."""

import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path

from peers import MULTI_MAPPED, order
from runs import MemoryCurve, Results, Run, without_memory


@dataclass
class Measured:
    """One workload's runs. The setting names the sources and the versions of all that ran."""

    setting: dict[str, str]
    runs: dict[str, list[Run]]
    memory: dict[str, MemoryCurve]


@dataclass
class Record:
    """All results of one machine. Its setting has the newest of each source and version."""

    machine: dict[str, str]
    setting: dict[str, str]
    noise: Run
    workloads: dict[str, Measured]

    def add(self, workload: str, measured: Measured) -> None:
        """In place of the workload's earlier results."""
        self.workloads[workload] = measured
        self.workloads = {name: self.workloads[name] for name in sorted(self.workloads, key=order)}

    def results(self) -> Results:
        """Memory that was counted several times is left out, here and below."""
        return {name: {peer: without_memory(runs) if peer in MULTI_MAPPED else runs
                       for peer, runs in measured.runs.items()}
                for name, measured in self.workloads.items()}

    def all_ran(self) -> bool:
        """Whether no run failed."""
        return all(all(runs) for measured in self.workloads.values()
                   for runs in measured.runs.values())

    def memory(self) -> dict[str, dict[str, MemoryCurve]]:
        return {name: {peer: curve for peer, curve in measured.memory.items()
                       if peer not in MULTI_MAPPED}
                for name, measured in self.workloads.items()}

    def changed(self, workload: str) -> dict[str, str]:
        """What of the workload's setting is not the newest."""
        return {what: text for what, text in self.workloads[workload].setting.items()
                if text != self.setting[what]}


def load(file: Path) -> Record:
    document = json.loads(file.read_text())
    workloads = {name: Measured(**fields) for name, fields in document.pop("workloads").items()}
    return Record(**document, workloads=workloads)


def save(record: Record, file: Path) -> None:
    """A line for each workload. The file is whole at any time."""
    document = asdict(record)
    workloads = [f"{json.dumps(name)}: {json.dumps(fields)}"
                 for name, fields in document.pop("workloads").items()]
    head = "".join(f"{json.dumps(name)}: {json.dumps(value)},\n"
                   for name, value in document.items())
    text = "{\n" + head + '"workloads": {\n' + ",\n".join(workloads) + "\n}}\n"
    new = file.with_name(file.name + ".new")
    new.write_text(text)
    os.replace(new, file)
