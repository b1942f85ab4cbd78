#include "src/mutator/claim.h"

#include <algorithm>
#include <bit>
#include <cstdint>

#include "src/base/chaos.h"

namespace elegy::internal {

namespace {

constexpr std::uint64_t kAllCells = ~std::uint64_t{0};

// Where cells have their price, so many bytes at once, or one cell.
constexpr std::size_t kPricedRun = 512;

struct CellRange {
  std::size_t begin;
  std::size_t end;
};

// The cells of a run that hold no object yet.
CellRange Remaining(const OwnedBlock& owned, const AllocationRun& run, const BlockPool& pool) {
  const std::size_t stride = owned.space->Stride();
  const char* const start = pool.Address(owned.block);
  return {static_cast<std::size_t>(run.cursor - start) / stride,
          static_cast<std::size_t>(run.limit - start) / stride};
}

// The free cells of a word of bits.
std::uint64_t FreeCells(const ObjectBits& bits, std::size_t block, std::size_t word,
                        std::size_t capacity) {
  const std::uint64_t free = ~bits.WordAcquire(block, word);
  const std::size_t cells = capacity - word * 64;
  return cells >= 64 ? free : free & ((std::uint64_t{1} << cells) - 1);
}

// Claims cells of one word.
void ClaimCells(MutatorImpl& mutator, std::size_t block, std::size_t word, std::uint64_t cells) {
  if (mutator.black) mutator.state.MarkBits().SetWord(block, word, cells);  // first
  ELEGY_CHAOS_POINT("cells half claimed");
  mutator.AllocatedBits().SetWord(block, word, cells);
}

void UseRun(MutatorImpl& mutator, std::size_t number, CellRange cells) {
  const OwnedBlock& owned = mutator.owned[number];
  const std::size_t stride = owned.space->Stride();
  char* const start = mutator.state.pool.Address(owned.block);
  mutator.run_table[number] = {start + cells.begin * stride, start + cells.end * stride};
  mutator.uncounted_bytes += static_cast<std::ptrdiff_t>((cells.end - cells.begin) * stride);
}

// The first run of the cells that are left of the last word claimed, or so many of it.
CellRange TakeClaimedRun(OwnedBlock& owned, std::size_t most) {
  const auto first = static_cast<std::size_t>(std::countr_zero(owned.claimed));
  const auto free = static_cast<std::size_t>(std::countr_one(owned.claimed >> first));
  const std::size_t count = std::min(free, most);
  owned.claimed &= ~(kAllCells >> (64 - count) << first);
  const std::size_t begin = (owned.next_word - 1) * 64 + first;
  return {begin, begin + count};
}

}  // namespace

bool ClaimRun(MutatorImpl& mutator, std::size_t number, bool has_price) {
  OwnedBlock& owned = mutator.owned[number];
  if (owned.block == BlockPool::kNoBlock) return false;
  if (owned.claimed == 0) {
    const ObjectBits bits = mutator.AllocatedBits();
    const std::size_t capacity = mutator.state.pool.Info(owned.block).Capacity();
    const std::size_t words = (capacity + 63) / 64;
    const auto free = [&](std::size_t word) {
      return word < words ? FreeCells(bits, owned.block, word, capacity) : 0;
    };
    std::size_t& word = owned.next_word;
    while (word < words && free(word) == 0) word++;
    if (word == words) return false;
    const std::size_t first = word;
    const std::size_t end = has_price ? word : words;
    for (; word < end && free(word) == kAllCells; word++) {
      ClaimCells(mutator, owned.block, word, kAllCells);
    }
    if (word > first) {
      UseRun(mutator, number, {first * 64, word * 64});
      return true;
    }
    owned.claimed = free(word);
    ClaimCells(mutator, owned.block, word, owned.claimed);
    word++;
  }
  const std::size_t most =
      has_price ? std::max<std::size_t>(1, kPricedRun / owned.space->Stride()) : 64;
  UseRun(mutator, number, TakeClaimedRun(owned, most));
  return true;
}

void GiveBackCells(MutatorImpl& mutator, std::size_t number) {
  OwnedBlock& owned = mutator.owned[number];
  const CellRange rest = Remaining(owned, mutator.run_table[number], mutator.state.pool);
  if (rest.begin == rest.end && owned.claimed == 0) return;
  const auto clear = [&](ObjectBits bits) {
    bits.ClearRange(owned.block, rest.begin, rest.end);
    if (owned.claimed != 0) bits.ClearWord(owned.block, owned.next_word - 1, owned.claimed);
  };
  MutexLock lock(mutator.state.candidates_mutex);
  clear(mutator.AllocatedBits());
  ELEGY_CHAOS_POINT("cells given back, still marked");
  if (mutator.black) clear(mutator.state.MarkBits());
  mutator.uncounted_bytes -=
      static_cast<std::ptrdiff_t>((rest.end - rest.begin) * owned.space->Stride());
  mutator.run_table[number] = {};
  owned.claimed = 0;
}

void BlackenCells(MutatorImpl& mutator, std::size_t number) {
  const OwnedBlock& owned = mutator.owned[number];
  const ObjectBits marks = mutator.state.MarkBits();
  const CellRange rest = Remaining(owned, mutator.run_table[number], mutator.state.pool);
  marks.SetRange(owned.block, rest.begin, rest.end);
  if (owned.claimed != 0) marks.SetWord(owned.block, owned.next_word - 1, owned.claimed);
}

void AppendUnbuiltCells(const MutatorImpl& mutator, std::size_t number,
                        std::vector<const void*>& cells) {
  const OwnedBlock& owned = mutator.owned[number];
  const BlockPool& pool = mutator.state.pool;
  const auto append = [&](std::size_t index) {
    cells.push_back(pool.Address(owned.block) + index * owned.space->Stride());
  };
  const CellRange rest = Remaining(owned, mutator.run_table[number], pool);
  for (std::size_t index = rest.begin; index < rest.end; index++) append(index);
  for (std::uint64_t left = owned.claimed; left != 0; left &= left - 1) {
    append((owned.next_word - 1) * 64 + static_cast<std::size_t>(std::countr_zero(left)));
  }
}

}  // namespace elegy::internal
