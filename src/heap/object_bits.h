// Two bitmaps beside the heap, with one bit for each object of a block: which cells hold objects
// (allocated), and which objects this cycle has reached (marked).
//
// They change roles with every cycle: the mark bits of one cycle, intersected with the allocated
// bits, are the allocated bits of the next. Sweeping a block clears its old allocated bits, which
// makes them the next cycle's clear mark bits. A new cycle begins only once every block is swept.
//
//   who writes         allocated bits                         mark bits
//   block's owner      sets runs it claims; clears what it    sets runs it claims while black;
//                      gives back                             clears what it gives back
//   marker, mutators   -                                      set, by atomic or
//   sweeper            clears                                 (become the allocated bits)
//   collector          clears those of failed objects that    sets those of newly failed ones,
//                      nobody refers to                       where it swaps the bitmaps
//
// Mark bits are monotone between handshake 1 and handshake 4, but for cells given back, which hold
// no object: the rest of a run whose owner detaches. A word of some stack may name such a cell, and
// while it was its owner's it was allocated and marked. If it lost both bits between the marker's
// test of the one and its setting of the other, it would be traced, though it holds no object, and
// destroyed by a later sweep. So candidates are tested and marked under candidates_mutex, and cells
// are given back under it. Who claims cells sets their mark bits before their allocated bits
// (release; the test of a candidate acquires): no free cell is seen as allocated and unmarked. In a
// word without allocated bits nobody else can write: claimed whole, it is stored.
//
// The cell of an object whose constructor has thrown keeps its bits until a sweep is about to begin
// (src/heap/failed_objects.h).
//
// The bits themselves are relaxed: that an object is marked carries nothing but itself. Where a
// conclusion needs an order (weak reads, ephemerons) the phase word or a lock gives it, and
// TestOrdered.

#ifndef ELEGY_SRC_HEAP_OBJECT_BITS_H_
#define ELEGY_SRC_HEAP_OBJECT_BITS_H_

#include <atomic>
#include <cstddef>
#include <cstdint>

#include "elegy/internal/layout.h"

namespace elegy::internal {

// One of the two bitmaps: kWordsPerBlock words for each block.
class ObjectBits {
 public:
  ObjectBits() = default;
  explicit ObjectBits(std::atomic<std::uint64_t>* words) : words_(words) {}

  std::atomic<std::uint64_t>& WordOf(std::size_t block, std::size_t index) const {
    return words_[block * kWordsPerBlock + index / 64];
  }
  static std::uint64_t MaskOf(std::size_t index) { return std::uint64_t{1} << (index % 64); }

  // Relaxed: see above.
  bool Test(std::size_t block, std::size_t index) const {
    return (WordOf(block, index).load(std::memory_order_relaxed) & MaskOf(index)) != 0;
  }
  std::uint64_t Word(std::size_t block, std::size_t word) const {
    return words_[block * kWordsPerBlock + word].load(std::memory_order_relaxed);
  }
  // Clears the bits of a word that are not in `kept`. Relaxed: only by the block's sweeper; no
  // write, and no lost update, in the usual case that there are none.
  void Intersect(std::size_t block, std::size_t word, std::uint64_t kept) const {
    std::atomic<std::uint64_t>& bits = words_[block * kWordsPerBlock + word];
    if ((bits.load(std::memory_order_relaxed) & ~kept) != 0) {
      bits.fetch_and(kept, std::memory_order_relaxed);  // as above
    }
  }

  // Sets a bit; true for the one who set it. Acquire-release, so that of two threads of which one
  // sets the bit and the other then finds it set, the second sees what the first did before: an
  // entry filed under an unmarked key relies on it (src/mark/ephemerons.h). On x86 it is free.
  static bool TrySet(std::atomic<std::uint64_t>& word, std::uint64_t mask) {
    if ((word.load(std::memory_order_relaxed) & mask) != 0) return false;
    return (word.fetch_or(mask, std::memory_order_acq_rel) & mask) == 0;
  }
  // The same by who need not be the only one that hears so: of two threads at once both may. One
  // instruction, where the answer of a read-modify-write would take a loop.
  static bool SetIfClear(std::atomic<std::uint64_t>& word, std::uint64_t mask) {
    if ((word.load(std::memory_order_relaxed) & mask) != 0) return false;
    word.fetch_or(mask, std::memory_order_acq_rel);  // as TrySet
    return true;
  }
  // Tests a bit so that, if it is clear, whoever sets it later sees what the caller did before:
  // a read-modify-write, acquire-release as TrySet.
  static bool TestOrdered(std::atomic<std::uint64_t>& word, std::uint64_t mask) {
    return (word.fetch_or(0, std::memory_order_acq_rel) & mask) != 0;
  }

  // Acquire: pairs with SetWord and ClearWord; what their caller had set or cleared before is
  // seen so.
  std::uint64_t WordAcquire(std::size_t block, std::size_t word) const {
    return words_[block * kWordsPerBlock + word].load(std::memory_order_acquire);
  }

  // Sets bits of a word, of cells that the caller claims or has claimed: clear, or set by the
  // caller. Others may change other bits of the same word. Release: see WordAcquire.
  void SetWord(std::size_t block, std::size_t word, std::uint64_t mask) const {
    std::atomic<std::uint64_t>& bits = words_[block * kWordsPerBlock + word];
    if (mask == ~std::uint64_t{0}) {
      bits.store(mask, std::memory_order_release);  // as said
    } else {
      bits.fetch_or(mask, std::memory_order_release);  // as said
    }
  }
  // Clears them, likewise.
  void ClearWord(std::size_t block, std::size_t word, std::uint64_t mask) const {
    // As SetWord.
    words_[block * kWordsPerBlock + word].fetch_and(~mask, std::memory_order_release);
  }
  // The bits [begin, end) of a block.
  void SetRange(std::size_t block, std::size_t begin, std::size_t end) const {
    ForWords(begin, end, [&](std::size_t word, std::uint64_t mask) { SetWord(block, word, mask); });
  }
  void ClearRange(std::size_t block, std::size_t begin, std::size_t end) const {
    ForWords(begin, end,
             [&](std::size_t word, std::uint64_t mask) { ClearWord(block, word, mask); });
  }

 private:
  template <class F>
  static void ForWords(std::size_t begin, std::size_t end, F&& each) {
    while (begin < end) {
      const std::size_t word = begin / 64;
      const std::size_t word_end = (word + 1) * 64;
      const std::size_t stop = end < word_end ? end : word_end;
      const std::size_t count = stop - begin;
      const std::uint64_t ones =
          count == 64 ? ~std::uint64_t{0} : ((std::uint64_t{1} << count) - 1);
      each(word, ones << (begin % 64));
      begin = stop;
    }
  }

  std::atomic<std::uint64_t>* words_ = nullptr;
};

}  // namespace elegy::internal

#endif  // ELEGY_SRC_HEAP_OBJECT_BITS_H_
