#include "elegy/weak_map.h"
#include "src/mutator/mutator_impl.h"
#include "src/mutator/waiting.h"

namespace elegy::internal {

absl::Status NullKeyError() { return absl::InvalidArgumentError("elegy: a null key"); }

absl::Status NoRoomError() {
  return absl::ResourceExhaustedError("elegy: no room for a larger table within max_heap_bytes");
}

void CollectForRoom() { AwaitNewCycle(CurrentImpl(), StackState::kMayHoldPointers); }

}  // namespace elegy::internal
