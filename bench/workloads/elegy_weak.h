// The workloads of elegy's weak references, registries and weak maps.

#ifndef ELEGY_BENCH_WORKLOADS_ELEGY_WEAK_H_
#define ELEGY_BENCH_WORKLOADS_ELEGY_WEAK_H_

#include "bench/support/flags.h"
#include "bench/support/report.h"
#include "bench/workloads/elegy_memory.h"

namespace elegy::bench {

// Registers every object, drops them all, collects, and runs the callbacks to the last one.
void RunFinalize(ElegyMemory memory, const Flags& flags, Report& report);

// Drops objects with and without callbacks, while another mutator works.
void RunFinalizeBeside(ElegyMemory memory, const Flags& flags, Report& report);

// Reads live weak references in random order, each pass in a turn of its own.
void RunDeref(ElegyMemory memory, const Flags& flags, Report& report);

// Fills a weak map whose values refer back to their keys, looks up every key in random order, drops
// every second key and collects.
void RunEphemeron(ElegyMemory memory, const Flags& flags, Report& report);

// Collects chains of entries, each of whose values is the next one's key, while their first keys
// live and once more when these have died.
void RunEphemeronChain(ElegyMemory memory, const Flags& flags, Report& report);

}  // namespace elegy::bench

#endif  // ELEGY_BENCH_WORKLOADS_ELEGY_WEAK_H_
