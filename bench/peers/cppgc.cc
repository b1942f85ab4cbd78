// Runs one workload on cppgc, V8's collector for C++, and prints a line of JSON: bench_peer_cppgc
// WORKLOAD [flags].

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <vector>

#include "bench/peers/cppgc_memory.h"
#include "bench/peers/cppgc_runtime.h"
#include "bench/peers/cppgc_weak_map.h"
#include "bench/support/clock.h"
#include "bench/support/flags.h"
#include "bench/support/process.h"
#include "bench/support/publish.h"
#include "bench/support/random.h"
#include "bench/support/report.h"
#include "bench/workloads/mark.h"
#include "bench/workloads/memory.h"
#include "bench/workloads/program.h"

namespace elegy::bench {

struct Callbacks {
  std::uint64_t count = 0;
  std::uint64_t sum = 0;
};
Callbacks callbacks;

// 32 bytes. The destructor takes the place of a callback: making and registering are one thing.
struct FinalizedNode {
  CppgcRef<FinalizedNode> left{}, right{};
  std::uint64_t held = 0, unused = 0;

  ~FinalizedNode() {
    ++callbacks.count;
    callbacks.sum += held;
  }
};

inline void TraceSlots(cppgc::Visitor* visitor, const FinalizedNode& node) {
  visitor->Trace(node.left.pointer());
  visitor->Trace(node.right.pointer());
}

struct Key {
  std::uint64_t number = 0, unused = 0;
};

inline void TraceSlots(cppgc::Visitor*, const Key&) {}

struct Value {
  CppgcRef<Key> key;
  std::uint64_t number = 0;
};

inline void TraceSlots(cppgc::Visitor* visitor, const Value& value) {
  visitor->Trace(value.key.pointer());
}

namespace {

using Node = PairNode<CppgcMemory>;

// What a cycle under way held on to goes in the next one.
constexpr int kMaxCollections = 10;

void RunFinalize(const Flags& flags, Report& report) {
  const std::size_t objects = flags.Get("objects", 1'000'000);
  const double per_object = 1e9 / static_cast<double>(objects);
  callbacks = {};
  const auto nodes = CppgcMemory::MakeTable<FinalizedNode>(objects);

  const double resident_before = ResidentMib();
  const Stopwatch making;
  for (std::size_t i = 0; i < objects; ++i) {
    nodes[i] = CppgcMemory::Make<FinalizedNode>(nullptr, nullptr, i);
  }
  const double make_seconds = making.Seconds();
  const double resident_after = ResidentMib();

  const Stopwatch finalizing;
  for (std::size_t i = 0; i < objects; ++i) nodes[i] = nullptr;
  for (int i = 0; i < kMaxCollections && callbacks.count < objects; ++i) CppgcMemory::Collect();
  report.Measured(finalizing.Seconds(), objects);
  report.Number("make_and_register_ns", make_seconds * per_object);
  report.Number("bytes_per_object",
                (resident_after - resident_before) * 1048576.0 / static_cast<double>(objects));
  report.Check(callbacks.count == objects && callbacks.sum == objects * (objects - 1) / 2,
               "every destructor runs once");
}

void RunDeref(const Flags& flags, Report& report) {
  const std::size_t objects = flags.Get("objects", 1'000'000);
  const std::uint64_t passes = flags.Get("passes", 20);
  const auto nodes = CppgcMemory::MakeTable<Node>(objects);
  for (std::size_t i = 0; i < objects; ++i) nodes[i] = CppgcMemory::Make<Node>();
  std::vector<cppgc::WeakPersistent<CppgcObject<Node>>> references(objects);
  for (std::size_t i = 0; i < objects; ++i) references[i] = nodes[i].pointer().Get();
  const Stopwatch collecting;
  CppgcMemory::Collect();
  const double collect_seconds = collecting.Seconds();
  const std::vector<std::uint32_t> order = RandomPermutation(objects);

  std::uint64_t live = 0;
  const Stopwatch watch;
  for (std::uint64_t pass = 0; pass < passes; ++pass) {
    for (const std::uint32_t index : order) {
      if (references[index].Get() != nullptr) ++live;
    }
    Publish(references.data());  // so that no pass is taken for another's repetition
  }
  report.Measured(watch.Seconds(), passes * objects);
  report.Number("collect_ms", collect_seconds * 1e3);
  report.Check(live == passes * objects, "every target is live");
}

using Keys = CppgcMemory::Table<Key>;
using Map = CppgcWeakMap<CppgcObject<Key>, CppgcObject<Value>>;

void InsertAll(Map* map, const Keys& keys, std::size_t entries) {
  for (std::size_t i = 0; i < entries; ++i) {
    Key* key = keys[i];
    Value* value = CppgcMemory::Make<Value>(key, key->number);
    map->Insert(CppgcObject<Key>::Of(key), CppgcObject<Value>::Of(value));
  }
}

std::uint64_t LookUpAll(const Map& map, const Keys& keys, const std::vector<std::uint32_t>& order) {
  std::uint64_t found = 0;
  for (const std::uint32_t index : order) {
    Key* key = keys[index];
    if (key == nullptr) continue;
    CppgcObject<Value>* value = map.Get(CppgcObject<Key>::Of(key));
    if (value != nullptr && value->value()->number == key->number) ++found;
  }
  return found;
}

void RunEphemeron(const Flags& flags, Report& report) {
  const std::size_t entries = flags.Get("objects", 1'000'000);
  const double per_entry = 1e9 / static_cast<double>(entries);
  const Keys keys = CppgcMemory::MakeTable<Key>(entries);
  for (std::size_t i = 0; i < entries; ++i) keys[i] = CppgcMemory::Make<Key>(i);
  const cppgc::Persistent<Map> map(cppgc::MakeGarbageCollected<Map>(CppgcRuntime::allocation()));
  const std::vector<std::uint32_t> order = RandomPermutation(entries);
  CppgcMemory::Collect();

  const Stopwatch inserting;
  InsertAll(map.Get(), keys, entries);
  const double insert_seconds = inserting.Seconds();

  const Stopwatch looking_up;
  report.Check(LookUpAll(*map, keys, order) == entries, "every key is found");
  const double look_up_seconds = looking_up.Seconds();

  for (std::size_t i = 0; i < entries; i += 2) keys[i] = nullptr;
  const Stopwatch collecting;
  for (int i = 0; i < kMaxCollections && map->live() > entries / 2; ++i) CppgcMemory::Collect();
  const double collect_seconds = collecting.Seconds();

  report.Measured(insert_seconds + look_up_seconds + collect_seconds, entries);
  report.Number("insert_ns", insert_seconds * per_entry);
  report.Number("lookup_ns", look_up_seconds * per_entry);
  report.Number("collect_ms", collect_seconds * 1e3);
  report.Check(map->live() == entries / 2, "every dropped key's entry is gone");
  report.Check(LookUpAll(*map, keys, order) == entries / 2, "every other key is still found");
}

// With two markers the main thread has the platform's threads marking beside it.
void RunMark(const Flags& flags, Report& report) {
  const std::size_t objects = flags.Get("objects", 33'554'432);
  const CppgcMemory::Root<Node> root(BuildScatteredTree(CppgcMemory(), objects));
  CppgcMemory::Collect();  // the table goes, and the heap settles

  const bool has_helpers = flags.Get("marker_threads", 1) > 1;
  const Stopwatch collection;
  if (has_helpers) {
    CppgcRuntime::CollectConcurrently();
  } else {
    CppgcMemory::Collect();
  }
  report.Measured(collection.Seconds(), objects);
  report.Check(CountUnevenTree(Raw(root)) == objects, "the collection keeps every node");
}

bool RunWorkload(const Flags& flags, Report& report) {
  if (flags.workload() == "binary-trees-mt" || flags.Get("threads", 1) > 1) return false;
  if (RunCommonWorkload(CppgcMemory(), flags, report)) return true;
  if (flags.workload() == "finalize") {
    RunFinalize(flags, report);
  } else if (flags.workload() == "deref" || flags.workload() == "deref-persistent") {
    RunDeref(flags, report);
  } else if (flags.workload() == "ephemeron") {
    RunEphemeron(flags, report);
  } else if (flags.workload() == "mark") {
    RunMark(flags, report);
  } else {
    return false;
  }
  return true;
}

int Run(const Flags& flags) {
  CppgcRuntime::Start(InitialHeapBytes(flags, 64));
  return RunRounds("cppgc", flags, [&](Report& report) { return RunWorkload(flags, report); });
}

}  // namespace
}  // namespace elegy::bench

int main(int argc, char** argv) {
  const int status = elegy::bench::Run(elegy::bench::Flags(argc, argv));
  std::_Exit(status);  // the platform's threads and the heap are not torn down
}
