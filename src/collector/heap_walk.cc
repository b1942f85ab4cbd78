#include "src/collector/heap_walk.h"

#include <cstdint>

#include "absl/container/flat_hash_set.h"
#include "src/mutator/mutator_impl.h"

namespace elegy::internal {

namespace {

// The cells that hold no whole object although their bits are set.
absl::flat_hash_set<const void*> UnbuiltCells(const HeapState& state)
    ELEGY_REQUIRES(state.mutators_mutex) {
  absl::flat_hash_set<const void*> cells;
  for (const auto& [id, mutator] : state.mutators) {
    for (std::size_t i = 0; i < mutator->owned.size(); i++) {
      const OwnedBlock& owned = mutator->owned[i];
      if (owned.block == BlockPool::kNoBlock) continue;
      const AllocationRun& run = mutator->run_table[i];
      for (const char* at = run.cursor; at != run.limit; at += owned.space->Stride()) {
        cells.insert(at);
      }
    }
    for (const ConstructionNode* node = mutator->constructing; node != nullptr;
         node = node->outer) {
      cells.insert(node->object);
    }
  }
  return cells;
}

}  // namespace

void ForEachObject(HeapState& state, ObjectBits bits,
                   const std::function<void(void*, const BlockInfo&)>& visit) {
  const absl::flat_hash_set<const void*> unbuilt = UnbuiltCells(state);
  for (std::size_t block = 0; block < state.pool.Frontier(); block++) {
    const BlockInfo& info = state.pool.Info(block);
    if (info.Kind() != BlockKind::kSmall && info.Kind() != BlockKind::kLargeHead) continue;
    for (std::size_t index = 0; index < info.Capacity(); index++) {
      if (!bits.Test(block, index)) continue;
      void* const start = state.pool.Address(block) + index * info.Stride();
      if (!unbuilt.contains(start)) visit(start, info);
    }
  }
}

}  // namespace elegy::internal
