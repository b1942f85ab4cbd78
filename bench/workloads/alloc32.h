// alloc32: objects of 32 bytes, none retained.

#ifndef ELEGY_BENCH_WORKLOADS_ALLOC32_H_
#define ELEGY_BENCH_WORKLOADS_ALLOC32_H_

#include <cstdint>

#include "bench/support/clock.h"
#include "bench/support/flags.h"
#include "bench/support/publish.h"
#include "bench/support/report.h"
#include "bench/workloads/memory.h"

namespace elegy::bench {

template <class Memory>
void RunAlloc32(Memory memory, const Flags& flags, Report& report) {
  using Node = PairNode<Memory>;
  static_assert(sizeof(Node) >= 32);
  const auto objects = static_cast<std::int64_t>(flags.Get("objects", 100'000'000));
  std::int64_t first = -1;

  const Stopwatch watch;
  for (std::int64_t i = 0; i < objects; ++i) {
    Local<Memory, Node> node = memory.template Make<Node>(nullptr, nullptr, i, i);
    Publish(Raw(node));
    first = node->first;
  }
  report.Measured(watch.Seconds(), static_cast<std::uint64_t>(objects));
  report.Check(first == objects - 1, "the last object holds the last number");
}

}  // namespace elegy::bench

#endif  // ELEGY_BENCH_WORKLOADS_ALLOC32_H_
