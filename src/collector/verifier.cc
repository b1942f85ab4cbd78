#include "src/collector/verifier.h"

#include <string>

#include "elegy/internal/registry_core.h"
#include "elegy/visitor.h"
#include "src/base/check.h"
#include "src/collector/heap_walk.h"
#include "src/mutator/handshake.h"
#include "src/mutator/mutator_impl.h"

namespace elegy::internal {

namespace {

class CheckingVisitor final : public Visitor, public TableMarker {
 public:
  explicit CheckingVisitor(HeapState& state) : state_(state) {}

  void Check(const void* target, std::string_view holder) {
    if (target == nullptr || state_.IsMarked(target)) return;
    Fail("verifier: " + std::string(holder) + " refers to an unmarked " +
         std::string(state_.InfoOf(target).Type()->name));
  }
  void CheckHandle(const void* target) {
    Check(target, "a Persistent");
    if (target == nullptr || !state_.failed.IsFailed(state_.Resolve(target))) return;
    Fail("verifier: a Persistent refers to a " + std::string(state_.InfoOf(target).Type()->name) +
         " whose constructor has thrown");
  }
  // An object whose constructor has thrown may have been kept by a weak reference to it.
  void CheckKept(const void* target) {
    if (state_.IsAllocated(state_.Resolve(target))) Check(target, "a kept-alive list");
  }
  void SetHolder(std::string_view holder) { holder_ = holder; }

 private:
  void OnSlot(const void*, void* target) override { Check(target, holder_); }
  void OnWeakCell(const WeakCell&) override {}
  void OnTable(TracedTable& table) override { table.Mark(*this); }
  Visitor& visitor() override { return *this; }
  bool IsMarkedOrFile(void* key, TracedTable&) override { return state_.IsMarked(key); }

  HeapState& state_;
  std::string_view holder_;
};

}  // namespace

void VerifyMarks(HeapState& state) {
  const HoldScope hold(state);
  CheckingVisitor visitor(state);
  ForEachObject(state, state.MarkBits(), [&](void* start, const BlockInfo& info) {
    if (info.Type()->trace == nullptr) return;
    visitor.SetHolder(info.Type()->name);
    info.Type()->trace(start, visitor);
  });
  state.roots->ForEach(/*strong=*/true,
                       [&](const WeakCell& cell) { visitor.CheckHandle(cell.Target()); });
  for (const auto& [id, mutator] : state.mutators) {
    for (const void* kept : mutator->kept) visitor.CheckKept(kept);
  }
  MutexLock lock(state.registries_mutex);
  for (const std::shared_ptr<RegistryCore>& core : state.registries) {
    if (core->IsRoot()) visitor.Check(core->self(), "a list of pending records");
  }
}

}  // namespace elegy::internal
