// A line on standard error for each thread that keeps the collector waiting.

#ifndef ELEGY_SRC_MUTATOR_LATE_ANSWERS_H_
#define ELEGY_SRC_MUTATOR_LATE_ANSWERS_H_

#include <cstdint>

#include "src/heap/heap_state.h"

namespace elegy::internal {

// Names the mutators that have not answered the request of this kind, asked at `asked_ns` of the
// monotonic clock.
void LogLateAnswers(HeapState& state, Handshake kind, std::uint64_t asked_ns)
    ELEGY_REQUIRES(state.mutators_mutex);

}  // namespace elegy::internal

#endif  // ELEGY_SRC_MUTATOR_LATE_ANSWERS_H_
