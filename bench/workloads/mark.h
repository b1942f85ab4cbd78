// mark: one full collection of a binary tree whose nodes lie in random order in memory.

#ifndef ELEGY_BENCH_WORKLOADS_MARK_H_
#define ELEGY_BENCH_WORKLOADS_MARK_H_

#include <cstddef>
#include <cstdint>
#include <vector>

#include "bench/support/clock.h"
#include "bench/support/flags.h"
#include "bench/support/random.h"
#include "bench/support/report.h"
#include "bench/workloads/memory.h"

namespace elegy::bench {

// A tree in heap order: node i's children are nodes 2i + 1 and 2i + 2. Only its root is kept.
template <class Memory>
[[gnu::noinline]] Local<Memory, PairNode<Memory>> BuildScatteredTree(Memory memory,
                                                                     std::size_t objects) {
  using Node = PairNode<Memory>;
  const Table<Memory, Node> nodes = memory.template MakeTable<Node>(objects);
  for (std::size_t i = 0; i < objects; ++i) nodes[i] = memory.template Make<Node>();
  const std::vector<std::uint32_t> order = RandomPermutation(objects);
  for (std::size_t i = 0; i < objects; ++i) {
    Node* node = Raw(nodes[order[i]]);
    if (2 * i + 1 < objects) node->left = nodes[order[2 * i + 1]];
    if (2 * i + 2 < objects) node->right = nodes[order[2 * i + 2]];
  }
  Local<Memory, Node> root = nodes[order[0]];
  memory.KeepAlive(nodes);
  return root;
}

template <class Node>
std::uint64_t CountUnevenTree(const Node* node) {
  if (node == nullptr) return 0;
  return 1 + CountUnevenTree<Node>(Raw(node->left)) + CountUnevenTree<Node>(Raw(node->right));
}

template <class Memory>
void RunMark(Memory memory, const Flags& flags, Report& report) {
  const std::size_t objects = flags.Get("objects", 33'554'432);
  const Root<Memory, PairNode<Memory>> root = BuildScatteredTree(memory, objects);
  memory.Collect();  // the table goes, and the heap settles

  const Stopwatch watch;
  memory.Collect();
  report.Measured(watch.Seconds(), objects);
  report.Check(CountUnevenTree(Raw(root)) == objects, "the collection keeps every node");
}

}  // namespace elegy::bench

#endif  // ELEGY_BENCH_WORKLOADS_MARK_H_
