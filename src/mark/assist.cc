#include "src/mark/assist.h"

#include "src/base/check.h"
#include "src/mark/marker.h"

namespace elegy::internal {

bool AssistMarking(HeapState& heap, std::size_t objects) {
  bool found = false;
  NeedsMemory([&] {
    Marker marker(heap, *heap.marking, Marker::Role::kAssistant);
    found = marker.MarkSome(objects);
  });
  return found;
}

}  // namespace elegy::internal
