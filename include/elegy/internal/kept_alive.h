// What a mutator keeps alive to the end of its turn, and the stamps that tell a WeakRef whether its
// target is on that list: ECMA-262's AddToKeptObjects, once per reference and turn.
//
// Deref's part is inline and short, for its speed is that of the cache misses which the processor
// can have under way at once: as many as there are rounds of the caller's loop within its window of
// some hundred instructions (docs/performance.md). It looks neither at the phase nor at the mark:
//
//   before its thread has answered handshake 2   what a mutator gets from a cell is a root of this
//                                                cycle, for its list is scanned at that answer;
//                                                and no cycle flips before all have answered
//   from then to its answer to handshake 4       not inline: DerefSlowly asks phase and mark
//   after it                                     cells of the dead have been nulled
//
// A thread learns of either only by its own answers, at safepoints: none lies within a Deref.
//
// A list belongs to its mutator's thread, or to the collector while that thread answers, is
// blocked, or is held; but what is on it at the answer to handshake 2 the collector goes on reading
// until handshake 4. It is handed over as it lies: to copy a million targets would take
// milliseconds. The mutator appends behind that part, and writes nothing into it until its answer
// to handshake 4: when the turn ends it lets go of the array, and duplicates it removes in another
// one. A stamp is written by every mutator that reads its reference.

#ifndef ELEGY_INTERNAL_KEPT_ALIVE_H_
#define ELEGY_INTERNAL_KEPT_ALIVE_H_

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>

namespace elegy::internal {

struct MutatorCore;
class WeakCell;

// Part of a mutator's list.
struct KeptTargets {
  std::shared_ptr<void*[]> entries;
  std::size_t size = 0;
};

class KeptList {
 public:
  KeptList() = default;
  KeptList(const KeptList&) = delete;
  KeptList& operator=(const KeptList&) = delete;

  void** begin() const { return entries_.get(); }
  void** end() const { return end_; }

  // Fails if there is no room left.
  bool TryAppend(void* target) {
    if (end_ == limit_) return false;
    *end_++ = target;
    return true;
  }

  // Amortised O(1). Throws std::bad_alloc, and is unchanged then.
  void Append(void* target);

  // The same for a target that may be on the list. Such entries are looked for when they are many,
  // so that the list stays within a small factor of what is on it. Amortised O(log n).
  void AppendAgain(void* target);

  // Keeps the room, unless another thread may read in it.
  void Clear() {
    if (shared_) {
      entries_.reset();
      limit_ = nullptr;
      shared_ = false;
    }
    end_ = begin();
    again_ = 0;
    again_limit_ = 0;
  }

  // What is on the list now, for another thread to read until TakeBack. O(1).
  KeptTargets Share() {
    shared_ = end_ != begin();
    return {entries_, static_cast<std::size_t>(end_ - begin())};
  }
  void TakeBack() { shared_ = false; }

 private:
  // Copies the entries to an array with room for so many.
  void MoveTo(std::size_t room);

  std::shared_ptr<void*[]> entries_;
  bool shared_ = false;
  void** end_ = nullptr;
  void** limit_ = nullptr;
  std::size_t again_ = 0;        // entries that may be there twice
  std::size_t again_limit_ = 0;  // remove duplicates when there are so many
};

// The current turn's number, for stamps: no two turns of any mutators of the process have the same.
// They come in series of 2^kTurnBits, of which a mutator takes a new one when it is made and when
// one is used up. Series begin at odd multiples of that, so that the number of an earlier turn of
// the same series, and no other, is less than 2^kTurnBits below the current one.
class TurnNumber {
 public:
  static constexpr int kTurnBits = 20;

  TurnNumber() : value_(NewSeries()), inline_value_(value_) {}

  std::uint64_t value() const { return value_; }
  void Next() {
    if ((++value_ >> kTurnBits & 1) == 0) value_ = NewSeries();
    if (inline_value_ != kNone) inline_value_ = value_;
  }

  // What Deref compares with inline: the turn's number, or one that no stamp is near.
  std::uint64_t inline_value() const { return inline_value_; }
  // From this mutator's answer to handshake 2 to its answer to handshake 4.
  void ForbidInline() { inline_value_ = kNone; }
  void AllowInline() { inline_value_ = value_; }

 private:
  static constexpr std::uint64_t kNone = std::uint64_t{1} << 63;

  static std::uint64_t NewSeries();

  std::uint64_t value_;
  std::uint64_t inline_value_;
};

// In a weak reference: the latest turn that has its target on its list, as far as its mutator
// knows.
class TurnStamp {
 public:
  // Whether the target is on the current turn's list, or has been put there. False: use
  // DerefSlowly.
  bool KeepInline(MutatorCore& mutator, void* target);

  // Puts the target on the mutator's list unless it is there by this stamp. Throws std::bad_alloc.
  void Keep(MutatorCore& mutator, void* target);

 private:
  // Relaxed: a stamp is compared only with the reading thread's own turns, whose stamps it wrote
  // itself; another mutator's stamp in its place costs a second entry in a list.
  std::uint64_t Load() const { return value_.load(std::memory_order_relaxed); }
  void Store(std::uint64_t value) { value_.store(value, std::memory_order_relaxed); }  // as Load

  std::atomic<std::uint64_t> value_{0};
};

// WeakRef::Deref in every phase. Throws std::bad_alloc.
void* DerefSlowly(MutatorCore& mutator, const WeakCell& cell, TurnStamp& stamp);

}  // namespace elegy::internal

#endif  // ELEGY_INTERNAL_KEPT_ALIVE_H_
