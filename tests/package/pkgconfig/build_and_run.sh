#!/bin/sh
# Builds the consumer as a program without CMake would, and runs it.
# Usage: build_and_run.sh <compiler> <folder of elegy.pc> <output folder>
set -eu

compiler=$1
export PKG_CONFIG_PATH="$2"
output=$3
source=$(dirname "$0")/../main.cc

mkdir -p "$output"
# The flags are lists in which spaces are escaped: the shell has to read them.
cflags=$(pkg-config --cflags elegy)
libs=$(pkg-config --static --libs elegy)
eval "set -- $cflags \"\$source\" $libs"
"$compiler" -std=c++20 "$@" -o "$output/consumer"
"$output/consumer"
