"""Runs a program and measures what is seen of it from outside."""

import json
import os
import subprocess
import sys
import threading
import time

from runs import MemoryCurve, Run

TIMEOUT_SECONDS = 1200
SAMPLE_SECONDS = 0.01
MAX_SAMPLES = 300


def start(command: list[str], environment: dict[str, str]) -> subprocess.Popen | None:
    try:
        return subprocess.Popen(command, env=os.environ | environment, text=True,
                                stdout=subprocess.PIPE)
    except OSError as error:
        print(f"failed: {error}", file=sys.stderr)
        return None


def run(command: list[str], environment: dict[str, str]) -> Run:
    """The first and the last line of JSON that the program prints; none if it fails. The last one
    is given the time of the whole process."""
    start_time = time.monotonic()
    process = start(command, environment)
    if process is None:
        return []
    # Not wait(timeout): it looks for the process's end every millisecond or so.
    timer = threading.Timer(TIMEOUT_SECONDS, process.kill)
    timer.daemon = True
    timer.start()
    try:
        with process:
            output = process.stdout.read()
            status = process.wait()
        process_ms = (time.monotonic() - start_time) * 1e3
    finally:
        timer.cancel()
        process.kill()  # nothing, once it has ended
    if status != 0:
        print(f"failed: {command} ended with status {status}", file=sys.stderr)
        return []
    lines = [json.loads(line) for line in output.splitlines() if line.startswith("{")]
    if lines:
        lines[-1]["process_ms"] = process_ms
    return lines[:1] + lines[1:][-1:]


def run_often(command: list[str], environment: dict[str, str], times: int) -> Run:
    """The run that took the median time, for processes that end at once."""
    done = [run(command, environment) for _ in range(times)]
    if not all(done):
        return []
    return sorted(done, key=lambda lines: lines[-1]["process_ms"])[times // 2]


def resident_mib(process: subprocess.Popen) -> float:
    """Zero once the process has ended."""
    with open(f"/proc/{process.pid}/statm", encoding="ascii") as statm:
        pages = int(statm.read().split()[1])
    return pages * os.sysconf("SC_PAGESIZE") / 2**20


def memory_curve(command: list[str], environment: dict[str, str]) -> MemoryCurve:
    """The process's seconds and its resident memory in MiB then, to its end. The reading takes the
    processor from the program now and then, so that no other figure is taken from this run."""
    start_time = time.monotonic()
    process = start(command, environment)
    if process is None:
        return []
    samples: MemoryCurve = []
    with process:
        while process.poll() is None:
            seconds, mib = time.monotonic() - start_time, resident_mib(process)
            if mib > 0:
                samples.append((round(seconds, 3), round(mib, 1)))
            if seconds > TIMEOUT_SECONDS:
                process.kill()
            time.sleep(SAMPLE_SECONDS)
    if process.returncode != 0:
        print(f"failed: {command} ended with status {process.returncode}", file=sys.stderr)
        return []
    return samples[::len(samples) // MAX_SAMPLES + 1]
