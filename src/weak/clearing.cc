#include "src/weak/clearing.h"

#include <algorithm>
#include <memory>
#include <utility>
#include <vector>

#include "elegy/internal/registry_core.h"
#include "src/base/chaos.h"
#include "src/mutator/weak_access.h"
#include "src/weak/delivery.h"

namespace elegy::internal {

namespace {

class MarkedLiveness final : public Liveness {
 public:
  explicit MarkedLiveness(const HeapState& heap) : heap_(heap), marks_(heap.MarkBits()) {}

  bool IsLive(const void* object) const override {
    const ObjectRef ref = heap_.Resolve(object);
    return marks_.Test(ref.block, ref.index) && !IsCondemned(heap_, ref.start);
  }

  std::size_t ClearIfDead(WeakCell& cell) const {
    void* const target = cell.Target();
    if (target == nullptr || IsLive(target)) return 0;
    ELEGY_CHAOS_POINT("cell about to be cleared");
    return cell.ClearIf(target) ? 1 : 0;
  }

 private:
  const HeapState& heap_;
  const ObjectBits marks_;
};

}  // namespace

std::size_t ClearWeakViews(HeapState& heap, MarkingState& marking) {
  const MarkedLiveness liveness(heap);
  std::vector<WeakCell*> cells;
  std::vector<WeakCell*> noted;
  std::vector<TracedTable*> tables;
  {
    MutexLock lock(marking.mutex);
    cells.swap(marking.found_cells);
    tables.swap(marking.found_tables);
  }
  {
    MutexLock lock(heap.noted_mutex);
    noted.swap(heap.noted_cells);
    tables.insert(tables.end(), heap.noted_tables.begin(), heap.noted_tables.end());
    heap.noted_tables.clear();
  }
  // A table is noted by every write that may escape the marker.
  std::sort(tables.begin(), tables.end());
  tables.erase(std::unique(tables.begin(), tables.end()), tables.end());
  std::size_t cleared = 0;
  for (WeakCell* cell : cells) cleared += liveness.ClearIfDead(*cell);
  for (WeakCell* cell : noted) cleared += liveness.ClearIfDead(*cell);
  ELEGY_CHAOS_POINT("cells cleared");
  heap.roots->ForEach(/*strong=*/false,
                      [&](WeakCell& cell) { cleared += liveness.ClearIfDead(cell); });
  ELEGY_CHAOS_POINT("handles cleared");
  for (TracedTable* table : tables) cleared += table->ClearDead(liveness);
  heap.cells_cleared.Add(cleared);
  return cleared;
}

std::size_t QueueRecords(HeapState& heap) {
  const MarkedLiveness liveness(heap);
  std::vector<std::shared_ptr<RegistryCore>> registries;
  {
    MutexLock lock(heap.registries_mutex);
    // A dead registry will be destroyed by the sweep, which drops its records.
    std::erase_if(heap.registries, [&](const std::shared_ptr<RegistryCore>& core) {
      if (heap.IsMarked(core->self())) return false;
      core->Orphan();
      heap.records.registered.Add(core->registered());
      heap.records.delivered.Add(core->delivered());
      return true;
    });
    registries = heap.registries;
  }
  ELEGY_CHAOS_POINT("registries known");
  std::size_t queued = 0;
  std::vector<std::shared_ptr<RegistryCore>> ready;
  for (std::shared_ptr<RegistryCore>& core : registries) {
    bool became_ready = false;
    queued += core->QueueDead(liveness, &became_ready);
    if (became_ready) ready.push_back(std::move(core));
  }
  ELEGY_CHAOS_POINT("queued, not announced");
  AnnounceReady(heap, ready);
  ELEGY_CHAOS_POINT("announced");
  for (const std::shared_ptr<RegistryCore>& core : ready) core->NotifyReady();
  return queued;
}

}  // namespace elegy::internal
