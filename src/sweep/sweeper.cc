#include "src/sweep/sweeper.h"

#include <array>
#include <bit>
#include <utility>
#include <vector>

#include "elegy/internal/address_sanitizer.h"
#include "src/platform/platform.h"

namespace elegy::internal {

namespace {

// Blocks with a smaller share of free cells are passed over: bumping through runs of one or two
// costs more than a fresh block.
constexpr std::size_t kLeastFreeShare = 6;  // a sixth

// What one allocation sweeps at most before it takes a fresh block.
constexpr std::size_t kMostSweptForAllocation = 8;

// How many blocks of a space the collector sweeps before it lists them.
constexpr std::size_t kSweptAtOnce = 8;

// Acquire-release: the collector, when it reads zero, sees what all sweepers did.
void CountSwept(HeapState& heap, std::size_t blocks) {
  const auto count = static_cast<std::uint32_t>(blocks);
  if (heap.unswept.fetch_sub(count, std::memory_order_acq_rel) == count) {
    platform::Wake(heap.unswept);
  }
}
void AwaitSwept(HeapState& heap) {
  while (true) {
    const std::uint32_t left = heap.unswept.load(std::memory_order_acquire);  // as CountSwept
    if (left == 0) return;
    platform::Wait(heap.unswept, left);
  }
}
void AddUnswept(HeapState& heap, std::size_t blocks) {
  heap.unswept.fetch_add(static_cast<std::uint32_t>(blocks), std::memory_order_acq_rel);
}

template <class F>
void ForEachBit(std::uint64_t bits, std::size_t first, F&& each) {
  for (; bits != 0; bits &= bits - 1) {
    each(first + static_cast<std::size_t>(std::countr_zero(bits)));
  }
}

class DestroyingScope {
 public:
  explicit DestroyingScope(const HeapState& heap) : outer_(std::exchange(t_destroying, &heap)) {}
  DestroyingScope(const DestroyingScope&) = delete;
  DestroyingScope& operator=(const DestroyingScope&) = delete;
  ~DestroyingScope() { t_destroying = outer_; }

 private:
  const HeapState* const outer_;
};

// The dead objects of a word of bits, the first of which has this index. Each is out of use once
// its destructor has run, so that AddressSanitizer reports a destructor that uses another one.
void DestroyDead(HeapState& heap, const TypeInfo& type, std::size_t block, std::size_t first,
                 std::uint64_t dead) {
  const bool is_poisoned = kHasAddressSanitizer && type.unpoisons;
  if (type.destroy == nullptr && !is_poisoned) return;
  const DestroyingScope scope(heap);
  const std::uint32_t stride = heap.pool.Info(block).Stride();
  ForEachBit(dead, first, [&](std::size_t index) {
    char* const cell = heap.pool.Address(block) + index * stride;
    if (type.destroy != nullptr) type.destroy(cell);
    if (is_poisoned) SetUnusable(cell, stride);
  });
}

// Sweeps one small block and returns how many of its objects live.
std::size_t SweepBlock(HeapState& heap, const TypeInfo& type, std::size_t block,
                       std::uint32_t epoch) {
  BlockInfo info = heap.pool.Info(block);
  const ObjectBits marks = heap.MarkBits();
  const ObjectBits allocated = heap.pool.Bits(1 - heap.MarkWhich());
  const std::size_t words = (info.Capacity() + 63) / 64;
  std::size_t live = 0;
  for (std::size_t word = 0; word < words; word++) {
    const std::uint64_t marked = marks.Word(block, word);
    const std::uint64_t was = allocated.Word(block, word);
    DestroyDead(heap, type, block, word * 64, was & ~marked);
    marks.Intersect(block, word, was);
    allocated.Intersect(block, word, 0);
    live += static_cast<std::size_t>(std::popcount(marked & was));
  }
  heap.swept_live_bytes.Add(live * info.Stride());
  info.SetEpoch(epoch);
  return live;
}

// Free from now on, but only for what is like it.
void SetHeld(HeapState& heap, std::size_t block, std::size_t count) {
  for (std::size_t i = block; i < block + count; i++) heap.pool.Info(i).SetFree();
  heap.accounting.Hold(count * kBlockBytes);
}

// Free for all.
void FreeHeld(HeapState& heap, std::size_t block, std::size_t count) {
  heap.pool.Give(block, count);
  heap.accounting.Unhold(count * kBlockBytes);
  heap.accounting.Give(count * kBlockBytes);
}

// What the last sweep has held back.
void ReleaseHeld(HeapState& heap) {
  heap.spaces.ForEach([&](Space& space) {
    while (true) {
      const std::size_t block = space.ReleaseHeld();
      if (block == BlockPool::kNoBlock) return;
      FreeHeld(heap, block, 1);
    }
  });
  std::vector<HeldSpans::Span> spans;
  {
    MutexLock lock(heap.large_mutex);
    spans = heap.held_spans.TakeAll();
  }
  for (const HeldSpans::Span& span : spans) FreeHeld(heap, span.head, span.count);
}

bool IsWorthClaiming(const HeapState& heap, std::size_t block, std::size_t live) {
  const std::size_t capacity = heap.pool.Info(block).Capacity();
  return (capacity - live) * kLeastFreeShare >= capacity;
}

// Where a swept block with live objects belongs.
Space::Place PlaceOf(HeapState& heap, const Space& space, std::size_t block, std::size_t live) {
  const std::size_t free = heap.pool.Info(block).Capacity() - live;
  if (IsWorthClaiming(heap, block, live)) {
    heap.swept_reusable_bytes.Add(free * space.Stride());
    return Space::Place::kAvailable;
  }
  return free > 0 ? Space::Place::kScarce : Space::Place::kFull;
}

void SweepSpace(HeapState& heap, Space& space, std::uint32_t epoch) {
  while (true) {
    std::array<std::uint32_t, kSweptAtOnce> blocks;
    std::array<Space::Swept, kSweptAtOnce> swept;
    const std::size_t count = space.TakeUnswept(blocks);
    if (count == 0) return;
    for (std::size_t i = 0; i < count; i++) {
      const std::size_t live = SweepBlock(heap, space.Type(), blocks[i], epoch);
      if (live == 0) SetHeld(heap, blocks[i], 1);
      swept[i] = {blocks[i],
                  live == 0 ? Space::Place::kHeld : PlaceOf(heap, space, blocks[i], live)};
    }
    space.AddSwept({swept.data(), count});
    CountSwept(heap, count);
  }
}

void DestroyLarge(HeapState& heap, std::size_t head) {
  const TypeInfo& type = *heap.pool.Info(head).Type();
  const DestroyingScope scope(heap);
  if (type.destroy != nullptr) type.destroy(heap.pool.Address(head));
}

void SweepLarge(HeapState& heap, std::uint32_t epoch) {
  std::vector<std::uint32_t> heads;
  {
    MutexLock lock(heap.large_mutex);
    heads.swap(heap.large_heads);
  }
  std::vector<std::uint32_t> survivors;
  const ObjectBits marks = heap.MarkBits();
  const ObjectBits allocated = heap.pool.Bits(1 - heap.MarkWhich());
  for (const std::uint32_t head : heads) {
    if (heap.pool.Info(head).Epoch() == epoch) {
      survivors.push_back(head);  // allocated since handshake 4
      continue;
    }
    const bool marked = marks.Test(head, 0);
    const bool was = allocated.Test(head, 0);
    allocated.Intersect(head, 0, 0);
    const std::size_t span = heap.pool.SpanOf(head);
    if (marked) {
      heap.pool.Info(head).SetEpoch(epoch);
      heap.swept_live_bytes.Add(span * kBlockBytes);
      survivors.push_back(head);
    } else {
      if (was) DestroyLarge(heap, head);  // its constructor has not thrown
      const TypeInfo& type = *heap.pool.Info(head).Type();
      SetUnusable(heap.pool.Address(head), span * kBlockBytes);
      SetHeld(heap, head, span);
      MutexLock lock(heap.large_mutex);
      heap.held_spans.Add(type, {head, span});
    }
  }
  MutexLock lock(heap.large_mutex);
  heap.large_heads.insert(heap.large_heads.end(), survivors.begin(), survivors.end());
}

}  // namespace

SweepResult SweepAll(HeapState& heap, std::uint32_t epoch) {
  heap.swept_live_bytes.Set(0);  // nobody else sweeps yet
  heap.swept_reusable_bytes.Set(0);
  ReleaseHeld(heap);
  // Counted before it can be taken, so that the count never reaches zero too early.
  AddUnswept(heap, 1);
  heap.spaces.ForEach([&](Space& space) {
    space.MoveToUnswept(heap.pool, epoch, [&](std::size_t blocks) { AddUnswept(heap, blocks); });
  });
  SweepLarge(heap, epoch);
  heap.spaces.ForEach([&](Space& space) { SweepSpace(heap, space, epoch); });
  CountSwept(heap, 1);
  AwaitSwept(heap);
  return {heap.swept_live_bytes.Get(), heap.swept_reusable_bytes.Get()};
}

void SweepForAllocation(HeapState& heap, Space& space, std::uint32_t epoch,
                        std::vector<std::uint32_t>& owned) {
  std::array<std::uint32_t, kMostSweptForAllocation> blocks;
  std::array<Space::Swept, kMostSweptForAllocation> swept;
  const std::size_t count = space.TakeUnswept(blocks);
  if (count == 0) return;
  for (std::size_t i = 0; i < count; i++) {
    const std::size_t live = SweepBlock(heap, space.Type(), blocks[i], epoch);
    if (IsWorthClaiming(heap, blocks[i], live)) {
      swept[i] = {blocks[i], Space::Place::kOwned};
      owned.push_back(blocks[i]);
    } else {
      swept[i] = {blocks[i], PlaceOf(heap, space, blocks[i], live)};
    }
  }
  space.AddSwept({swept.data(), count});
  CountSwept(heap, count);
}

void DestroyAll(HeapState& heap) {
  heap.spaces.ForEach([&](Space& space) {
    // A type without objects may be gone with the library that it was in.
    space.ForEachBlock([&](std::size_t block) {
      const TypeInfo& type = space.Type();
      if (type.destroy == nullptr) return;
      const DestroyingScope scope(heap);
      for (std::size_t word = 0; word < kWordsPerBlock; word++) {
        ForEachBit(heap.MarkBits().Word(block, word), word * 64, [&](std::size_t index) {
          type.destroy(heap.pool.Address(block) + index * space.Stride());
        });
      }
    });
  });
  MutexLock lock(heap.large_mutex);
  for (const std::uint32_t head : heap.large_heads) {
    if (heap.MarkBits().Test(head, 0)) DestroyLarge(heap, head);
  }
}

}  // namespace elegy::internal
