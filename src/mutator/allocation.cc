#include "src/mutator/allocation.h"

#include <algorithm>
#include <cstring>
#include <new>
#include <utility>

#include "elegy/internal/address_sanitizer.h"
#include "elegy/internal/allocate.h"
#include "src/base/chaos.h"
#include "src/base/check.h"
#include "src/heap/shape.h"
#include "src/heap/size_class.h"
#include "src/mutator/assist_debt.h"
#include "src/mutator/claim.h"
#include "src/mutator/handshake.h"
#include "src/mutator/waiting.h"
#include "src/sweep/sweeper.h"

namespace elegy::internal {

namespace {

// A mutator tells the heap of its allocations in portions of this size, at least.
constexpr std::ptrdiff_t kCountPortion = 64 << 10;

// What is cleared between two safepoints: about 20 microseconds.
constexpr std::size_t kClearedAtOnce = 256 << 10;

// Gives up a space's block, with what is left of it, and the spare ones.
void GiveUpBlocksOf(MutatorImpl& mutator, std::size_t number, bool to_others) {
  OwnedBlock& owned = mutator.owned[number];
  if (to_others) {
    for (const std::uint32_t spare : owned.spares) owned.space->AddAvailable(spare);
  }
  owned.spares.clear();
  if (owned.block == BlockPool::kNoBlock) return;
  GiveBackCells(mutator, number);
  ELEGY_CHAOS_POINT("cells given back, block not");
  if (to_others) owned.space->AddAvailable(owned.block);
  owned.block = BlockPool::kNoBlock;
  mutator.run_table[number] = {};
}

void GiveUpAll(MutatorImpl& mutator, bool to_others) {
  for (std::size_t i = 0; i < mutator.owned.size(); i++) GiveUpBlocksOf(mutator, i, to_others);
}

// Tells the heap what has been allocated; may ask for a cycle.
void CountAllocations(MutatorImpl& mutator) {
  HeapState& state = mutator.state;
  const std::int64_t bytes = std::exchange(mutator.uncounted_bytes, 0);
  state.accounting.allocated.Add(static_cast<std::uint64_t>(bytes));
  if (state.accounting.Spend(bytes) <= 0) state.request.AskIfIdle();
}

// Blocks with free cells: swept ones, or some swept now. Types with destructors are swept by the
// collector alone, so that no allocation runs a destructor.
void ReuseBlocks(MutatorImpl& mutator, Space& space, std::vector<std::uint32_t>& blocks) {
  HeapState& state = mutator.state;
  space.TakeAvailable(state.pool, mutator.epoch, blocks);
  if (blocks.empty() && space.Type().destroy == nullptr) {
    SweepForAllocation(state, space, mutator.epoch, blocks);
  }
}

// Blocks that the last sweep has freed and held back for this space. One only while the mutator has
// to help before it takes any.
void ReuseHeldBlocks(MutatorImpl& mutator, Space& space, std::vector<std::uint32_t>& blocks) {
  HeapState& state = mutator.state;
  space.TakeHeld(
      state.accounting.BeyondGoal() ? 1 : Space::kMostTaken,
      [&] { return state.accounting.TryUnhold(kBlockBytes, state.options.max_heap_bytes); },
      [&](std::size_t block) {
        // Described first, as in FreshBlock.
        state.pool.Info(block).Describe(BlockKind::kSmall, space.Number(), 0, mutator.epoch);
      },
      blocks);
}

// A fresh block, for whose bytes there is room; or kNoBlock.
std::size_t FreshBlock(MutatorImpl& mutator, Space& space) {
  HeapState& state = mutator.state;
  std::size_t block = BlockPool::kNoBlock;
  try {
    block = state.pool.Take(1);
    if (block == BlockPool::kNoBlock) {
      state.accounting.Give(kBlockBytes);
      return block;
    }
    SetUsable(state.pool.Address(block), kBlockBytes);  // of whatever type's it was
    // Described first: a sweep that finds the block in the list must know that it is new.
    state.pool.Info(block).Describe(BlockKind::kSmall, space.Number(), 0, mutator.epoch);
    space.AddFreshBlock(block);
    return block;
  } catch (...) {
    if (block != BlockPool::kNoBlock) {
      state.pool.Info(block).SetFree();
      state.pool.Give(block, 1);
    }
    state.accounting.Give(kBlockBytes);
    throw;
  }
}

// The next block to claim runs of is the last of the spares, if there are any.
bool UseSpare(OwnedBlock& owned) {
  if (owned.spares.empty()) return false;
  owned.block = owned.spares.back();
  owned.next_word = 0;
  owned.claimed = 0;
  owned.spares.pop_back();
  return true;
}

// A block for a space. At the limit even one with few free cells will do; then cycles are waited
// for; std::bad_alloc is thrown when a full cycle has made no room of any kind.
void AcquireBlock(MutatorImpl& mutator, OwnedBlock& owned) {
  if (UseSpare(owned)) return;
  HeapState& state = mutator.state;
  Space& space = *owned.space;
  std::vector<std::uint32_t>& blocks = owned.spares;
  blocks.reserve(Space::kMostTaken);  // first, for it may throw
  for (WaitedForRoom waited;;) {
    bool pool_is_empty = false;
    ReuseBlocks(mutator, space, blocks);
    if (blocks.empty()) {
      YieldBeyondGoal(state);
      ReuseHeldBlocks(mutator, space, blocks);
    }
    if (blocks.empty()) {
      if (state.accounting.TryTake(kBlockBytes, state.options.max_heap_bytes)) {
        const std::size_t fresh = FreshBlock(mutator, space);
        pool_is_empty = fresh == BlockPool::kNoBlock;
        if (!pool_is_empty) blocks.push_back(static_cast<std::uint32_t>(fresh));
      }
      if (blocks.empty()) space.TakeScarce(state.pool, mutator.epoch, blocks);
    }
    if (UseSpare(owned)) return;
    if ((pool_is_empty && !AnotherCycleMayHelp(waited.cycles)) ||
        IsHopeless(state, kBlockBytes, waited.cycles)) {
      throw std::bad_alloc();
    }
    AwaitRoom(mutator, waited);
  }
}

// Room for this space in the mutator's tables.
void EnsureTables(MutatorImpl& mutator, std::uint32_t number) {
  if (number < mutator.run_table.size()) return;
  const std::size_t size = std::max<std::size_t>(number + 1, mutator.run_table.size() * 2);
  mutator.owned.resize(size);
  mutator.run_table.resize(size);
  mutator.runs = mutator.run_table.data();
  mutator.run_count = static_cast<std::uint32_t>(size);
}

// The first cell of a run that has one.
void* TakeCell(AllocationRun& run, std::uint32_t stride) {
  char* const cell = run.cursor;
  run.cursor += stride;
  SetUsable(cell, stride);
  return cell;
}

void* AllocateSmall(MutatorImpl& mutator, std::uint32_t number, std::uint32_t stride) {
  CheckUse(mutator);
  EnsureTables(mutator, number);
  while (true) {
    AnswerIfAsked(mutator);
    AllocationRun& run = mutator.run_table[number];
    bool has_cells = run.cursor != run.limit;
    if (!has_cells) {
      PayAssist(mutator);
      // Read once: what is charged must have been claimed as a short run.
      const bool has_price = MustAssist(mutator.state);
      has_cells = ClaimRun(mutator, number, has_price);
      if (has_cells && has_price) ChargeAssist(mutator, run);
    }
    if (has_cells) return TakeCell(run, stride);
    if (mutator.uncounted_bytes >= kCountPortion) CountAllocations(mutator);
    OwnedBlock& owned = mutator.owned[number];
    if (owned.space == nullptr) owned.space = &mutator.state.spaces.Get(number);
    AcquireBlock(mutator, owned);
  }
}

// Blocks for one large object, which the collector does not know of yet.
struct Span {
  std::size_t head = BlockPool::kNoBlock;
  bool reads_zero = false;
};

// Under the lock under which the head is listed: the collector must find it described.
void DescribeSpan(MutatorImpl& mutator, const TypeInfo& type, std::size_t head, std::size_t count) {
  const BlockPool& pool = mutator.state.pool;
  for (std::size_t i = count; i > 1; i--) {
    pool.Info(head + i - 1)
        .Describe(BlockKind::kLargeRest, type.Space(), static_cast<std::uint32_t>(i - 1),
                  mutator.epoch);
  }
  pool.Info(head).Describe(BlockKind::kLargeHead, type.Space(), 0, mutator.epoch);
}

// Lists a span. Throws std::bad_alloc, and has then given it back.
void ListSpan(MutatorImpl& mutator, const TypeInfo& type, std::size_t head, std::size_t count) {
  HeapState& state = mutator.state;
  try {
    MutexLock lock(state.large_mutex);
    state.large_heads.push_back(static_cast<std::uint32_t>(head));
    DescribeSpan(mutator, type, head, count);
  } catch (...) {
    state.pool.Give(head, count);
    state.accounting.Give(count * kBlockBytes);
    throw;
  }
}

// Like ReuseHeldBlocks.
Span HeldSpan(HeapState& state, const TypeInfo& type, std::size_t count) {
  MutexLock lock(state.large_mutex);
  std::size_t head = state.held_spans.Take(type, count);
  if (head != BlockPool::kNoBlock &&
      !state.accounting.TryUnhold(count * kBlockBytes, state.options.max_heap_bytes)) {
    state.held_spans.Add(type, {head, count});  // where it was: needs no memory
    head = BlockPool::kNoBlock;
  }
  return {head, /*reads_zero=*/false};
}

// As FreshBlock.
Span FreshSpan(HeapState& state, std::size_t count, int cycles) {
  Span span;
  try {
    span.head = state.pool.Take(count, &span.reads_zero);
    if (span.head == BlockPool::kNoBlock && !AnotherCycleMayHelp(cycles)) throw std::bad_alloc();
  } catch (...) {
    state.accounting.Give(count * kBlockBytes);
    throw;
  }
  if (span.head == BlockPool::kNoBlock) state.accounting.Give(count * kBlockBytes);
  return span;
}

// As AcquireBlock.
Span AcquireSpan(MutatorImpl& mutator, const TypeInfo& type, std::size_t count) {
  HeapState& state = mutator.state;
  const std::size_t bytes = count * kBlockBytes;
  for (WaitedForRoom waited;;) {
    Span span = HeldSpan(state, type, count);
    if (span.head == BlockPool::kNoBlock &&
        state.accounting.TryTake(bytes, state.options.max_heap_bytes)) {
      span = FreshSpan(state, count, waited.cycles);
    }
    if (span.head != BlockPool::kNoBlock) return span;
    if (IsHopeless(state, bytes, waited.cycles)) throw std::bad_alloc();
    AwaitRoom(mutator, waited);
  }
}

// Clears memory that nobody else knows of. To discard it instead would take longer, by far: the
// system would provide and clear whole huge pages anew.
void Clear(MutatorImpl& mutator, char* begin, std::size_t bytes) {
  for (char* const end = begin + bytes; begin != end;) {
    const std::size_t part = std::min(static_cast<std::size_t>(end - begin), kClearedAtOnce);
    std::memset(begin, 0, part);
    begin += part;
    AnswerIfAsked(mutator);
  }
}

// Blocks of its own for one object. Counted at once; swept by the collector alone.
void* AllocateLarge(MutatorImpl& mutator, const TypeInfo& type, std::size_t bytes, bool zeroed) {
  CheckUse(mutator);
  AnswerIfAsked(mutator);
  HeapState& state = mutator.state;
  const std::size_t count = RoundUp(bytes, kBlockBytes) / kBlockBytes;
  YieldBeyondGoal(state);
  if (MustAssist(state)) AssistForLarge(mutator, count * kBlockBytes);
  const Span span = AcquireSpan(mutator, type, count);
  const std::size_t head = span.head;
  SetUsable(state.pool.Address(head), count * kBlockBytes);
  if (zeroed && !span.reads_zero) Clear(mutator, state.pool.Address(head), bytes);
  ListSpan(mutator, type, head, count);
  // No safepoint since the head was listed.
  if (mutator.black) state.MarkBits().SetRange(head, 0, 1);  // first
  ELEGY_CHAOS_POINT("large object half claimed");
  mutator.AllocatedBits().SetRange(head, 0, 1);
  mutator.uncounted_bytes += static_cast<std::ptrdiff_t>(count * kBlockBytes);
  CountAllocations(mutator);
  return state.pool.Address(head);
}

}  // namespace

void BlackenRuns(MutatorImpl& mutator) {
  for (std::size_t i = 0; i < mutator.owned.size(); i++) {
    if (mutator.owned[i].block != BlockPool::kNoBlock) BlackenCells(mutator, i);
  }
  mutator.black = true;
}

void BeginEpoch(MutatorImpl& mutator, std::uint32_t epoch) {
  GiveUpAll(mutator, /*to_others=*/false);  // the sweep finds them
  mutator.black = false;
  mutator.assist_debt = 0;
  mutator.epoch = epoch;
  mutator.allocated_which = mutator.state.MarkWhich();
}

void GiveUpBlocks(MutatorImpl& mutator) {
  GiveUpAll(mutator, /*to_others=*/true);
  CountAllocations(mutator);
}

void* AllocateSlowly(MutatorCore& core, const TypeInfo& type, std::size_t bytes,
                     std::size_t alignment) {
  ELEGY_DCHECK(bytes % alignment == 0 || bytes > kMaxSmallBytes);
  auto& mutator = static_cast<MutatorImpl&>(core);
  CheckOneCopy(mutator.state.shapes);
  const auto stride = static_cast<std::uint32_t>(std::min(bytes, kMaxSmallBytes));
  const std::uint32_t number = AssignSpace(type, stride);
  if (bytes > kMaxSmallBytes) return AllocateLarge(mutator, type, bytes, /*zeroed=*/false);
  return AllocateSmall(mutator, number, stride);
}

void* AllocateArray(MutatorCore& core, const TypeInfo& type, std::size_t bytes,
                    std::size_t alignment, bool zeroed) {
  auto& mutator = static_cast<MutatorImpl&>(core);
  CheckOneCopy(mutator.state.shapes);
  const std::uint32_t first = AssignArraySpaces(type);
  // So that end() lies within the array's own memory: on a stack it keeps the array, too.
  const std::size_t with_end = bytes + 1;
  if (with_end > kMaxSmallBytes) return AllocateLarge(mutator, type, with_end, zeroed);
  const std::size_t size_class = ArrayClassOf(with_end, alignment);
  const auto number = first + static_cast<std::uint32_t>(size_class);
  const std::uint32_t stride = kArraySizes[size_class];
  void* cell;
  if (number < mutator.run_count && mutator.runs[number].cursor != mutator.runs[number].limit) {
    cell = TakeCell(mutator.runs[number], stride);
  } else {
    cell = AllocateSmall(mutator, number, stride);
  }
  if (zeroed) __builtin_memset(cell, 0, bytes);
  return cell;
}

void AbandonCell(MutatorCore& core, void* object) { StateOf(core).failed.Add(object); }

}  // namespace elegy::internal
