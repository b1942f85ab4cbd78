#include "elegy/weak_map.h"
#include "src/mutator/mutator_impl.h"
#include "src/weak/table_access.h"

namespace elegy::internal {

absl::Status NullKeyError() { return absl::InvalidArgumentError("elegy: a null key"); }

absl::Status NoRoomError() {
  return absl::ResourceExhaustedError("elegy: no room for a larger table within max_heap_bytes");
}

void CollectForRoom(const ValueOps& ops, const void* value, const void* key, const void* table) {
  AwaitRoomFor(CurrentImpl(), ops, value, {key, table});
}

}  // namespace elegy::internal
