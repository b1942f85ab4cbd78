// Google Benchmark's own main function: see --help for its flags.

#include <benchmark/benchmark.h>

BENCHMARK_MAIN();
