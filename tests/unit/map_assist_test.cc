// A mutator helps to mark, and marks keys under which many entries are filed. What it would have to
// sort for that it leaves to the collector.

#include <gtest/gtest.h>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <thread>

#include "elegy/elegy.h"
#include "elegy/testing.h"
#include "tests/support/actor.h"
#include "tests/support/heap_fixture.h"
#include "tests/support/stress.h"

namespace elegy::test {
namespace {

using testing::CycleStep;
using testing::CycleStepper;

thread_local bool is_helper = false;
std::atomic<std::size_t> traced_by_helper{0};
std::atomic<std::size_t> values_traced_by_helper{0};
std::atomic<bool> collector_may_go_on{true};

struct Key {
  std::int64_t number = 0;
};

struct Value {
  explicit Value(std::uint32_t id) : canary(id) {}
  ~Value() { canary.Kill(); }
  void Trace(Visitor&) const {
    if (is_helper) ++values_traced_by_helper;
  }
  Canary canary;
};

// The collector's thread stays at the first that it gets, and leaves the rest to the helper.
struct Element {
  Member<Key> key;
  void Trace(Visitor& visitor) const {
    if (is_helper) ++traced_by_helper;
    while (!is_helper && !collector_may_go_on) std::this_thread::yield();
    visitor.Trace(key);
  }
};

using Elements = Array<Element>;
using Map = WeakMap<Key, Member<Value>>;

class MapAssistTest : public HeapTest {
 public:
  MapAssistTest() : HeapTest({.initial_heap_bytes = 1 << 20, .conservative_stacks = false}) {}
};

TEST_F(MapAssistTest, KeysThatAHelpingMutatorMarksKeepTheirValues) {
  constexpr std::size_t kElements = 20'000;
  constexpr int kEnough = 100'000'000;
  collector_may_go_on = true;
  const Persistent<Map> map = Make<Map>();
  Persistent<Elements> elements(MakeArray<Element>(kElements));
  const Persistent<WeakRef<Elements>> ref = Make<WeakRef<Elements>>(elements.get());
  for (std::size_t i = 0; i < kElements; i++) {
    const Persistent<Key> key = Make<Key>();
    (*elements)[i].key = key.get();
    ASSERT_TRUE(map->Set(key.get(), Make<Value>(1)).ok());
  }
  CollectPrecisely();
  elements = nullptr;
  mutator().EndTurn(StackState::kNoPointers);
  Actor helper(heap());
  CycleStepper stepper(heap());
  stepper.AdvanceTo(CycleStep::kMarked);  // all entries are filed
  elements = ref->Deref();
  ASSERT_NE(elements.get(), nullptr);
  collector_may_go_on = false;
  traced_by_helper = 0;
  values_traced_by_helper = 0;
  helper.Start([] {
    is_helper = true;
    for (int i = 0; i < kEnough && traced_by_helper == 0; i++) Make<Key>();
    EXPECT_GT(traced_by_helper, 0u);
    EXPECT_EQ(values_traced_by_helper, 0u);
    collector_may_go_on = true;
    is_helper = false;
  });
  stepper.FinishCycle();
  helper.Await();
  for (const Element& element : *elements) {
    const Value* const value = map->Get(element.key.get());
    ASSERT_NE(value, nullptr);
    ASSERT_EQ(value->canary.id(), 1u);
  }
}

}  // namespace
}  // namespace elegy::test
