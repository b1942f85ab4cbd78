// binary-trees: the benchmarks game's. A stretch tree, a long-lived tree, and very many short-lived
// trees of growing depth, built from the leaves up and counted.

#ifndef ELEGY_BENCH_WORKLOADS_BINARY_TREES_H_
#define ELEGY_BENCH_WORKLOADS_BINARY_TREES_H_

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <utility>

#include "bench/support/clock.h"
#include "bench/support/flags.h"
#include "bench/support/report.h"
#include "bench/workloads/memory.h"

namespace elegy::bench {

inline constexpr unsigned kMinTreeDepth = 4;

template <class Memory>
struct TreeNode {
  Ref<Memory, TreeNode> left{}, right{};
};

template <class Memory>
Local<Memory, TreeNode<Memory>> BuildTree(Memory memory, unsigned depth) {
  using Node = TreeNode<Memory>;
  if (depth == 0) return memory.template Make<Node>();
  auto left = BuildTree(memory, depth - 1);
  auto right = BuildTree(memory, depth - 1);
  return memory.template Make<Node>(std::move(left), std::move(right));
}

// Builds, counts and drops a tree.
template <class Memory>
std::uint64_t CountTree(Memory memory, unsigned depth) {
  const auto tree = BuildTree(memory, depth);
  return CountNodes(Raw(tree));
}

constexpr std::uint64_t TreesOfDepth(unsigned depth, unsigned max_depth) {
  return std::uint64_t{1} << (max_depth - depth + kMinTreeDepth);
}

constexpr std::uint64_t NodesOfBinaryTrees(unsigned max_depth) {
  std::uint64_t nodes = TreeSize(max_depth + 1) + TreeSize(max_depth);
  for (unsigned depth = kMinTreeDepth; depth <= max_depth; depth += 2) {
    nodes += TreesOfDepth(depth, max_depth) * TreeSize(depth);
  }
  return nodes;
}

template <class Memory>
void RunBinaryTrees(Memory memory, int threads, const Flags& flags, Report& report) {
  const auto max_depth = static_cast<unsigned>(
      std::clamp<std::uint64_t>(flags.Get("depth", 18), kMinTreeDepth, kMaxTreeDepth));

  const Stopwatch watch;
  std::atomic<std::uint64_t> nodes = CountTree(memory, max_depth + 1);
  const auto long_lived = BuildTree(memory, max_depth);
  for (unsigned depth = kMinTreeDepth; depth <= max_depth; depth += 2) {
    const std::uint64_t trees =
        TreesOfDepth(depth, max_depth) / static_cast<std::uint64_t>(threads);
    const auto count_trees = [depth, trees, &nodes](Memory own_memory, int) {
      std::uint64_t own_nodes = 0;
      for (std::uint64_t i = 0; i < trees; ++i) own_nodes += CountTree(own_memory, depth);
      nodes += own_nodes;
    };
    if (threads == 1) {
      count_trees(memory, 0);
    } else {
      memory.Threads(threads, count_trees);
    }
  }
  nodes += CountNodes(Raw(long_lived));
  report.Measured(watch.Seconds(), nodes);
  memory.KeepAlive(long_lived);
  report.Check(nodes == NodesOfBinaryTrees(max_depth), "every node of every tree is counted");
}

}  // namespace elegy::bench

#endif  // ELEGY_BENCH_WORKLOADS_BINARY_TREES_H_
