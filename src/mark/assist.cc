#include "src/mark/assist.h"

#include "src/base/check.h"
#include "src/mark/marker.h"

namespace elegy::internal {

namespace {

// About 20 to 50 microseconds of marking: four times what a block's worth of objects costs to mark.
constexpr std::size_t kAssistObjects = 1024;

}  // namespace

bool AssistMarking(HeapState& heap) {
  bool found = false;
  NeedsMemory([&] {
    Marker marker(heap, *heap.marking, Marker::Role::kAssistant);
    found = marker.MarkSome(kAssistObjects);
  });
  return found;
}

}  // namespace elegy::internal
