// Turns: what they keep alive, for whom, and how they end.

#include <gtest/gtest.h>

#include <cstddef>
#include <cstdint>
#include <latch>
#include <stdexcept>
#include <thread>
#include <vector>

#include "elegy/elegy.h"
#include "src/mutator/mutator_impl.h"
#include "tests/conformance/fixture.h"
#include "tests/support/actor.h"

namespace elegy::test {
namespace {

using NodeRef = WeakRef<Node>;

class TurnsConformance : public ConformanceTest {
 public:
  TurnsConformance() : ConformanceTest({.conservative_stacks = false}) {}

  static Persistent<NodeRef> NewRef() { return Persistent(Make<NodeRef>(Make<Node>())); }
};

TEST_F(TurnsConformance, F27_DetachingInTheMidstOfATurnIsFine) {
  Persistent<NodeRef> ref;
  {
    BlockingRegion region(mutator());
    std::thread([&] {
      Mutator short_lived(heap());
      ref = NewRef();
      EXPECT_NE(ref->Deref(), nullptr);
    }).join();
  }
  Collect();
  EXPECT_TRUE(ref->IsCleared());
  const auto kept = NewRef();
  Detach();
}

TEST_F(TurnsConformance, F31_AnEndlessTurnKeepsWhatItReadsAndNoMore) {
  const auto target = NewNode();
  const Persistent ref(Make<NodeRef>(target));
  EndTurn();
  const auto kept = [] {
    const auto& list = internal::CurrentImpl().kept;
    return list.end() - list.begin();
  };
  ASSERT_EQ(ref->Deref(), target.get());
  const auto kept_once = kept();
  for (int i = 0; i < 100'000; i++) ASSERT_EQ(ref->Deref(), target.get());
  EXPECT_EQ(kept(), kept_once);

  std::vector<Persistent<NodeRef>> refs;
  for (int i = 0; i < 1000; i++) refs.push_back(NewRef());
  Collect();
  for (const auto& each : refs) ASSERT_FALSE(each->IsCleared());
  {
    const TurnScope turn(mutator());
    for (int i = 0; i < 500; i++) ASSERT_NE(refs[static_cast<std::size_t>(i)]->Deref(), nullptr);
  }
  Collect();
  for (const auto& each : refs) ASSERT_TRUE(each->IsCleared());
}

TEST_F(TurnsConformance, G6_EveryWayToEndATurnReleasesWhatItKept) {
  auto ref = NewRef();
  Collect();
  EXPECT_FALSE(ref->IsCleared());
  mutator().EndTurn();
  Collect();
  EXPECT_TRUE(ref->IsCleared());

  {
    const TurnScope turn(mutator());
    ref = NewRef();
    Collect();
    EXPECT_FALSE(ref->IsCleared());
  }
  Collect();
  EXPECT_TRUE(ref->IsCleared());

  const auto throwing_turn = [&] {
    const TurnScope turn(mutator());
    ref = NewRef();
    throw std::runtime_error("the turn's");
  };
  EXPECT_THROW(throwing_turn(), std::runtime_error);
  Collect();
  EXPECT_TRUE(ref->IsCleared());

  ref = NewRef();
  Detach();
  Mutator again(heap());
  Collect();
  EXPECT_TRUE(ref->IsCleared());
}

TEST_F(TurnsConformance, I13_SafepointsAndReturnsDoNotEndTheTurn) {
  const auto ref = NoInline([] { return NewRef(); });
  for (int i = 0; i < 5; i++) {
    NoInline([&] { EXPECT_NE(ref->Deref(), nullptr); });
    mutator().Safepoint();
    mutator().DrainFinalization();
    { const BlockingRegion region(mutator()); }
    Collect();
    ASSERT_FALSE(ref->IsCleared());
  }
  CollectPrecisely();
  EXPECT_TRUE(ref->IsCleared());
}

TEST_F(TurnsConformance, J11_AnObjectGoesOnceEveryMutatorHasEndedItsTurn) {
  Actor actor(heap());
  const auto ref = NewRef();
  std::latch has_read(1);
  std::latch may_end(1);
  actor.Start([&] {
    EXPECT_NE(ref->Deref(), nullptr);
    has_read.count_down();
    {
      const BlockingRegion region(Mutator::Current());
      may_end.wait();
    }
    Mutator::Current().EndTurn(StackState::kNoPointers);
  });
  has_read.wait();
  for (int i = 0; i < 3; i++) CollectPrecisely();
  EXPECT_FALSE(ref->IsCleared());
  may_end.count_down();
  actor.Await();
  CollectPrecisely();
  EXPECT_TRUE(ref->IsCleared());
}

TEST_F(TurnsConformance, L1_AnothersTurnsEndReleasesNothingOfMine) {
  const auto ref = NewRef();
  EXPECT_NE(ref->Deref(), nullptr);
  {
    Actor actor(heap());
    actor.Do([&] {
      EXPECT_NE(ref->Deref(), nullptr);
      Mutator::Current().EndTurn(StackState::kNoPointers);
    });
    for (int i = 0; i < 3; i++) Collect();  // The actor ends turn after turn meanwhile.
  }
  EXPECT_FALSE(ref->IsCleared());
  EndTurn();
  Collect();
  EXPECT_TRUE(ref->IsCleared());
}

}  // namespace
}  // namespace elegy::test
