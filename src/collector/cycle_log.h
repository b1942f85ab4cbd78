// A line for each cycle on standard error, when the environment has ELEGY_LOG=gc.

#ifndef ELEGY_SRC_COLLECTOR_CYCLE_LOG_H_
#define ELEGY_SRC_COLLECTOR_CYCLE_LOG_H_

#include "src/collector/heap_impl.h"

namespace elegy::internal {

// Whether the environment asks for it; read when a heap is made.
bool LogIsOn();
void LogCycle(HeapState& state, const CycleReport& report);

}  // namespace elegy::internal

#endif  // ELEGY_SRC_COLLECTOR_CYCLE_LOG_H_
