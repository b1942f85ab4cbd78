// gcbench: Ellis, Kovac and Boehm's. A stretch tree, a long-lived tree and array of numbers, and
// short-lived trees of growing depth, half of them built top-down, half bottom-up.

#ifndef ELEGY_BENCH_WORKLOADS_GCBENCH_H_
#define ELEGY_BENCH_WORKLOADS_GCBENCH_H_

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <utility>

#include "bench/support/clock.h"
#include "bench/support/flags.h"
#include "bench/support/publish.h"
#include "bench/support/report.h"
#include "bench/workloads/memory.h"

namespace elegy::bench {

// Hangs two subtrees under `node`, parents before children.
template <class Memory>
void GrowTopDown(Memory memory, unsigned depth, PairNode<Memory>* node) {
  using Node = PairNode<Memory>;
  if (depth == 0) return;
  node->left = memory.template Make<Node>();
  node->right = memory.template Make<Node>();
  GrowTopDown(memory, depth - 1, Raw(node->left));
  GrowTopDown(memory, depth - 1, Raw(node->right));
}

template <class Memory>
Local<Memory, PairNode<Memory>> MakeTopDown(Memory memory, unsigned depth) {
  auto root = memory.template Make<PairNode<Memory>>();
  GrowTopDown(memory, depth, Raw(root));
  return root;
}

template <class Memory>
Local<Memory, PairNode<Memory>> MakeBottomUp(Memory memory, unsigned depth) {
  using Node = PairNode<Memory>;
  if (depth == 0) return memory.template Make<Node>();
  auto left = MakeBottomUp(memory, depth - 1);
  auto right = MakeBottomUp(memory, depth - 1);
  return memory.template Make<Node>(std::move(left), std::move(right));
}

// Trees of `depth` that together have about twice as many nodes as the stretch tree.
constexpr std::uint64_t TreesPerDepth(unsigned depth, unsigned stretch_depth) {
  return 2 * TreeSize(stretch_depth) / TreeSize(depth);
}

// Makes and drops them both ways; returns the number of nodes made.
template <class Memory>
std::uint64_t MakeShortLivedTrees(Memory memory, unsigned depth, unsigned stretch_depth) {
  const std::uint64_t trees = TreesPerDepth(depth, stretch_depth);
  for (std::uint64_t i = 0; i < trees; ++i) Publish(Raw(MakeTopDown(memory, depth)));
  for (std::uint64_t i = 0; i < trees; ++i) Publish(Raw(MakeBottomUp(memory, depth)));
  return 2 * trees * TreeSize(depth);
}

template <class Memory>
void RunGcbench(Memory memory, const Flags& flags, Report& report) {
  constexpr unsigned kMinDepth = 4;
  constexpr std::size_t kNumbers = 500'000;
  const auto stretch_depth = static_cast<unsigned>(
      std::clamp<std::uint64_t>(flags.Get("depth", 18), kMinDepth + 2, kMaxTreeDepth));
  const unsigned max_depth = stretch_depth - 2;

  const Stopwatch watch;
  Publish(Raw(MakeBottomUp(memory, stretch_depth)));
  const auto long_lived = MakeTopDown(memory, max_depth);
  auto numbers = memory.MakeNumbers(kNumbers);
  for (std::size_t i = 0; i < kNumbers / 2; ++i) numbers[i] = 1.0 / static_cast<double>(i + 1);
  std::uint64_t nodes = TreeSize(stretch_depth) + TreeSize(max_depth);
  for (unsigned depth = kMinDepth; depth <= max_depth; depth += 2) {
    nodes += MakeShortLivedTrees(memory, depth, stretch_depth);
  }
  report.Measured(watch.Seconds(), nodes);

  report.Check(CountNodes(Raw(long_lived)) == TreeSize(max_depth), "the long-lived tree is whole");
  report.Check(numbers[1000] == 1.0 / 1001, "the long-lived array is whole");
  memory.KeepAlive(long_lived);
  memory.KeepAlive(numbers);
}

}  // namespace elegy::bench

#endif  // ELEGY_BENCH_WORKLOADS_GCBENCH_H_
