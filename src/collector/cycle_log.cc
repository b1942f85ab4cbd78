#include "src/collector/cycle_log.h"

#include <cstdio>
#include <cstdlib>
#include <string_view>

namespace elegy::internal {

namespace {

double Mib(std::uint64_t bytes) { return static_cast<double>(bytes) / (1 << 20); }
double Ms(std::uint64_t ns) { return static_cast<double>(ns) / 1e6; }

}  // namespace

bool LogIsOn() {
  const char* const value = std::getenv("ELEGY_LOG");  // NOLINT(concurrency-mt-unsafe)
  return value != nullptr && std::string_view(value) == "gc";
}

void LogCycle(HeapState& state, const CycleReport& report) {
  std::fprintf(
      stderr,
      "elegy: gc %llu: after %.1f MiB (external %.1f MiB): mark %.2f ms (%d rounds, %llu brought "
      "back), clear %.2f ms, sweep %.2f ms; live %.1f MiB, freed %.1f MiB, heap %.1f MiB; %zu "
      "cells "
      "cleared, %zu records queued; longest delay %.1f us\n",
      static_cast<unsigned long long>(report.cycle), Mib(report.allocated_before),
      Mib(state.accounting.External()), Ms(report.marking_ns), report.rounds,
      static_cast<unsigned long long>(report.resurrections), Ms(report.clearing_ns),
      Ms(report.sweeping_ns), Mib(report.live_bytes), Mib(report.freed_bytes),
      Mib(state.accounting.Taken()), report.cleared, report.queued,
      static_cast<double>(report.longest_delay_ns) / 1e3);
}

}  // namespace elegy::internal
