// Runs one workload on std::shared_ptr and prints a line of JSON: bench_peer_shared_ptr WORKLOAD
// [flags]. The allocator is the process's malloc, which LD_PRELOAD can replace.

#include <unistd.h>

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <thread>
#include <vector>

#include "bench/peers/shared_ptr_memory.h"
#include "bench/support/clock.h"
#include "bench/support/flags.h"
#include "bench/support/process.h"
#include "bench/support/random.h"
#include "bench/support/report.h"
#include "bench/workloads/memory.h"
#include "bench/workloads/program.h"

extern "C" [[gnu::weak]] int mi_version();  // null where mimalloc is not loaded

namespace elegy::bench {
namespace {

using Node = PairNode<SharedPtrMemory>;

// Objects whose custom deleter takes the place of a finalization callback: making and registering
// an object are one thing here.
void RunFinalize(const Flags& flags, Report& report) {
  const std::size_t objects = flags.Get("objects", 1'000'000);
  const double per_object = 1e9 / static_cast<double>(objects);
  std::uint64_t deleted = 0;
  std::uint64_t sum = 0;
  std::vector<std::shared_ptr<Node>> nodes(objects);

  const double resident_before = ResidentMib();
  const Stopwatch making;
  for (std::size_t held = 0; held < objects; ++held) {
    nodes[held] = std::shared_ptr<Node>(new Node, [held, &deleted, &sum](Node* node) {
      ++deleted;
      sum += held;
      delete node;
    });
  }
  const double make_seconds = making.Seconds();
  const double resident_after = ResidentMib();

  const Stopwatch finalizing;
  for (std::shared_ptr<Node>& node : nodes) node.reset();
  report.Measured(finalizing.Seconds(), objects);
  report.Number("make_and_register_ns", make_seconds * per_object);
  report.Number("bytes_per_object",
                (resident_after - resident_before) * 1048576.0 / static_cast<double>(objects));
  report.Check(deleted == objects && sum == objects * (objects - 1) / 2, "every deleter runs once");
}

void RunDeref(const Flags& flags, Report& report) {
  const std::size_t objects = flags.Get("objects", 1'000'000);
  const std::uint64_t passes = flags.Get("passes", 20);
  std::vector<std::shared_ptr<Node>> nodes(objects);
  std::vector<std::weak_ptr<Node>> references(objects);
  for (std::size_t i = 0; i < objects; ++i) {
    nodes[i] = SharedPtrMemory::Make<Node>();
    references[i] = nodes[i];
  }
  const std::vector<std::uint32_t> order = RandomPermutation(objects);

  std::uint64_t live = 0;
  const Stopwatch watch;
  for (std::uint64_t pass = 0; pass < passes; ++pass) {
    for (const std::uint32_t index : order) {
      if (references[index].lock() != nullptr) ++live;
    }
  }
  report.Measured(watch.Seconds(), passes * objects);
  report.Check(live == passes * objects, "every target is live");
}

bool RunWorkload(const Flags& flags, Report& report) {
  if (RunCommonWorkload(SharedPtrMemory(), flags, report)) return true;
  if (flags.workload() == "finalize") {
    RunFinalize(flags, report);
  } else if (flags.workload() == "deref") {
    RunDeref(flags, report);
  } else {
    return false;
  }
  return true;
}

// libstdc++ counts without atomic operations while a process has only one thread. A program that
// would use a collector for many threads has more than one.
void MakeCountsAtomic() {
  std::thread([] {
    while (true) pause();
  }).detach();
}

// The loader only warns of a library that it cannot preload.
bool LacksMimalloc() {
  // NOLINTNEXTLINE(concurrency-mt-unsafe): there is only one thread yet
  const char* preloaded = std::getenv("LD_PRELOAD");
  return preloaded != nullptr && std::strstr(preloaded, "mimalloc") != nullptr &&
         mi_version == nullptr;
}

int Run(const Flags& flags) {
  if (LacksMimalloc()) {
    std::fputs("LD_PRELOAD names mimalloc, which is not loaded\n", stderr);
    return 2;
  }
  if (flags.Get("single_threaded", 0) == 0) MakeCountsAtomic();
  return RunRounds("shared_ptr", flags, [&](Report& report) { return RunWorkload(flags, report); });
}

}  // namespace
}  // namespace elegy::bench

int main(int argc, char** argv) {
  const int status = elegy::bench::Run(elegy::bench::Flags(argc, argv));
  std::_Exit(status);  // the parked thread would outlive main()
}
