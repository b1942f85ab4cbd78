// start: a heap, one object, and the end. What counts is the process: its time and its memory.

#ifndef ELEGY_BENCH_WORKLOADS_START_H_
#define ELEGY_BENCH_WORKLOADS_START_H_

#include "bench/support/clock.h"
#include "bench/support/publish.h"
#include "bench/support/report.h"
#include "bench/workloads/memory.h"

namespace elegy::bench {

template <class Memory>
void RunStart(Memory memory, Report& report) {
  const Stopwatch watch;
  Publish(Raw(memory.template Make<PairNode<Memory>>()));
  report.Measured(watch.Seconds(), 1);
}

}  // namespace elegy::bench

#endif  // ELEGY_BENCH_WORKLOADS_START_H_
