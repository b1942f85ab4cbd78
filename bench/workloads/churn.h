// churn: a heap of a given live size in which random nodes are replaced; every operation is timed.
// Several mutators replace nodes of a table each.

#ifndef ELEGY_BENCH_WORKLOADS_CHURN_H_
#define ELEGY_BENCH_WORKLOADS_CHURN_H_

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <thread>
#include <utility>
#include <vector>

#include "bench/support/clock.h"
#include "bench/support/flags.h"
#include "bench/support/histogram.h"
#include "bench/support/publish.h"
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

// What one mutator does, and what it finds.
struct ChurnPart {
  Histogram latency;
  std::uint64_t start_ns = 0, end_ns = 0;
  bool is_whole = false;
};

// Replaces random nodes of a table of its own, once all mutators have filled theirs.
template <class Memory>
void RunChurnPart(Memory memory, std::size_t nodes, std::int64_t operations, std::uint64_t seed,
                  std::atomic<int>& filling, ChurnPart& part) {
  using Node = ChurnNode<Memory>;
  const Table<Memory, Node> table = memory.template MakeTable<Node>(nodes);
  for (std::size_t i = 0; i < nodes; ++i) table[i] = memory.template Make<Node>();
  --filling;
  // Allocates while it waits: that answers any collector. Seldom, for those that still fill theirs.
  while (filling > 0) {
    Publish(Raw(memory.template Make<Node>()));
    std::this_thread::sleep_for(std::chrono::microseconds(100));
  }

  Histogram latency;
  Random random(seed);
  part.start_ns = NowNs();
  std::uint64_t last = part.start_ns;
  for (std::int64_t key = 1; key <= operations; ++key) {
    const std::size_t slot = random.Below(nodes);
    const std::size_t next_slot = slot + 1 == nodes ? 0 : slot + 1;
    ReplaceNode(memory, table, slot, next_slot, key);
    const std::uint64_t now = NowNs();
    latency.Add(now - last);
    last = now;
  }
  part.end_ns = last;
  part.latency = std::move(latency);
  part.is_whole = IsWhole<Memory>(table, nodes, operations);
  memory.KeepAlive(table);
}

// Nodes and operations are shared out over the mutators.
template <class Memory>
void RunChurn(Memory memory, const Flags& flags, Report& report) {
  const auto threads =
      static_cast<int>(std::clamp<std::uint64_t>(flags.Get("threads", 1), 1, 1024));
  const std::size_t nodes =
      ChurnLiveMib(flags) * (1 << 20) / kChurnNodeBytes / static_cast<std::size_t>(threads);
  const auto operations = static_cast<std::int64_t>(flags.Get("operations", 20'000'000)) / threads;
  std::atomic<int> filling = threads;
  std::vector<ChurnPart> parts(static_cast<std::size_t>(threads));
  const auto run_part = [&](Memory own_memory, int index) {
    const auto i = static_cast<std::size_t>(index);
    RunChurnPart(own_memory, nodes, operations, kDefaultSeed + i, filling, parts[i]);
  };
  if (threads == 1) {
    run_part(memory, 0);
  } else {
    memory.Threads(threads, run_part);
  }

  ChurnPart all = parts.front();
  for (std::size_t i = 1; i < parts.size(); ++i) {
    all.latency.Add(parts[i].latency);
    all.start_ns = std::min(all.start_ns, parts[i].start_ns);
    all.end_ns = std::max(all.end_ns, parts[i].end_ns);
    all.is_whole = all.is_whole && parts[i].is_whole;
  }
  report.Measured(static_cast<double>(all.end_ns - all.start_ns) * 1e-9, all.latency.total());
  report.Latency(all.latency);
  report.Count("nodes", nodes * parts.size());
  report.Check(all.is_whole, "every slot holds a whole node");
}

}  // namespace elegy::bench

#endif  // ELEGY_BENCH_WORKLOADS_CHURN_H_
