// The workloads of elegy's weak references, registries and weak maps.

#ifndef ELEGY_BENCH_WORKLOADS_ELEGY_WEAK_H_
#define ELEGY_BENCH_WORKLOADS_ELEGY_WEAK_H_

#include <cstdint>

#include <elegy/elegy.h>

#include "bench/support/flags.h"
#include "bench/support/report.h"
#include "bench/workloads/elegy_memory.h"
#include "bench/workloads/elegy_registered.h"

namespace elegy::bench {

// Registers every object, drops them all, collects, and runs the callbacks to the last one. All
// rounds use one registry, as a program does.
class Finalize {
 public:
  void Run(ElegyMemory memory, const Flags& flags, Report& report);

 private:
  Persistent<NumberRegistry> registry_;  // null before the first round
  std::uint64_t callbacks_ = 0;          // of this round
  std::int64_t sum_ = 0;                 // of their held values
};

// Drops objects with and without callbacks, while another mutator works.
void RunFinalizeBeside(ElegyMemory memory, const Flags& flags, Report& report);

// Reads live weak references in random order, each pass in a turn of its own.
void RunDeref(ElegyMemory memory, const Flags& flags, Report& report);

// The same with weak handles outside the heap, which keep no target to the turn's end.
void RunDerefPersistent(ElegyMemory memory, const Flags& flags, Report& report);

// Fills a weak map whose values refer back to their keys, looks up every key in random order, drops
// every second key and collects.
void RunEphemeron(ElegyMemory memory, const Flags& flags, Report& report);

// Collects chains of entries, each of whose values is the next one's key, while their first keys
// live and once more when these have died.
void RunEphemeronChain(ElegyMemory memory, const Flags& flags, Report& report);

}  // namespace elegy::bench

#endif  // ELEGY_BENCH_WORKLOADS_ELEGY_WEAK_H_
