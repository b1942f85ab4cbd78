#include "src/collector/heap_walk.h"

#include <vector>

#include "absl/container/flat_hash_set.h"
#include "src/mutator/claim.h"
#include "src/mutator/mutator_impl.h"

namespace elegy::internal {

namespace {

// The cells that hold no whole object although their bits are set.
std::vector<const void*> UnbuiltCells(HeapState& state) ELEGY_REQUIRES(state.mutators_mutex) {
  std::vector<const void*> cells;
  for (const auto& [id, mutator] : state.mutators) {
    for (std::size_t i = 0; i < mutator->owned.size(); i++) {
      if (mutator->owned[i].block != BlockPool::kNoBlock) AppendUnbuiltCells(*mutator, i, cells);
    }
    for (const ConstructionNode* node = mutator->constructing; node != nullptr;
         node = node->outer) {
      cells.push_back(node->object);
    }
  }
  state.failed.AppendTo(cells);
  return cells;
}

}  // namespace

void ForEachObject(HeapState& state, ObjectBits bits,
                   const std::function<void(void*, const BlockInfo&)>& visit) {
  const std::vector<const void*> cells = UnbuiltCells(state);
  const absl::flat_hash_set<const void*> unbuilt(cells.begin(), cells.end());
  for (std::size_t block = 0; block < state.pool.Frontier(); block++) {
    const BlockInfo info = state.pool.Info(block);
    if (info.Kind() != BlockKind::kSmall && info.Kind() != BlockKind::kLargeHead) continue;
    for (std::size_t index = 0; index < info.Capacity(); index++) {
      if (!bits.Test(block, index)) continue;
      void* const start = state.pool.Address(block) + index * info.Stride();
      if (!unbuilt.contains(start)) visit(start, info);
    }
  }
}

}  // namespace elegy::internal
