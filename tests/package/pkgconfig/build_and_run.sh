#!/bin/sh
# Builds the consumer as a program without CMake would, and runs it.
# Usage: build_and_run.sh <compiler> <folder of elegy.pc> <output folder>
set -eu

compiler=$1
export PKG_CONFIG_PATH="$2"
output=$3
source=$(dirname "$0")/../main.cc

mkdir -p "$output"
# The flags are lists: the shell has to split them.
# shellcheck disable=SC2046
"$compiler" -std=c++20 $(pkg-config --cflags elegy) "$source" \
  $(pkg-config --static --libs elegy) -o "$output/consumer"
"$output/consumer"
