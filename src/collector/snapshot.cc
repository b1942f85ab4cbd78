// The .heapsnapshot format: JSON with one flat array of nodes, one of edges, and one of strings.
// A node has six numbers (type, name, id, self_size, edge_count, trace_node_id) and its edges stand
// together, in the order of the nodes; an edge has three (type, the index of an
// element or, of a weak one, the number of its name, the target's place in the array of nodes).
// Node 0 is the root.

#include "src/collector/snapshot.h"

#include <algorithm>
#include <cstdint>
#include <functional>
#include <memory>
#include <new>
#include <ostream>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "elegy/internal/registry_core.h"
#include "elegy/visitor.h"
#include "src/collector/heap_walk.h"
#include "src/mutator/handshake.h"
#include "src/mutator/mutator_impl.h"

namespace elegy::internal {

namespace {

constexpr std::size_t kNodeFields = 6;

// Types and edge types by their places in the lists of the "meta" part.
enum NodeType { kSyntheticRoot = 0, kObject = 1, kArray = 2 };
enum EdgeType { kElement = 0, kWeak = 1 };
constexpr std::string_view kWeakEdge = "weak";

struct Edge {
  EdgeType type;
  const void* target;
};

struct Node {
  const void* start;
  std::string_view name;
  std::size_t bytes;
  NodeType type;
  std::vector<Edge> edges;
};

class EdgeCollector final : public Visitor, public TableMarker {
 public:
  explicit EdgeCollector(const HeapState& state) : state_(state) {}

  std::vector<Edge> Take() { return std::exchange(edges_, {}); }
  void Add(EdgeType type, const void* target) {
    if (target != nullptr) edges_.push_back({type, state_.Resolve(target).start});
  }

 private:
  void OnSlot(const void*, void* target) override { Add(kElement, target); }
  void OnWeakCell(const WeakCell& cell) override { Add(kWeak, cell.Target()); }
  void OnTable(TracedTable& table) override { table.Mark(*this); }
  Visitor& visitor() override { return *this; }
  bool IsMarkedOrFile(void* key, TracedTable&) override {
    Add(kWeak, key);
    return true;
  }

  const HeapState& state_;
  std::vector<Edge> edges_;
};

// In the order of their addresses, the root with none first.
std::vector<Node> CollectNodes(HeapState& state) {
  const HoldScope hold(state);
  EdgeCollector edges(state);
  std::vector<Node> nodes(1);
  nodes[0] = {nullptr, "(roots)", 0, kSyntheticRoot, {}};
  // Between cycles the last cycle's marks are the allocated bits.
  ForEachObject(state, state.MarkBits(), [&](void* start, const BlockInfo& info) {
    const TypeInfo& type = *info.Type();
    if (type.trace != nullptr) type.trace(start, edges);
    const std::size_t bytes = info.Stride() != 0
                                  ? info.Stride()
                                  : state.pool.SpanOf(state.pool.BlockOf(start)) * kBlockBytes;
    nodes.push_back(
        {start, type.name, bytes, type.trace_elements != nullptr ? kArray : kObject, edges.Take()});
  });
  state.roots->ForEach(/*strong=*/true,
                       [&](const WeakCell& cell) { edges.Add(kElement, cell.Target()); });
  for (const auto& [id, mutator] : state.mutators) {
    for (const void* kept : mutator->kept) edges.Add(kElement, kept);
    for (const void* root : mutator->callback_roots) edges.Add(kElement, root);
  }
  {
    MutexLock lock(state.registries_mutex);
    for (const std::shared_ptr<RegistryCore>& core : state.registries) {
      if (core->IsRoot()) edges.Add(kElement, core->self());
    }
  }
  nodes[0].edges = edges.Take();
  return nodes;
}

std::string JsonString(std::string_view text) {
  std::string quoted = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') quoted += '\\';
    quoted += c;
  }
  return quoted + '"';
}

constexpr char kMeta[] =
    R"({"node_fields":["type","name","id","self_size","edge_count","trace_node_id"],)"
    R"("node_types":[["synthetic","object","array"],"string","number","number","number","number"],)"
    R"("edge_fields":["type","name_or_index","to_node"],)"
    R"("edge_types":[["element","weak"],"string_or_number","node"],)"
    R"("trace_function_info_fields":[],"trace_node_fields":[],"sample_fields":[],)"
    R"("location_fields":[]})";

class SnapshotWriter {
 public:
  SnapshotWriter(const std::vector<Node>& nodes, std::ostream& out) : nodes_(nodes), out_(out) {
    names_.try_emplace(kWeakEdge, names_.size());
    for (const Node& node : nodes) names_.try_emplace(node.name, names_.size());
  }

  void Write() {
    Put("{\"snapshot\":{\"meta\":", kMeta, ",\"node_count\":", nodes_.size(),
        ",\"edge_count\":", CountEdges(), ",\"trace_function_count\":0},\n\"nodes\":[");
    for (std::size_t i = 0; i < nodes_.size(); i++) {
      const Node& node = nodes_[i];
      Put(i == 0 ? "" : ",\n", static_cast<int>(node.type), ",", names_.at(node.name), ",",
          2 * i + 1, ",", node.bytes, ",", CountEdgesOf(node), ",0");
    }
    Put("],\n\"edges\":[");
    bool first = true;
    for (const Node& node : nodes_) {
      std::size_t index = 0;
      for (const Edge& edge : node.edges) {
        const std::size_t place = PlaceOf(edge.target);
        if (place == nodes_.size()) continue;
        const std::size_t name_or_index = edge.type == kWeak ? names_.at(kWeakEdge) : index++;
        Put(first ? "" : ",\n", static_cast<int>(edge.type), ",", name_or_index, ",",
            place * kNodeFields);
        first = false;
      }
    }
    Put("],\n\"trace_function_infos\":[],\"trace_tree\":[],\"samples\":[],\"locations\":[],\n"
        "\"strings\":[");
    std::vector<std::string_view> strings(names_.size());
    for (const auto& [name, number] : names_) strings[number] = name;
    for (std::size_t i = 0; i < strings.size(); i++) {
      Put(i == 0 ? "" : ",\n", JsonString(strings[i]));
    }
    Put("]}\n");
  }

 private:
  // Whatever the stream's locale and flags.
  template <class... Parts>
  void Put(const Parts&... parts) {
    const std::string text = absl::StrCat(parts...);
    out_.write(text.data(), static_cast<std::streamsize>(text.size()));
  }

  // The number of nodes if there is none.
  std::size_t PlaceOf(const void* start) const {
    const auto place = std::lower_bound(
        nodes_.begin(), nodes_.end(), start,
        [](const Node& node, const void* at) { return std::less<>()(node.start, at); });
    const bool found = place != nodes_.end() && place->start == start;
    return found ? static_cast<std::size_t>(place - nodes_.begin()) : nodes_.size();
  }
  // Targets that are still being constructed are not in the graph.
  std::size_t CountEdgesOf(const Node& node) const {
    std::size_t count = 0;
    for (const Edge& edge : node.edges) count += PlaceOf(edge.target) < nodes_.size() ? 1 : 0;
    return count;
  }
  std::size_t CountEdges() const {
    std::size_t count = 0;
    for (const Node& node : nodes_) count += CountEdgesOf(node);
    return count;
  }

  const std::vector<Node>& nodes_;
  std::ostream& out_;
  // Not Abseil's map, which does not survive a failed allocation.
  std::unordered_map<std::string_view, std::size_t> names_;
};

}  // namespace

absl::Status WriteSnapshot(HeapImpl& heap, std::ostream& out) {
  std::vector<Node> nodes;
  bool found_memory = true;
  heap.RunAfterCycle([&] {
    try {
      nodes = CollectNodes(heap.state());
    } catch (const std::bad_alloc&) {
      found_memory = false;
    }
  });
  try {
    if (!found_memory) throw std::bad_alloc();
    SnapshotWriter(nodes, out).Write();
  } catch (const std::bad_alloc&) {
    return absl::ResourceExhaustedError("elegy: no memory for a snapshot");
  }
  out.flush();
  return out ? absl::OkStatus() : absl::InternalError("elegy: writing the snapshot failed");
}

}  // namespace elegy::internal
