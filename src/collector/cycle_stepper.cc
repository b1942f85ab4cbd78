#include "elegy/testing.h"
#include "src/collector/heap_impl.h"
#include "src/mutator/handshake.h"
#include "src/mutator/mutator_impl.h"

namespace elegy::testing {

namespace {

// Waits for the gate, blocked if the calling thread is a mutator of that heap.
template <class F>
void WaitBlocked(internal::HeapImpl& heap, F&& wait) {
  internal::MutatorImpl* const mutator = internal::CurrentImplOrNull();
  if (mutator == nullptr || &mutator->state != &heap.state()) return wait();
  internal::EnterBlocked(*mutator, __builtin_frame_address(0));
  wait();
  internal::LeaveBlocked(*mutator);
}

}  // namespace

CycleStepper::CycleStepper(Heap& heap) : heap_(internal::HeapImpl::Of(heap)) {
  const std::uint64_t newest = heap_.state().request.Started();
  WaitBlocked(heap_, [&] { heap_.state().request.WaitFor(newest); });
}

CycleStepper::~CycleStepper() { FinishCycle(); }

void CycleStepper::AdvanceTo(CycleStep step) {
  if (cycle_ != 0 && heap_.gate().HasReached(step)) FinishCycle();
  heap_.gate().CloseAfter(step);
  if (cycle_ == 0) cycle_ = heap_.state().request.Ask();
  WaitBlocked(heap_, [&] { heap_.gate().AwaitReached(step); });
}

void CycleStepper::FinishCycle() {
  heap_.gate().Open();
  if (cycle_ == 0) return;
  WaitBlocked(heap_, [&] { heap_.state().request.WaitFor(cycle_); });
  cycle_ = 0;
}

}  // namespace elegy::testing
