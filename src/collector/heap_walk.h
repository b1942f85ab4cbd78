// Walking the objects of a heap whose mutators are held.

#ifndef ELEGY_SRC_COLLECTOR_HEAP_WALK_H_
#define ELEGY_SRC_COLLECTOR_HEAP_WALK_H_

#include <functional>

#include "src/heap/heap_state.h"

namespace elegy::internal {

// Calls visit(start, info) for every whole object whose bit in `bits` is set: not for cells that a
// mutator has claimed and not filled, nor for objects under construction, nor for those whose
// constructors have thrown.
void ForEachObject(HeapState& state, ObjectBits bits,
                   const std::function<void(void*, const BlockInfo&)>& visit)
    ELEGY_REQUIRES(state.mutators_mutex);

}  // namespace elegy::internal

#endif  // ELEGY_SRC_COLLECTOR_HEAP_WALK_H_
