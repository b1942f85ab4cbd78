// Runs one workload on elegy and prints a line of JSON: elegy_workloads WORKLOAD [flags].

#include <algorithm>
#include <cstdint>

#include <elegy/elegy.h>

#include "bench/support/flags.h"
#include "bench/support/report.h"
#include "bench/workloads/elegy_memory.h"
#include "bench/workloads/elegy_weak.h"
#include "bench/workloads/mark.h"
#include "bench/workloads/program.h"

namespace elegy::bench {
namespace {

bool RunWorkload(ElegyMemory memory, const Flags& flags, Finalize& finalize, Report& report) {
  if (RunCommonWorkload(memory, flags, report)) return true;
  if (flags.workload() == "finalize") {
    finalize.Run(memory, flags, report);
  } else if (flags.workload() == "finalize-beside") {
    RunFinalizeBeside(memory, flags, report);
  } else if (flags.workload() == "deref") {
    RunDeref(memory, flags, report);
  } else if (flags.workload() == "deref-persistent") {
    RunDerefPersistent(memory, flags, report);
  } else if (flags.workload() == "ephemeron") {
    RunEphemeron(memory, flags, report);
  } else if (flags.workload() == "ephemeron-chain") {
    RunEphemeronChain(memory, flags, report);
  } else if (flags.workload() == "mark") {
    RunMark(memory, flags, report);
  } else {
    return false;
  }
  return true;
}

// What the heap itself measured, over its whole life: the longest that any mutator was kept from
// its work by one answer to the collector, and how long the collector's phases took.
void AddHeapStats(const HeapStats& stats, Report& report) {
  std::uint64_t delay_max_ns = 0;
  std::uint64_t delay_p999_ns = 0;
  std::uint64_t latency_max_ns = 0;
  for (const HandshakeStats& handshake : stats.handshakes) {
    delay_max_ns = std::max<std::uint64_t>(delay_max_ns, handshake.delay_max_ns);
    delay_p999_ns = std::max<std::uint64_t>(delay_p999_ns, handshake.delay_p999_ns);
    latency_max_ns = std::max<std::uint64_t>(latency_max_ns, handshake.latency_max_ns);
  }
  report.Count("cycles", stats.cycles);
  report.Number("longest_delay_us", static_cast<double>(delay_max_ns) * 1e-3);
  report.Number("delay_p999_us", static_cast<double>(delay_p999_ns) * 1e-3);
  report.Number("handshake_latency_max_us", static_cast<double>(latency_max_ns) * 1e-3);
  report.Number("allocation_stall_max_us",
                static_cast<double>(stats.allocation_stall_max_ns) * 1e-3);
  report.Number("marking_max_ms", static_cast<double>(stats.marking.max_ns) * 1e-6);
  report.Number("marking_last_ms", static_cast<double>(stats.marking.last_ns) * 1e-6);
  report.Number("clearing_max_ms", static_cast<double>(stats.clearing.max_ns) * 1e-6);
  report.Number("sweeping_max_ms", static_cast<double>(stats.sweeping.max_ns) * 1e-6);
}

int Run(const Flags& flags) {
  HeapOptions options;
  options.initial_heap_bytes = InitialHeapBytes(flags, 16);
  options.max_heap_bytes = MaxHeapBytes(flags);
  options.marker_threads = static_cast<int>(flags.Get("marker_threads", 0));
  Heap heap(options);
  Mutator mutator(heap);
  Finalize finalize;
  return RunRounds("elegy", flags, [&](Report& report) {
    if (!RunWorkload(ElegyMemory(heap, mutator), flags, finalize, report)) return false;
    AddHeapStats(heap.Stats(), report);
    return true;
  });
}

}  // namespace
}  // namespace elegy::bench

int main(int argc, char** argv) { return elegy::bench::Run(elegy::bench::Flags(argc, argv)); }
