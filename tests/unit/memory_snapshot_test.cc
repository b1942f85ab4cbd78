// WriteSnapshot: JSON in the form that Chrome DevTools load, and true.

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cctype>
#include <cstdint>
#include <cstdlib>
#include <functional>
#include <iomanip>
#include <locale>
#include <map>
#include <optional>
#include <ostream>
#include <sstream>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "elegy/elegy.h"
#include "tests/support/heap_fixture.h"

namespace elegy::test {
namespace snapshot {

// The types in these tests' snapshots are known by their names.
struct Planet {
  Member<Planet> moon;
  WeakMember<Planet> sun;
  std::int64_t number = 0;
};
struct Comet {
  std::array<Member<Planet>, 3> visited;
};
// Calls something before it is whole.
struct Nebula {
  explicit Nebula(const std::function<void()>& during) { during(); }
  void Trace(Visitor& visitor) const { visitor.Trace(planet); }

  Member<Planet> planet = Make<Planet>();
};

}  // namespace snapshot

namespace {

using snapshot::Comet;
using snapshot::Nebula;
using snapshot::Planet;

// A JSON value, as far as snapshots need it.
struct Json {
  enum class Kind { kNumber, kString, kArray, kObject } kind = Kind::kNumber;
  double number = 0;
  std::string string;
  std::vector<Json> elements;
  std::map<std::string, Json> members;

  const Json& operator[](const std::string& name) const { return members.at(name); }
  std::size_t operator()(std::size_t index) const {
    return static_cast<std::size_t>(elements.at(index).number);
  }
};

// Nothing for text that is not JSON.
class JsonParser {
 public:
  explicit JsonParser(std::string_view text) : text_(text) {}

  std::optional<Json> Parse() {
    std::optional<Json> value = ParseValue();
    SkipSpace();
    return at_ == text_.size() ? std::move(value) : std::nullopt;
  }

 private:
  char Peek() const { return at_ < text_.size() ? text_[at_] : '\0'; }
  bool Take(char c) {
    SkipSpace();
    if (Peek() != c) return false;
    at_++;
    return true;
  }
  void SkipSpace() {
    while (std::isspace(static_cast<unsigned char>(Peek())) != 0) at_++;
  }

  std::optional<Json> ParseValue() {
    SkipSpace();
    if (Peek() == '{') return ParseObject();
    if (Peek() == '[') return ParseArray();
    if (Peek() == '"') return ParseString();
    return ParseNumber();
  }
  std::optional<Json> ParseNumber() {
    const std::size_t begin = at_;
    while (std::isdigit(static_cast<unsigned char>(Peek())) != 0 || Peek() == '-') at_++;
    const std::string digits(text_.substr(begin, at_ - begin));
    char* end = nullptr;
    Json value{Json::Kind::kNumber, std::strtod(digits.c_str(), &end), {}, {}, {}};
    if (digits.empty() || *end != '\0') return std::nullopt;
    return value;
  }
  std::optional<Json> ParseString() {
    Json value{Json::Kind::kString, 0, {}, {}, {}};
    at_++;
    while (Peek() != '"') {
      if (at_ >= text_.size() || static_cast<unsigned char>(Peek()) < 0x20) return std::nullopt;
      if (Peek() == '\\' &&
          std::string_view("\"\\/bfnrt").find(text_[++at_]) == std::string_view::npos) {
        return std::nullopt;
      }
      value.string += text_[at_++];
    }
    at_++;
    return value;
  }
  std::optional<Json> ParseArray() {
    Json value{Json::Kind::kArray, 0, {}, {}, {}};
    at_++;
    if (Take(']')) return value;
    do {
      std::optional<Json> element = ParseValue();
      if (!element) return std::nullopt;
      value.elements.push_back(*std::move(element));
    } while (Take(','));
    return Take(']') ? std::optional(std::move(value)) : std::nullopt;
  }
  std::optional<Json> ParseObject() {
    Json value{Json::Kind::kObject, 0, {}, {}, {}};
    at_++;
    if (Take('}')) return value;
    do {
      SkipSpace();
      if (Peek() != '"') return std::nullopt;
      std::optional<Json> name = ParseString();
      if (!name || !Take(':')) return std::nullopt;
      std::optional<Json> member = ParseValue();
      if (!member || value.members.contains(name->string)) return std::nullopt;
      value.members.emplace(name->string, *std::move(member));
    } while (Take(','));
    return Take('}') ? std::optional(std::move(value)) : std::nullopt;
  }

  const std::string_view text_;
  std::size_t at_ = 0;
};

// The graph in a snapshot, read by the field names that it declares.
class Graph {
 public:
  struct Edge {
    std::string type, name;  // the name of a weak one, the index of an element
    std::size_t target;
  };
  struct Node {
    std::string type, name;
    std::size_t id, bytes;
    std::vector<Edge> edges;
  };

  explicit Graph(const Json& json) {
    const Json& meta = json["snapshot"]["meta"];
    const std::size_t fields = meta["node_fields"].elements.size();
    const std::size_t edge_fields = meta["edge_fields"].elements.size();
    const Json& nodes = json["nodes"];
    const Json& edges = json["edges"];
    EXPECT_EQ(nodes.elements.size() % fields, 0u);
    std::size_t edge = 0;
    for (std::size_t at = 0; at < nodes.elements.size(); at += fields) {
      const auto field = [&](std::string_view name) {
        return nodes(at + IndexOf(meta["node_fields"], name));
      };
      const Json& types = meta["node_types"].elements.at(0);
      Node node = {types.elements.at(field("type")).string,
                   json["strings"].elements.at(field("name")).string,
                   field("id"),
                   field("self_size"),
                   {}};
      for (std::size_t i = 0; i < field("edge_count"); i++, edge += edge_fields) {
        const std::size_t target = edges(edge + IndexOf(meta["edge_fields"], "to_node"));
        EXPECT_EQ(target % fields, 0u);
        EXPECT_LT(target, nodes.elements.size());
        const Json& edge_types = meta["edge_types"].elements.at(0);
        const std::size_t type = edges(edge + IndexOf(meta["edge_fields"], "type"));
        const std::string type_name = edge_types.elements.at(type).string;
        const std::size_t name = edges(edge + IndexOf(meta["edge_fields"], "name_or_index"));
        const bool is_element = type_name == "element";  // others have names
        node.edges.push_back(
            {type_name,
             is_element ? std::to_string(name) : json["strings"].elements.at(name).string,
             target / fields});
      }
      nodes_.push_back(std::move(node));
    }
    EXPECT_EQ(edge, edges.elements.size());
    EXPECT_EQ(json["snapshot"]["node_count"].number, static_cast<double>(nodes_.size()));
    EXPECT_EQ(json["snapshot"]["edge_count"].number, static_cast<double>(edge / edge_fields));
  }

  const std::vector<Node>& nodes() const { return nodes_; }
  std::vector<const Node*> Named(std::string_view part) const {
    std::vector<const Node*> found;
    for (const Node& node : nodes_) {
      if (node.name.find(part) != std::string::npos) found.push_back(&node);
    }
    return found;
  }
  std::size_t CountEdges(const Node& from, std::string_view type, std::string_view to) const {
    std::size_t count = 0;
    for (const Edge& edge : from.edges) {
      count += edge.type == type && nodes_.at(edge.target).name.find(to) != std::string::npos;
    }
    return count;
  }

 private:
  static std::size_t IndexOf(const Json& names, std::string_view name) {
    for (std::size_t i = 0; i < names.elements.size(); i++) {
      if (names.elements[i].string == name) return i;
    }
    ADD_FAILURE() << "no field " << name;
    return 0;
  }

  std::vector<Node> nodes_;
};

class MemorySnapshotTest : public HeapTest {
 protected:
  Graph TakeSnapshot() {
    std::ostringstream out;
    EXPECT_TRUE(heap().WriteSnapshot(out).ok());
    const std::optional<Json> json = JsonParser(out.str()).Parse();
    EXPECT_TRUE(json.has_value()) << "not JSON: " << out.str().substr(0, 1000);
    return Graph(json.value());
  }
};

TEST_F(MemorySnapshotTest, AnEmptyHeapHasARoot) {
  const Graph graph = TakeSnapshot();
  ASSERT_GE(graph.nodes().size(), 1u);
  EXPECT_EQ(graph.nodes()[0].type, "synthetic");
}

TEST_F(MemorySnapshotTest, ShowsTypesSizesAndEdges) {
  const Persistent<Comet> comet = Make<Comet>();
  NoInline([&] {
    Planet* const sun = Make<Planet>();
    Planet* const planet = Make<Planet>(Make<Planet>(), sun, 3);
    comet->visited = {sun, planet, planet};
  });
  const Graph graph = TakeSnapshot();
  const auto comets = graph.Named("snapshot::Comet");
  const auto planets = graph.Named("snapshot::Planet");
  ASSERT_EQ(comets.size(), 1u);
  ASSERT_EQ(planets.size(), 3u);
  EXPECT_EQ(comets[0]->bytes, sizeof(Comet));
  EXPECT_EQ(planets[0]->bytes, sizeof(Planet));
  EXPECT_EQ(graph.CountEdges(*comets[0], "element", "Planet"), 3u);
  std::size_t strong = 0, weak = 0;
  for (const Graph::Node* each : planets) {
    strong += graph.CountEdges(*each, "element", "Planet");
    weak += graph.CountEdges(*each, "weak", "Planet");
  }
  EXPECT_EQ(strong, 1u);
  EXPECT_EQ(weak, 1u);
  EXPECT_EQ(graph.CountEdges(graph.nodes()[0], "element", "Comet"), 1u);
}

TEST_F(MemorySnapshotTest, EdgesHaveNames) {
  const Persistent<Planet> planet = Make<Planet>();
  const Persistent<Comet> comet = Make<Comet>();
  planet->moon = Make<Planet>();
  planet->sun = planet;
  comet->visited = {nullptr, planet.get(), planet.get()};
  const Graph graph = TakeSnapshot();
  std::vector<std::string> names;
  for (const Graph::Node* node : graph.Named("snapshot::")) {
    for (const Graph::Edge& edge : node->edges) names.push_back(edge.type + " " + edge.name);
  }
  std::sort(names.begin(), names.end());
  const std::vector<std::string> expected = {"element 0", "element 0", "element 1", "weak weak"};
  EXPECT_EQ(names, expected);
}

// What only a registry's queued record keeps is reached from the roots.
TEST_F(MemorySnapshotTest, RegistriesWithQueuedRecordsAreRoots) {
  using Registry = FinalizationRegistry<Member<Planet>>;
  Persistent<Registry> registry;
  NoInline([&] {
    registry = Make<Registry>([](Member<Planet>) {});
    ASSERT_TRUE(registry->Register(Make<Comet>(), Make<Planet>()).ok());
  });
  heap().Collect(StackState::kNoPointers);
  registry = nullptr;
  const Graph graph = TakeSnapshot();
  EXPECT_EQ(graph.CountEdges(graph.nodes()[0], "element", "FinalizationRegistry"), 1u);
  EXPECT_EQ(graph.Named("snapshot::Comet").size(), 0u);
}

TEST_F(MemorySnapshotTest, IdsAreDistinct) {
  const Persistent<Array<Member<Planet>>> planets = MakeArray<Member<Planet>>(1000);
  for (Member<Planet>& each : *planets) each = Make<Planet>();
  const Graph graph = TakeSnapshot();
  std::map<std::size_t, int> ids;
  for (const Graph::Node& node : graph.nodes()) ids[node.id]++;
  EXPECT_EQ(ids.size(), graph.nodes().size());
  EXPECT_EQ(graph.Named("snapshot::Planet").size(), 1000u + 1);  // with the array's own name
}

TEST_F(MemorySnapshotTest, TheDeadAreNotInIt) {
  Persistent<Planet> planet = NoInline([] { return Persistent(Make<Planet>(Make<Planet>())); });
  mutator().EndTurn(StackState::kNoPointers);
  EXPECT_EQ(TakeSnapshot().Named("snapshot::Planet").size(), 2u);
  planet->moon = nullptr;
  planet->number = 1;
  CollectPrecisely();
  EXPECT_EQ(TakeSnapshot().Named("snapshot::Planet").size(), 1u);
}

TEST_F(MemorySnapshotTest, WhatIsUnderConstructionIsNotInIt) {
  std::optional<Graph> during;
  const Persistent<Nebula> nebula = Make<Nebula>([&] { during = TakeSnapshot(); });
  EXPECT_EQ(during->Named("snapshot::Nebula").size(), 0u);
  EXPECT_EQ(during->Named("snapshot::Planet").size(), 1u);
  EXPECT_EQ(TakeSnapshot().Named("snapshot::Nebula").size(), 1u);
}

TEST_F(MemorySnapshotTest, LargeObjectsHaveTheirSize) {
  const Persistent<Array<char>> bytes = MakeArray<char>(5'000'000);
  const Persistent<Array<Member<Planet>>> slots = MakeArray<Member<Planet>>(100'000);
  (*slots)[99'999] = Make<Planet>();
  const Graph graph = TakeSnapshot();
  std::size_t most = 0, slot_bytes = 0;
  for (const Graph::Node& node : graph.nodes()) {
    most = std::max(most, node.bytes);
    if (graph.CountEdges(node, "element", "snapshot::Planet") > 0 && node.type == "array") {
      slot_bytes = node.bytes;
    }
  }
  EXPECT_GE(most, 5'000'000u);
  EXPECT_GE(slot_bytes, 800'000u);
}

TEST_F(MemorySnapshotTest, WeakCollectionsAreInIt) {
  const auto map = Persistent(Make<WeakMap<Planet, Member<Comet>>>());
  const Persistent<Planet> key = Make<Planet>();
  ASSERT_TRUE(map->Set(key, Make<Comet>()).ok());
  const Graph graph = TakeSnapshot();
  const auto maps = graph.Named("WeakMap");
  ASSERT_EQ(maps.size(), 1u);
  EXPECT_EQ(graph.CountEdges(*maps[0], "weak", "Planet"), 1u);
  EXPECT_EQ(graph.CountEdges(*maps[0], "element", "Comet"), 1u);
}

// Numbers are JSON's, whatever the program's streams are set to.
struct Grouping : std::numpunct<char> {
  char do_thousands_sep() const override { return ','; }
  std::string do_grouping() const override { return "\3"; }
};

TEST_F(MemorySnapshotTest, TheStreamsFormatMakesNoDifference) {
  const Persistent<Array<Member<Planet>>> planets = MakeArray<Member<Planet>>(2000);
  for (Member<Planet>& each : *planets) each = Make<Planet>();
  std::ostringstream plain;
  ASSERT_TRUE(heap().WriteSnapshot(plain).ok());
  std::ostringstream formatted;
  formatted.imbue(std::locale(std::locale::classic(), new Grouping));
  formatted << std::hex << std::showbase << std::setw(9);
  ASSERT_TRUE(heap().WriteSnapshot(formatted).ok());
  EXPECT_EQ(formatted.str(), plain.str());
}

TEST_F(MemorySnapshotTest, AStreamThatFailsIsReported) {
  std::ostream nowhere(nullptr);
  EXPECT_EQ(heap().WriteSnapshot(nowhere).code(), absl::StatusCode::kInternal);
}

TEST_F(MemorySnapshotTest, IsTakenWhileOthersRun) {
  const Persistent<Array<Member<Planet>>> planets = MakeArray<Member<Planet>>(500);
  for (Member<Planet>& each : *planets) each = Make<Planet>();
  std::atomic<bool> stop{false};
  std::thread other([&] {
    const Mutator guest(heap());
    while (!stop) {
      for (std::size_t i = 1; i < 500; i++) (*planets)[i]->moon = (*planets)[i - 1];
      for (int i = 0; i < 100; i++) Make<Comet>();
    }
  });
  std::thread unattached([&] { EXPECT_GE(TakeSnapshot().nodes().size(), 500u); });
  for (int i = 0; i < 5; i++) {
    EXPECT_GE(TakeSnapshot().nodes().size(), 500u);
  }
  stop = true;
  const BlockingRegion region(mutator());
  other.join();
  unattached.join();
}

}  // namespace
}  // namespace elegy::test
