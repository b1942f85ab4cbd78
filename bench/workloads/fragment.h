// fragment: the objects' size changes over time. While objects of one size are made, those of the
// last size are dropped, but for some at random places, which live until their size comes again.

#ifndef ELEGY_BENCH_WORKLOADS_FRAGMENT_H_
#define ELEGY_BENCH_WORKLOADS_FRAGMENT_H_

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <tuple>
#include <utility>

#include "bench/support/clock.h"
#include "bench/support/flags.h"
#include "bench/support/process.h"
#include "bench/support/random.h"
#include "bench/support/report.h"
#include "bench/workloads/memory.h"

namespace elegy::bench {

// From 48 to 880 bytes.
using FragmentSizes = std::index_sequence<6, 10, 16, 26, 42, 68, 110>;

template <std::size_t kWords>
struct SizedNode {
  std::array<std::int64_t, kWords> words{};
};

// All objects of one size that live, and how many those are.
template <class Memory, std::size_t kWords>
struct SizedNodes {
  using Node = SizedNode<kWords>;

  std::optional<Table<Memory, Node>> nodes;
  std::size_t slots = 0, live = 0;

  std::size_t live_bytes() const { return live * sizeof(Node) + slots * sizeof(void*); }
};

template <class Memory>
class Fragment {
 public:
  Fragment(Memory memory, std::size_t bytes, std::uint64_t survivors_percent)
      : memory_(memory), bytes_(bytes), survivors_percent_(survivors_percent) {}

  // Makes objects of each size by turns.
  void RunPass() { RunPhases(std::make_index_sequence<FragmentSizes::size()>()); }

  std::uint64_t made() const { return made_; }
  std::size_t max_live_bytes() const { return max_live_bytes_; }
  bool is_whole() const { return is_whole_; }

 private:
  template <std::size_t... kIndices>
  void RunPhases(std::index_sequence<kIndices...>) {
    constexpr std::size_t kSizes = sizeof...(kIndices);
    (Replace(std::get<(kIndices + kSizes - 1) % kSizes>(sizes_), std::get<kIndices>(sizes_)), ...);
  }

  template <class Old, class New>
  void Replace(Old& old_size, New& new_size) {
    new_size.slots = bytes_ / sizeof(typename New::Node);
    new_size.live = 0;
    new_size.nodes.emplace(memory_.template MakeTable<typename New::Node>(new_size.slots));
    std::size_t dropped = 0;
    for (std::size_t i = 0; i < new_size.slots; ++i) {
      const auto number = static_cast<std::int64_t>(i);
      (*new_size.nodes)[i] = memory_.template Make<typename New::Node>(number);
      ++new_size.live;
      for (; dropped * new_size.slots < (i + 1) * old_size.slots; ++dropped) {
        DropMaybe(old_size, dropped);
      }
    }
    made_ += new_size.slots;
    std::apply(
        [this](const auto&... sizes) {
          max_live_bytes_ = std::max(max_live_bytes_, (sizes.live_bytes() + ...));
        },
        sizes_);
  }

  template <class Old>
  void DropMaybe(Old& old_size, std::size_t slot) {
    auto& reference = (*old_size.nodes)[slot];
    is_whole_ = is_whole_ && Raw(reference)->words[0] == static_cast<std::int64_t>(slot);
    if (random_.Below(100) < survivors_percent_) return;
    reference = nullptr;
    --old_size.live;
  }

  template <class Sizes>
  struct AllSizes;
  template <std::size_t... kWords>
  struct AllSizes<std::index_sequence<kWords...>> {
    using Type = std::tuple<SizedNodes<Memory, kWords>...>;
  };

  Memory memory_;
  std::size_t bytes_;
  std::uint64_t survivors_percent_;
  Random random_;
  typename AllSizes<FragmentSizes>::Type sizes_;
  std::uint64_t made_ = 0;
  std::size_t max_live_bytes_ = 0;
  bool is_whole_ = true;
};

template <class Memory>
void RunFragment(Memory memory, const Flags& flags, Report& report) {
  Fragment<Memory> fragment(memory, flags.Get("live_mib", 64) << 20, flags.Get("survivors", 10));
  const std::uint64_t passes = flags.Get("passes", 4);

  const Stopwatch watch;
  for (std::uint64_t pass = 0; pass < passes; ++pass) fragment.RunPass();
  report.Measured(watch.Seconds(), fragment.made());
  const double live_mib = static_cast<double>(fragment.max_live_bytes()) / 1048576.0;
  report.Number("live_mb", live_mib);
  report.Number("memory_ratio", PeakResidentMib() / live_mib);
  report.Check(fragment.is_whole(), "every object holds its number");
}

}  // namespace elegy::bench

#endif  // ELEGY_BENCH_WORKLOADS_FRAGMENT_H_
