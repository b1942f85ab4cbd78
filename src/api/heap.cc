#include "elegy/heap.h"

#include <utility>

#include "src/collector/heap_impl.h"
#include "src/collector/snapshot.h"
#include "src/mutator/external_debt.h"

namespace elegy {

Heap::Heap(HeapOptions options) : impl_(std::make_unique<internal::HeapImpl>(options)) {}
Heap::~Heap() = default;

void Heap::Collect(StackState caller) { impl_->Collect(caller); }
void Heap::RequestCollection() { impl_->state().request.Ask(); }
void Heap::AdjustExternalBytes(std::ptrdiff_t delta) {
  internal::HeapState& state = impl_->state();
  const internal::MutatorImpl* const mutator = internal::CurrentImplOrNull();
  const bool is_own = mutator != nullptr && &mutator->state == &state;
  if (delta < 0 && is_own && !mutator->deliveries.empty() &&
      mutator->deliveries.back().is_of_dead) {
    return state.CloseInCallback(delta);
  }
  state.AdjustExternal(delta);
  if (delta > 0) internal::OweWaitIfFarBeyondGoal(state, static_cast<std::size_t>(delta));
  if (delta < 0 && is_own) {
    state.accounting.external_closed.Add(0 - static_cast<std::uint64_t>(delta));
  }
}
HeapStats Heap::Stats() const { return impl_->Stats(); }
absl::Status Heap::WriteSnapshot(std::ostream& out) { return internal::WriteSnapshot(*impl_, out); }
void Heap::SetObserver(absl::AnyInvocable<void(const HeapEvent&)> observer) {
  impl_->SetObserver(std::move(observer));
}
std::size_t Heap::Shutdown(ShutdownPolicy policy) { return impl_->Shutdown(policy); }
absl::Status Heap::PrepareFork() { return impl_->PrepareFork(); }
void Heap::AfterFork() { impl_->AfterFork(); }

}  // namespace elegy
