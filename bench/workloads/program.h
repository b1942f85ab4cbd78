// What the workload programs share: which of the common workloads a name stands for, and the name
// under which a run is reported.

#ifndef ELEGY_BENCH_WORKLOADS_PROGRAM_H_
#define ELEGY_BENCH_WORKLOADS_PROGRAM_H_

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <string>
#include <string_view>

#include "bench/support/flags.h"
#include "bench/support/report.h"
#include "bench/workloads/alloc32.h"
#include "bench/workloads/binary_trees.h"
#include "bench/workloads/churn.h"
#include "bench/workloads/fragment.h"
#include "bench/workloads/gcbench.h"
#include "bench/workloads/start.h"

namespace elegy::bench {

inline constexpr std::size_t kMib = std::size_t{1} << 20;

// Runs the workload if it is one of those that need nothing but objects. Returns whether it is.
template <class Memory>
bool RunCommonWorkload(Memory memory, const Flags& flags, Report& report) {
  const std::string& workload = flags.workload();
  if (workload == "alloc32") {
    RunAlloc32(memory, flags, report);
  } else if (workload == "binary-trees") {
    RunBinaryTrees(memory, static_cast<int>(flags.Get("threads", 1)), flags, report);
  } else if (workload == "binary-trees-mt") {
    RunBinaryTrees(memory, static_cast<int>(flags.Get("threads", 2)), flags, report);
  } else if (workload == "gcbench") {
    RunGcbench(memory, flags, report);
  } else if (workload == "churn") {
    RunChurn(memory, flags, report);
  } else if (workload == "fragment") {
    RunFragment(memory, flags, report);
  } else if (workload == "start") {
    RunStart(memory, report);
  } else {
    return false;
  }
  return true;
}

inline std::string ReportedName(const Flags& flags) {
  if (flags.workload() != "churn") return flags.workload();
  return "churn-" + std::to_string(ChurnLiveMib(flags));
}

// The heap's size at the start, where the flags do not say it: the collector's own best. The tree
// of `mark` is built without a collection in between.
inline std::size_t InitialHeapBytes(const Flags& flags, std::size_t best_mib) {
  return flags.Get("initial_heap_mib", flags.workload() == "mark" ? 2048 : best_mib) * kMib;
}

// churn limits the heap to 2.5 times the live nodes. 0: no limit.
inline std::size_t MaxHeapBytes(const Flags& flags) {
  const std::size_t churn_mib = ChurnLiveMib(flags) * 5 / 2;
  return flags.Get("max_heap_mib", flags.workload() == "churn" ? churn_mib : 0) * kMib;
}

// Runs a workload so many times in this process and prints a line for each: the first round also
// measures how the heap gets its memory from the system. run(report) returns whether there is such
// a workload. Returns the program's exit status.
template <class F>
int RunRounds(std::string_view peer, const Flags& flags, F&& run) {
  int status = 0;
  for (std::uint64_t round = flags.Get("rounds", 1); round > 0; --round) {
    Report report(peer, ReportedName(flags));
    if (!run(report)) {
      std::fprintf(stderr, "unknown workload: '%s'\n", flags.workload().c_str());
      return 2;
    }
    status = std::max(status, report.Print());
  }
  return status;
}

}  // namespace elegy::bench

#endif  // ELEGY_BENCH_WORKLOADS_PROGRAM_H_
