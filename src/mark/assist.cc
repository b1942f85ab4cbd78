#include "src/mark/assist.h"

#include <utility>

#include "src/base/check.h"
#include "src/mark/marker.h"

namespace elegy::internal {

bool AssistMarking(HeapState& heap, std::size_t objects) {
  bool found = false;
  const HeapState* const outer = std::exchange(t_collecting, &heap);
  NeedsMemory([&] {
    Marker marker(heap, *heap.marking, Marker::Role::kAssistant);
    found = marker.MarkSome(objects);
  });
  t_collecting = outer;
  return found;
}

}  // namespace elegy::internal
