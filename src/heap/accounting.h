// What the heap takes and how much may be allocated until the next cycle.
//
// `budget` is what may still be allocated (or told as external) until a cycle should start; it goes
// below zero while that cycle runs. At minus `reserve` marking has let more through than it should,
// or the heap has reached its goal: from there on mutators help to mark. The pacer sets both at the
// end of a cycle.
//
// Blocks held back for their own kind (src/heap/held_blocks.h) are free, but still count towards
// max_heap_bytes for who takes blocks, lest both together pass it. Who takes native memory may have
// their share: it does not wait for two cycles. Then blocks that are held back may not be taken
// again before there is room for both. For that each of the two changes its own sum first and then
// looks at both: of two at once, one at least sees both changes, and undoes its own. What goes to
// the pool is taken off what is held first and then off what is taken, with release; who looks
// reads them in the other order, and so counts it once or not as free, but never twice as free.

#ifndef ELEGY_SRC_HEAP_ACCOUNTING_H_
#define ELEGY_SRC_HEAP_ACCOUNTING_H_

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <utility>

#include "src/base/chaos.h"
#include "src/heap/histogram.h"

namespace elegy::internal {

struct BudgetPlan {
  std::int64_t budget;         // may be allocated until the next cycle starts
  std::int64_t reserve;        // and then until mutators help to mark
  std::int64_t room;           // between what was left of the last cycle and the goal
  std::int64_t external_room;  // of that, for the native memory that counted as alive
};

// Orderings are relaxed, for these are sums that nothing else hangs on, but where two of them have
// to be seen together.
class Accounting {
 public:
  // Adds to what counts towards max_heap_bytes, if there is room beside what is held back.
  bool TryTake(std::size_t bytes, std::size_t max_bytes) {
    std::size_t used = taken_.load(std::memory_order_relaxed);  // as above
    do {
      if (bytes > max_bytes || used > max_bytes - bytes) return false;
    } while (!taken_.compare_exchange_weak(
        used, used + bytes,
        std::memory_order_seq_cst,    // for TryTakeNative: see the head of this file
        std::memory_order_relaxed));  // as above
    return true;
  }
  // Release: pairs with Fits and Taken, see above.
  void Give(std::size_t bytes) { taken_.fetch_sub(bytes, std::memory_order_release); }
  // For weak tables and records: what is held back is room, too.
  bool TryTakeNative(std::size_t bytes, std::size_t max_bytes) {
    if (!TryTake(bytes, max_bytes + Held())) return false;
    native_.Add(bytes);
    if (!Fits(max_bytes)) {
      GiveNative(bytes);
      return false;
    }
    native_told.Add(bytes);
    return true;
  }
  void GiveNative(std::size_t bytes) {
    native_.Subtract(bytes);
    Give(bytes);
  }
  // What has been taken is not needed, or freed by its mutator at once: no cycle has to judge it.
  void UndoNative(std::size_t bytes) {
    native_told.Subtract(bytes);
    GiveNative(bytes);
  }
  std::size_t Native() const { return native_.Get(); }

  // Of what has been taken, so much is held back; or is no longer, which needs no room if it goes
  // to the pool, where Give follows.
  void Hold(std::size_t bytes) { held_.fetch_add(bytes, std::memory_order_relaxed); }    // as above
  void Unhold(std::size_t bytes) { held_.fetch_sub(bytes, std::memory_order_relaxed); }  // as above
  bool TryUnhold(std::size_t bytes, std::size_t max_bytes) {
    held_.fetch_sub(bytes, std::memory_order_seq_cst);  // see the head of this file
    if (Fits(max_bytes)) return true;
    Hold(bytes);
    return false;
  }
  std::size_t Held() const { return held_.load(std::memory_order_relaxed); }  // as above

  // Without what is held back.
  std::size_t Taken() const {
    const std::size_t taken = taken_.load(std::memory_order_acquire);  // as Give
    const std::size_t held = Held();
    return taken > held ? taken - held : 0;
  }

  // Returns what is left of the budget. Numbers without sense wrap around, as in the atomic.
  std::int64_t Spend(std::int64_t bytes) {
    const std::int64_t budget = budget_.fetch_sub(bytes, std::memory_order_relaxed);  // as above
    return static_cast<std::int64_t>(static_cast<std::uint64_t>(budget) -
                                     static_cast<std::uint64_t>(bytes));
  }
  // Of the room that the plan has left for native memory which has turned out to be dead: takes so
  // much, or what there is, also from how far the heap may go beyond its goal. Returns how much is
  // still to be spent.
  std::int64_t TakeExternalRoom(std::int64_t bytes) {
    if (external_room_.load(std::memory_order_relaxed) <= 0) return 0;  // as above
    const std::int64_t left =
        external_room_.fetch_sub(bytes, std::memory_order_relaxed);  // as above
    const std::int64_t taken = std::clamp<std::int64_t>(left, 0, bytes);
    far_.fetch_add(taken, std::memory_order_relaxed);  // as above
    return taken;
  }
  std::int64_t Budget() const { return budget_.load(std::memory_order_relaxed); }  // as above
  // To the plan's, less what has been spent since `before` was read.
  void ChangeBudget(std::int64_t before, const BudgetPlan& plan) {
    const auto change =
        static_cast<std::uint64_t>(plan.budget) - static_cast<std::uint64_t>(before);
    budget_.fetch_add(static_cast<std::int64_t>(change), std::memory_order_relaxed);  // as above
    external_room_.store(plan.external_room, std::memory_order_relaxed);              // as above
    reserve_.store(plan.reserve, std::memory_order_relaxed);                          // as above
    far_.store(plan.budget - 2 * plan.room, std::memory_order_relaxed);               // as above
  }
  // Where mutators help to mark.
  bool BeyondGoal() const {
    return Budget() < -reserve_.load(std::memory_order_relaxed);  // as above
  }
  // By as much again as there was room to reach it, or weak tables and records beyond theirs.
  bool FarBeyondGoal() const {
    return Budget() < far_.load(std::memory_order_relaxed) ||  // as above
           Native() > native_far_.Get();
  }

  // `room`: how much weak tables and records may grow until the next cycle starts.
  void SetNativeRoom(std::size_t room) {
    native_goal_.Set(Native() + room);
    native_far_.Set(Native() + 2 * room);
  }
  bool IsNativeBeyondGoal() const { return Native() > native_goal_.Get(); }

  void AdjustExternal(std::int64_t delta) {
    external_.fetch_add(delta, std::memory_order_relaxed);  // as above
  }
  std::uint64_t External() const {
    const std::int64_t bytes = external_.load(std::memory_order_relaxed);  // as above
    return bytes > 0 ? static_cast<std::uint64_t>(bytes) : 0;
  }

  Counter allocated;
  // All external bytes that the heap has ever been told of.
  Counter external_told;
  // And those that the program has given back by itself: by a call outside all callbacks and
  // destructors, or with the registration of a target that may live.
  Counter external_closed;
  // External bytes of targets that have been found dead and whose callbacks have still to run.
  Counter pending_external;
  // All that weak tables and records have ever taken, but for what has been undone.
  Counter native_told;

 private:
  // Whether what is in use, with native memory, is within the limit.
  bool Fits(std::size_t max_bytes) const {
    std::size_t before;
    std::size_t taken = taken_.load(std::memory_order_seq_cst);  // see the head of this file
    do {
      ELEGY_CHAOS_POINT("taken read, held not");
      const std::size_t held = held_.load(std::memory_order_seq_cst);
      if (taken <= held || taken - held <= max_bytes) return true;
      // What has gone to the pool meanwhile is no longer held, but was still taken.
      before = std::exchange(taken, taken_.load(std::memory_order_seq_cst));
    } while (taken < before);
    return false;
  }

  std::atomic<std::size_t> taken_{0};
  std::atomic<std::size_t> held_{0};
  Counter native_;  // what weak tables and records take
  Counter native_goal_;
  Counter native_far_;
  std::atomic<std::int64_t> budget_{0};
  std::atomic<std::int64_t> reserve_{0};
  std::atomic<std::int64_t> far_{0};  // the budget where the heap is far beyond its goal
  std::atomic<std::int64_t> external_{0};
  std::atomic<std::int64_t> external_room_{0};
};

}  // namespace elegy::internal

#endif  // ELEGY_SRC_HEAP_ACCOUNTING_H_
