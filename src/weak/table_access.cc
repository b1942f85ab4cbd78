#include "src/weak/table_access.h"

#include <cstddef>
#include <string>
#include <vector>

#include "elegy/finalization_registry.h"
#include "elegy/internal/object_pointer.h"
#include "elegy/internal/weak_cell.h"
#include "src/base/check.h"
#include "src/mutator/waiting.h"
#include "src/mutator/weak_access.h"

namespace elegy::internal {

namespace {

// Shades whatever a value refers to.
class ShadingVisitor final : public Visitor {
 public:
  ShadingVisitor(MutatorImpl& mutator, bool counts) : mutator_(mutator), counts_(counts) {}

 private:
  void OnSlot(const void*, void* target) override {
    if (!counts_) return mutator_.Shade(target);
    if (!Count(target)) return;
    // Marked, as by a weak read, so that what many values refer to counts once.
    if (!mutator_.state.AllScanned()) return mutator_.Shade(target);
    Resurrect(mutator_, mutator_.state.Resolve(target));
  }
  void OnWeakCell(const WeakCell&) override {}
  void OnTable(TracedTable&) override {}

  // False: there is nothing to shade.
  bool Count(const void* target) {
    HeapState& state = mutator_.state;
    return target != nullptr && state.Contains(target) && !state.IsMarked(target) &&
           state.phase.CountWhileMarking();
  }

  MutatorImpl& mutator_;
  const bool counts_;
};

class AppendingVisitor final : public Visitor {
 public:
  explicit AppendingVisitor(std::vector<void*>& targets) : targets_(targets) {}

 private:
  void OnSlot(const void*, void* target) override {
    if (target != nullptr) targets_.push_back(target);
  }
  void OnWeakCell(const WeakCell&) override {}
  void OnTable(TracedTable&) override {}

  std::vector<void*>& targets_;
};

}  // namespace

// A thread that is not attached to the heap shades nothing: it cancels a registration, or destroys
// a table in the sweep, when nothing is marking. Nothing keeps what the value refers to for a
// thread that answers no handshake, so that it must not be looked into anyway. The same goes for a
// thread inside a BlockingRegion, whose buffer may be the collector's at this moment.
void ShadeTargets(const HeapState& heap, const ValueOps& ops, const void* value, Shading why) {
  MutatorImpl* const mutator = CurrentImplOrNull();
  if (mutator == nullptr || &mutator->state != &heap || mutator->blocking_depth != 0) return;
  if (why == Shading::kAdded && mutator->scanned) return;
  if (PhaseWord::PhaseOf(heap.phase.Load()) != Phase::kMarking) return;
  ShadingVisitor visitor(*mutator, why == Shading::kDroppedUnreached);
  ops.trace(value, visitor);
}

bool InSameObject(const void* a, const void* b) {
  const HeapState& state = CurrentImpl().state;
  if (!state.Contains(a) || !state.Contains(b)) return false;
  return state.Resolve(a).start == state.Resolve(b).start;
}

void CheckMadeAlone(const void* object, const char* what) {
  const MutatorImpl& mutator = CurrentImpl();
  const ConstructionNode* const node = mutator.constructing;
  if (node != nullptr && node->object == object &&
      mutator.state.InfoOf(object).Type()->is_container) {
    return;
  }
  Fail("an elegy::" + std::string(what) +
       " is a managed object of its own: make it by elegy::Make and refer to it by a Member");
}

void FailEmptyCleanup() { Fail("an elegy::FinalizationRegistry needs a cleanup callback"); }

void* ReadWeakTarget(MutatorImpl& mutator, void* target) { return WeakCell(target).Read(mutator); }

bool IsDeadTarget(const MutatorImpl& mutator, const void* target) {
  WeakCell cell(const_cast<void*>(target));
  return cell.IsCleared(const_cast<MutatorImpl&>(mutator));
}

void AddCallbackRoots(MutatorImpl& mutator, const ValueOps& ops, const void* value) {
  if (ops.trace == nullptr) return;
  std::vector<void*>& roots = mutator.callback_roots;
  const std::size_t before = roots.size();
  try {
    AppendingVisitor visitor(roots);
    ops.trace(value, visitor);
  } catch (...) {
    roots.resize(before);
    throw;
  }
}

void AwaitRoomFor(MutatorImpl& mutator, const ValueOps& ops, const void* value,
                  std::initializer_list<const void*> kept) {
  std::vector<void*>& roots = mutator.callback_roots;
  const std::size_t before = roots.size();
  try {
    for (const void* object : kept) {
      if (object != nullptr) roots.push_back(const_cast<void*>(object));
    }
    AddCallbackRoots(mutator, ops, value);
  } catch (...) {
    roots.resize(before);
    throw;
  }
  AwaitNewCycle(mutator, StackState::kMayHoldPointers);
  roots.resize(before);
}

}  // namespace elegy::internal
