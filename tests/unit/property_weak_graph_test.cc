// Random graphs of objects and weak collections, changed in random order between cycles and at
// every step of a cycle, against a plain reference (tests/support/weak_graph.h).

#include <gtest/gtest.h>

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <string>

#include "elegy/elegy.h"
#include "tests/support/choices.h"
#include "tests/support/heap_fixture.h"
#include "tests/support/stress.h"
#include "tests/support/weak_graph.h"

namespace elegy::test {
namespace {

using Rules = WeakGraphModel::Rules;

class WeakGraphTest : public HeapTest {
 public:
  explicit WeakGraphTest(int markers)
      : HeapTest({.marker_threads = markers, .conservative_stacks = false}) {}
  static void SetUpTestSuite() {
    std::printf("ELEGY_TEST_SEED=%llu\n", static_cast<unsigned long long>(TestSeed()));
    std::fflush(stdout);
  }

  // What is wrong with the graph of this round; nothing, if all is well.
  std::string Try(std::uint64_t round, const Rules& rules = {}) {
    try {
      RandomChoices choices(round);
      WeakGraph graph(heap(), choices, rules);
      if (choices.OneIn(2)) graph.AddPartner();
      graph.Grow();
      for (std::size_t cycles = 1 + choices.Below(3); cycles > 0; cycles--) {
        if (choices.OneIn(4)) {
          graph.Collect();
        } else {
          graph.RunCycle(/*acts_per_step=*/choices.Below(12));
        }
        graph.Act(choices.Below(8));
        if (choices.OneIn(2)) graph.KeepOneHandleIn(2);
      }
      graph.EndEverything();
      return "";
    } catch (const WeakGraph::Mismatch& mismatch) {
      return mismatch.what();
    }
  }
};

class WeakGraphPropertyTest : public WeakGraphTest, public ::testing::WithParamInterface<int> {
 public:
  WeakGraphPropertyTest() : WeakGraphTest(/*markers=*/GetParam()) {}
};

INSTANTIATE_TEST_SUITE_P(Markers, WeakGraphPropertyTest, ::testing::Values(1, 3));

TEST_P(WeakGraphPropertyTest, LivesAndDiesAsTheReferenceSays) {
  for (std::uint64_t round = 0; round < Scaled(400); round++) {
    ASSERT_EQ(Try(round), "") << "round " << round << ", ELEGY_TEST_SEED=" << TestSeed();
  }
}

// A rule to break. Its mismatch is what the comparison says of the broken reference.
struct Fault {
  const char* name;
  bool Rules::*rule;
  const char* mismatch;
};

class WeakGraphCanaryTest : public WeakGraphTest, public ::testing::WithParamInterface<Fault> {
 public:
  WeakGraphCanaryTest() : WeakGraphTest(/*markers=*/1) {}
};

constexpr const char* kKeptTooMuch = "lives but is found dead";
constexpr const char* kKeptTooLittle = "has died but is found alive";

INSTANTIATE_TEST_SUITE_P(
    Rules, WeakGraphCanaryTest,
    ::testing::Values(Fault{"ValueOutlivesItsKey", &Rules::value_needs_key, kKeptTooMuch},
                      Fault{"ValueIsNotKept", &Rules::value_is_kept, kKeptTooLittle},
                      Fault{"RegistrationKeepsItsTarget", &Rules::target_is_weak, kKeptTooMuch},
                      Fault{"WeakMemberKeepsItsTarget", &Rules::member_is_weak, kKeptTooMuch},
                      Fault{"CacheKeepsItsObjects", &Rules::cache_is_weak, kKeptTooMuch},
                      Fault{"HeldValueIsNotKept", &Rules::held_is_kept, kKeptTooLittle},
                      Fault{"QueuedRecordsDoNotKeepTheirRegistry", &Rules::queue_is_a_root,
                            "registry has died"},
                      Fault{"TurnKeepsNothing", &Rules::turn_keeps, kKeptTooLittle}),
    [](const auto& fault) { return std::string(fault.param.name); });

TEST_P(WeakGraphCanaryTest, IsNoticed) {
  Rules rules;
  rules.*GetParam().rule = false;
  for (std::uint64_t round = 0; round < 2'000; round++) {
    if (Try(round, rules).find(GetParam().mismatch) != std::string::npos) return;
  }
  FAIL() << "nothing noticed, ELEGY_TEST_SEED=" << TestSeed();
}

}  // namespace
}  // namespace elegy::test
