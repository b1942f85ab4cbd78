// Does one of the fast paths many times: bench_instructions OPERATION COUNT. tools/instructions
// counts the instructions inside the functions whose names begin with Measure.

#include <array>
#include <charconv>
#include <cstdint>
#include <cstdio>
#include <string_view>
#include <utility>

#include <elegy/elegy.h>

#include "bench/micro/fixture.h"
#include "bench/support/publish.h"

namespace elegy::bench {
namespace {

struct Object {
  Member<Object> left{}, right{};
  std::int64_t first = 0, second = 0;
};

using Map = WeakMap<Node, Member<Node>>;

[[gnu::noinline]] void MeasureAllocation(Mutator& mutator, std::uint64_t count) {
  static_assert(sizeof(Object) == 32);
  for (std::uint64_t i = 0; i < count; ++i) Publish(mutator.Make<Object>());
}

[[gnu::noinline]] void MeasureStores(Node& node, Node* value, std::uint64_t count) {
  for (std::uint64_t i = 0; i < count; ++i) {
    node.next = value;
    Publish(&node);
  }
}

[[gnu::noinline]] void MeasurePolls(Mutator& mutator, std::uint64_t count) {
  for (std::uint64_t i = 0; i < count; ++i) mutator.Safepoint();
}

[[gnu::noinline]] void MeasureDerefs(const WeakRef<Node>& reference, std::uint64_t count) {
  for (std::uint64_t i = 0; i < count; ++i) Publish(reference.Deref());
}

[[gnu::noinline]] void MeasureLookUps(const Map& map, Node* key, std::uint64_t count) {
  for (std::uint64_t i = 0; i < count; ++i) Publish(map.Get(key));
}

void Allocate(AttachedHeap& attached, std::uint64_t count) {
  MeasureAllocation(attached.mutator, count);
}

void Store(AttachedHeap& attached, std::uint64_t count) {
  const Persistent<Node> node(attached.mutator.Make<Node>());
  const Persistent<Node> value(attached.mutator.Make<Node>());
  MeasureStores(*node, value.get(), count);
}

void Poll(AttachedHeap& attached, std::uint64_t count) { MeasurePolls(attached.mutator, count); }

void Deref(AttachedHeap& attached, std::uint64_t count) {
  const Persistent<Node> target(attached.mutator.Make<Node>());
  const Persistent<WeakRef<Node>> reference(attached.mutator.Make<WeakRef<Node>>(target.get()));
  MeasureDerefs(*reference, count);
}

void LookUp(AttachedHeap& attached, std::uint64_t count) {
  const Persistent<Node> key(attached.mutator.Make<Node>());
  const Persistent<Map> map(attached.mutator.Make<Map>());
  if (map->Set(key.get(), key.get()).ok()) MeasureLookUps(*map, key.get(), count);
}

using Operation = void (*)(AttachedHeap&, std::uint64_t);

constexpr std::array<std::pair<std::string_view, Operation>, 5> kOperations = {{
    {"allocate-32", Allocate},
    {"store-barrier-off", Store},
    {"poll", Poll},
    {"deref", Deref},
    {"weak-map-get", LookUp},
}};

}  // namespace
}  // namespace elegy::bench

int main(int argc, char** argv) {
  const std::string_view name = argc == 3 ? argv[1] : "";
  const std::string_view number = argc == 3 ? argv[2] : "";
  std::uint64_t count = 0;
  std::from_chars(number.data(), number.data() + number.size(), count);
  for (const auto& [known, run] : elegy::bench::kOperations) {
    if (known != name || count == 0) continue;
    elegy::bench::AttachedHeap attached;
    run(attached, count);
    return 0;
  }
  std::fputs("usage: OPERATION COUNT\n", stderr);
  return 2;
}
