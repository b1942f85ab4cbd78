"""What a page of results says about the machine and the versions of what ran on it."""

import os
import platform
import re
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SOURCES = ("CMakeLists.txt", "bench/harness/peers.py", "bench/peers", "bench/support",
           "bench/workloads", "cmake", "include", "src")
# What a setting calls the digest of the sources.
ELEGY = "elegy's and the programs' sources"


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
    found = re.search(rf"^{name}[ \t]*[:=][ \t]*\"?(.*?)\"?$", Path(file).read_text(), re.MULTILINE)
    return found[1] if found else ""


def sources() -> str:
    """Names what of this repository influences the figures, of the harness the peers' options."""
    return first_line(["bash", "-c", 'cd "$1" && source tools/lib.sh && digest "${@:2}"', "digest",
                       str(ROOT), *SOURCES])


def describe() -> dict[str, str]:
    """What tells one machine from another."""
    memory_kib = int(field("/proc/meminfo", "MemTotal").split()[0])
    return {
        "processor": field("/proc/cpuinfo", "model name") or platform.machine(),
        "cores": str(os.cpu_count()),
        "memory": f"{memory_kib / 2**20:.0f} GiB",
    }


def setting(build_dir: Path, peers: list[str]) -> dict[str, str]:
    """The versions of all that runs on the machine."""
    cache = {name: field(str(build_dir / "CMakeCache.txt"), rf"{name}:\w+") for name in
             ("CMAKE_CXX_COMPILER", "CMAKE_CXX_FLAGS", "CMAKE_CXX_FLAGS_RELEASE")}
    compiler, *flags = [text for text in cache.values() if text]
    return {
        "system": f"{field('/etc/os-release', 'PRETTY_NAME')}, Linux {platform.release()}",
        "compiler": " ".join([first_line([compiler, "--version"]), *flags]),
        ELEGY: sources(),
    } | {peer: version(peer) for peer in peers}


def version(peer: str) -> str:
    """The version of what the peer runs on."""
    if peer.startswith("jvm"):
        return first_line(["java", "-version"])
    if peer == "go":
        return first_line(["go", "version"])
    if peer == "node":
        return first_line(["node", "--version"])
    if peer == "cppgc":
        unpacked = ROOT / "build" / "libnode" / "version"
        return package_version("libnode108") or (unpacked.read_text().strip()
                                                 if unpacked.exists() else "")
    packages = {"bdw": "libgc1", "shared_ptr": "libstdc++6",
                "shared_ptr-mimalloc": "libmimalloc2.0"}
    return package_version(packages[peer])
