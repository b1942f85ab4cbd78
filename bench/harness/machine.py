"""What a page of results says about the machine and the versions of what ran on it."""

import os
import platform
import re
import subprocess
from pathlib import Path


def first_line(command: list[str]) -> str:
    """Of what the command says of itself, or nothing if there is no such command."""
    try:
        done = subprocess.run(command, text=True, check=True, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, timeout=60)
    except (subprocess.SubprocessError, OSError):
        return ""
    return done.stdout.strip().partition("\n")[0]


def package_version(package: str) -> str:
    return first_line(["dpkg-query", "-W", "-f=${Package} ${Version}", package])


def field(file: str, name: str) -> str:
    found = re.search(rf"^{name}\s*[:=]\s*\"?(.*?)\"?$", Path(file).read_text(), re.MULTILINE)
    return found[1] if found else ""


def revision(root: Path) -> str:
    """The last commit that changed the library or the programs, and whether that is all."""
    git = ["git", "-C", str(root)]
    sources = ["--", "src", "include", "bench/peers", "bench/support", "bench/workloads"]
    commit = first_line([*git, "log", "-1", "--format=%h", *sources])
    changed = first_line([*git, "diff", "HEAD", "--name-only", *sources])
    return f"{commit}, changed" if changed else commit


def describe(build_dir: Path) -> dict[str, str]:
    compiler = re.search(r"^CMAKE_CXX_COMPILER:\w+=(.*)$",
                         (build_dir / "CMakeCache.txt").read_text(), re.MULTILINE)[1]
    memory_kib = int(field("/proc/meminfo", "MemTotal").split()[0])
    return {
        "processor": field("/proc/cpuinfo", "model name") or platform.machine(),
        "cores": str(os.cpu_count()),
        "memory": f"{memory_kib / 2**20:.0f} GiB",
        "system": f"{field('/etc/os-release', 'PRETTY_NAME')}, Linux {platform.release()}",
        "compiler": first_line([compiler, "--version"]),
        "elegy": revision(Path(__file__).resolve().parents[2]),
    }


def version(peer: str) -> str:
    """The version of what the peer runs on."""
    if peer.startswith("jvm"):
        return first_line(["java", "-version"])
    if peer == "go":
        return first_line(["go", "version"])
    if peer == "node":
        return first_line(["node", "--version"])
    if peer == "cppgc":
        return package_version("libnode108") or "of Debian's libnode"
    packages = {"bdw": "libgc1", "shared_ptr": "libstdc++6",
                "shared_ptr-mimalloc": "libmimalloc2.0"}
    return package_version(packages[peer])
