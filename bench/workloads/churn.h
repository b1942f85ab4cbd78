// churn: a heap of a given live size in which random nodes are replaced; every operation is timed.

#ifndef ELEGY_BENCH_WORKLOADS_CHURN_H_
#define ELEGY_BENCH_WORKLOADS_CHURN_H_

#include <cstddef>
#include <cstdint>
#include <utility>

#include "bench/support/clock.h"
#include "bench/support/flags.h"
#include "bench/support/histogram.h"
#include "bench/support/random.h"
#include "bench/support/report.h"
#include "bench/workloads/memory.h"

namespace elegy::bench {

// Six words.
template <class Memory>
struct ChurnNode {
  std::int64_t key = 0;
  Ref<Memory, ChurnNode> next{}, second{}, third{};
  std::int64_t payload_first = 0, payload_second = 0;
};

inline constexpr std::size_t kChurnNodeBytes = 48;

inline std::uint64_t ChurnLiveMib(const Flags& flags) { return flags.Get("live_mib", 64); }

// Puts a new node in `slot`. It refers to the node in the next slot, whose own reference is cut, so
// that no chain grows.
template <class Memory>
void ReplaceNode(Memory memory, const Table<Memory, ChurnNode<Memory>>& table, std::size_t slot,
                 std::size_t next_slot, std::int64_t key) {
  using Node = ChurnNode<Memory>;
  Local<Memory, Node> next = table[next_slot];
  next->next = nullptr;
  table[slot] = memory.template Make<Node>(key, std::move(next));
}

template <class Memory>
bool IsWhole(const Table<Memory, ChurnNode<Memory>>& table, std::size_t nodes,
             std::int64_t max_key) {
  for (std::size_t i = 0; i < nodes; ++i) {
    const ChurnNode<Memory>* node = Raw(table[i]);
    if (node == nullptr || node->key < 0 || node->key > max_key) return false;
    const ChurnNode<Memory>* next = Raw(node->next);
    if (next != nullptr && (next->key < 0 || next->key > max_key)) return false;
  }
  return true;
}

template <class Memory>
void RunChurn(Memory memory, const Flags& flags, Report& report) {
  using Node = ChurnNode<Memory>;
  const std::size_t nodes = ChurnLiveMib(flags) * (1 << 20) / kChurnNodeBytes;
  const auto operations = static_cast<std::int64_t>(flags.Get("operations", 20'000'000));
  const Table<Memory, Node> table = memory.template MakeTable<Node>(nodes);
  for (std::size_t i = 0; i < nodes; ++i) table[i] = memory.template Make<Node>();

  Histogram latency;
  Random random;
  const std::uint64_t start = NowNs();
  std::uint64_t last = start;
  for (std::int64_t key = 1; key <= operations; ++key) {
    const std::size_t slot = random.Below(nodes);
    const std::size_t next_slot = slot + 1 == nodes ? 0 : slot + 1;
    ReplaceNode(memory, table, slot, next_slot, key);
    const std::uint64_t now = NowNs();
    latency.Add(now - last);
    last = now;
  }
  report.Measured(static_cast<double>(last - start) * 1e-9, static_cast<std::uint64_t>(operations));
  report.Latency(latency);
  report.Count("nodes", nodes);
  report.Check(IsWhole<Memory>(table, nodes, operations), "every slot holds a whole node");
  memory.KeepAlive(table);
}

}  // namespace elegy::bench

#endif  // ELEGY_BENCH_WORKLOADS_CHURN_H_
