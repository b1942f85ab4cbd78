#include "elegy/mutator.h"

#include <utility>

#include "src/base/check.h"
#include "src/collector/heap_impl.h"
#include "src/mutator/external_debt.h"
#include "src/mutator/handshake.h"
#include "src/mutator/mutator_impl.h"
#include "src/weak/delivery.h"

namespace elegy {

namespace {

// The thread's attached Mutator object, for Current.
constinit thread_local Mutator* t_current = nullptr;

// A stack that is taken to hold no pointers for a while.
class StackStateScope {
 public:
  StackStateScope(internal::MutatorImpl& mutator, StackState stack)
      : mutator_(mutator), before_(mutator.stack_state) {
    if (stack == StackState::kNoPointers) mutator_.stack_state = stack;
  }
  StackStateScope(const StackStateScope&) = delete;
  StackStateScope& operator=(const StackStateScope&) = delete;
  ~StackStateScope() { mutator_.stack_state = before_; }

 private:
  internal::MutatorImpl& mutator_;
  const StackState before_;
};

void BeginTurn(internal::MutatorImpl& mutator) {
  mutator.kept.Clear();
  mutator.turn.Next();
}

// Runs at most `most` callbacks; returns how many ran.
std::size_t RunReadyAndPay(internal::MutatorImpl& mutator, StackState stack, std::size_t most) {
  std::size_t ran = internal::RunReady(mutator, most);
  if (internal::AwaitOwedCycle(mutator, stack)) ran += internal::RunReady(mutator, most - ran);
  return ran;
}

}  // namespace

Mutator::Mutator(Heap& heap) {
  if (internal::t_mutator != nullptr) {
    internal::Fail("this thread is attached already: a thread has one elegy::Mutator at a time");
  }
  internal::HeapState& state = heap.impl_->state();
  if (internal::t_collecting == &state) {
    internal::Fail(
        "an elegy::Mutator in what the heap's collector calls: a destructor, a Trace, an observer "
        "or an on_ready");
  }
  impl_ = std::make_unique<internal::MutatorImpl>(state);
  core_ = impl_.get();
  internal::t_mutator = core_;
  internal::t_heap = core_->heap;
  t_current = this;
}

Mutator::~Mutator() {
  if (internal::t_mutator != core_) {
    internal::Fail("an elegy::Mutator is destroyed on another thread than it was made on");
  }
  if (impl_->MayWait()) internal::AwaitOwedCycle(*impl_, StackState::kNoPointers);
  impl_->Detach();
  internal::t_mutator = nullptr;
  internal::t_heap = nullptr;
  t_current = nullptr;
}

Mutator& Mutator::Current() {
  if (t_current == nullptr) internal::FailNotAttached();
  return *t_current;
}

void Mutator::SafepointSlowly() {
  internal::CheckUse(*impl_);
  internal::AnswerIfAsked(*impl_);
  RunReadyAndPay(*impl_, StackState::kMayHoldPointers, SIZE_MAX);
}

std::size_t Mutator::DrainFinalization(std::size_t max_callbacks) {
  internal::CheckUse(*impl_);
  internal::AnswerIfAsked(*impl_);
  return RunReadyAndPay(*impl_, StackState::kMayHoldPointers, max_callbacks);
}

void Mutator::EndTurn(StackState stack) {
  internal::CheckUse(*impl_);
  BeginTurn(*impl_);
  {
    const StackStateScope scope(*impl_, stack);
    internal::AnswerIfAsked(*impl_);
  }
  // No second look for handshakes: it would scan a stack that the caller has called empty.
  if (core_->HasRequest()) RunReadyAndPay(*impl_, stack, SIZE_MAX);
}

void Mutator::EndTurnQuietly() {
  internal::CheckUse(*impl_);
  BeginTurn(*impl_);
  internal::AnswerIfAsked(*impl_);
}

TurnScope::~TurnScope() noexcept(false) {
  if (std::uncaught_exceptions() > exceptions_) {
    mutator_.EndTurnQuietly();
  } else {
    mutator_.EndTurn();
  }
}

// Its caller may return while the region lasts, and that one's caller: what they have pushed of
// their callers' registers is copied with this frame. Which is to be its own, however the program
// is linked.
[[gnu::noinline]] BlockingRegion::BlockingRegion(Mutator& mutator) : mutator_(*mutator.impl_) {
  constexpr std::size_t kFramesOfMakers = 512;
  internal::CheckThread(mutator_);
  if (mutator_.blocking_depth++ == 0) {
    mutator_.in_region = true;
    internal::EnterBlocked(mutator_,
                           static_cast<char*>(__builtin_frame_address(0)) + kFramesOfMakers);
  }
}

BlockingRegion::~BlockingRegion() {
  internal::CheckThread(mutator_);
  if (--mutator_.blocking_depth == 0) {
    internal::LeaveBlocked(mutator_);
    mutator_.in_region = false;
  }
}

}  // namespace elegy
