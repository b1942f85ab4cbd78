// What a workload asks of a memory manager. Each workload that applies to several of them is
// written once, as a template on a class Memory with these members:
//
//   Local<T>                      a reference to a T in a local variable; null by default
//   Ref<T>                        a reference inside an object; null by default
//   Root<T>                       a reference that keeps a T alive across Collect()
//   Local<T> Make<T>(args...)     a new object, initialised with T{args...}
//   Table<T> MakeTable<T>(n)      n null Ref<T>s, used with []
//   Numbers MakeNumbers(n)        n zero doubles, used with []
//   Threads(n, body)              runs body(memory, index) on n threads and waits for them
//   KeepAlive(x)                  x, a Local, a Table or Numbers, is alive at least until here
//
// and, where there is a collector to call:
//
//   Collect()                     one full collection; what only local variables refer to may go
//
// A Memory is small and passed by value. Objects are aggregates of Refs and numbers.

#ifndef ELEGY_BENCH_WORKLOADS_MEMORY_H_
#define ELEGY_BENCH_WORKLOADS_MEMORY_H_

#include <cstdint>
#include <type_traits>

namespace elegy::bench {

template <class Memory, class T>
using Local = typename Memory::template Local<T>;
template <class Memory, class T>
using Ref = typename Memory::template Ref<T>;
template <class Memory, class T>
using Root = typename Memory::template Root<T>;
template <class Memory, class T>
using Table = typename Memory::template Table<T>;

// The plain pointer in a Local, a Ref or a Root.
template <class Reference>
auto* Raw(const Reference& reference) {
  if constexpr (std::is_pointer_v<Reference>) {
    return reference;
  } else {
    return reference.get();
  }
}

// 32 bytes: two references and two integers.
template <class Memory>
struct PairNode {
  Ref<Memory, PairNode> left{}, right{};
  std::int64_t first = 0, second = 0;
};

// Nodes of the tree below `node`, itself included. A node has two children or none.
template <class Node>
std::uint64_t CountNodes(const Node* node) {
  const Node* left = Raw(node->left);
  if (left == nullptr) return 1;
  return 1 + CountNodes(left) + CountNodes<Node>(Raw(node->right));
}

// No machine holds a deeper tree.
inline constexpr std::uint64_t kMaxTreeDepth = 32;

// Nodes of a full binary tree.
constexpr std::uint64_t TreeSize(unsigned depth) { return (std::uint64_t{2} << depth) - 1; }

}  // namespace elegy::bench

#endif  // ELEGY_BENCH_WORKLOADS_MEMORY_H_
