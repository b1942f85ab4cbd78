# Shared by the scripts in this folder: sourced, never run.
# shellcheck shell=bash disable=SC2034

# Debian's packages that the library, its tests, benchmarks and examples are built with.
build_packages=(
  g++ cmake ninja-build pkg-config
  libabsl-dev libboost-dev libbenchmark-dev libgtest-dev libgmock-dev libjpeg-dev libpng-dev spin
)
# The second compiler, its sanitizers, and its tools.
clang_packages=(clang clang-format clang-tidy libclang-rt-14-dev)
# What counts the instructions of the fast paths.
counting_packages=(python3 valgrind)

jobs=$(nproc)

# Names the contents of all files below the paths: a result says of which sources it is.
digest() {
  find "$@" -type f | LC_ALL=C sort | xargs sha256sum | sha256sum | cut -c 1-12
}

say() {
  printf '== %s\n' "$*"
}

# Prints the comment at the head of the script that runs, and ends it, if an argument asks for help.
# For scripts that have not changed their folder since they sourced this file.
help_if_asked() {
  local argument
  for argument in "$@"; do
    if [[ $argument == --help || $argument == -h ]]; then
      sed -n '2,${/^#/!q; s/^# \{0,1\}//p}' "$(dirname "${BASH_SOURCE[0]}")/${0##*/}"
      exit 0
    fi
  done
}

# Whether the named Debian package is installed.
is_installed() {
  dpkg-query -W -f='${db:Status-Status}\n' "$1" 2>/dev/null | grep -q '^installed'
}

as_root() {
  if ((EUID == 0)); then
    "$@"
  elif command -v sudo >/dev/null; then
    sudo "$@"
  else
    say "Neither root nor sudo to run: $*" >&2
    return 1
  fi
}

# Installs those of the named Debian packages that are missing. Needs no network if none is.
install_missing() {
  if ! command -v dpkg-query >/dev/null; then
    say "Not a Debian system; taken to be installed: $*"
    return
  fi

  local missing=() package
  for package in "$@"; do
    is_installed "$package" || missing+=("$package")
  done
  if ((${#missing[@]} == 0)); then
    say "Every package needed is installed"
    return
  fi

  say "Installing ${missing[*]}"
  as_root apt-get update
  as_root env DEBIAN_FRONTEND=noninteractive \
    apt-get install --yes --no-install-recommends "${missing[@]}"
}
