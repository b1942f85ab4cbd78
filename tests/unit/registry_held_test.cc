// Held values: of every kind, kept with all that they refer to until the callback has run.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <new>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "elegy/elegy.h"
#include "tests/support/heap_fixture.h"

namespace elegy::test {
namespace {

using ::testing::ElementsAre;

struct Node {
  int value = 0;
  Member<Node> next;
};

struct Nothing {};

enum class Colour { kRed, kGreen };

struct Mixed {
  Member<Node> node;
  int number = 0;
  std::string text;
  std::optional<Member<Node>> maybe;
};

// A type of its own, with a move that empties, and a count of its instances.
class Counted {
 public:
  explicit Counted(int& live) : live_(&live) { ++*live_; }
  Counted(Counted&& other) noexcept : live_(std::exchange(other.live_, nullptr)) {}
  Counted& operator=(Counted&&) = delete;
  ~Counted() {
    if (live_ != nullptr) --*live_;
  }

 private:
  int* live_;
};

// Moving it away leaves nothing behind.
class Ticket {
 public:
  explicit Ticket(Node* node) : node_(node) {}
  Ticket(Ticket&& other) noexcept : node_(other.node_) { other.node_ = nullptr; }
  Ticket& operator=(Ticket&&) = delete;
  void Trace(Visitor& visitor) const { visitor.Trace(node_); }

 private:
  Member<Node> node_;
};

class OnDestruction {
 public:
  explicit OnDestruction(std::function<void()> f) : f_(std::move(f)) {}
  OnDestruction(const OnDestruction&) = delete;
  OnDestruction& operator=(const OnDestruction&) = delete;
  ~OnDestruction() { f_(); }

 private:
  const std::function<void()> f_;
};

// Calls f in each of its moves, except in those within f.
class OnMove {
 public:
  OnMove(Node* node, std::function<void()>& f) : node_(node), f_(&f) {}
  OnMove(OnMove&& other) : node_(other.node_), f_(other.f_) {
    other.node_ = nullptr;
    if (!inside) {
      inside = true;
      (*f_)();
      inside = false;
    }
  }
  OnMove& operator=(OnMove&&) = delete;
  void Trace(Visitor& visitor) const { visitor.Trace(node_); }

  static bool inside;

 private:
  Member<Node> node_;
  std::function<void()>* f_;
};
bool OnMove::inside = false;

}  // namespace
}  // namespace elegy::test

template <>
inline constexpr bool elegy::kHasNoSlots<elegy::test::Counted> = true;
template <>
inline constexpr bool elegy::kHasNoSlots<elegy::test::OnDestruction> = true;

namespace elegy::test {
namespace {

class RegistryHeldTest : public HeapTest {
 public:
  // Registers a target that nothing refers to.
  template <class Held>
  static void RegisterDoomed(FinalizationRegistry<Held>& registry, Held held) {
    NoInline([&] { ASSERT_TRUE(registry.Register(Make<Node>(), std::move(held)).ok()); });
  }
  // What arrives when a doomed target has been registered with it, once.
  template <class Held>
  std::vector<Held> SendThrough(Held held) {
    std::vector<Held> arrived;
    const Persistent<FinalizationRegistry<Held>> registry(NoInline([&] {
      return Make<FinalizationRegistry<Held>>(
          [&](Held value) { arrived.push_back(std::move(value)); });
    }));
    RegisterDoomed(*registry, std::move(held));
    for (int i = 0; i < 3; i++) CollectPrecisely();
    mutator().Safepoint();
    return arrived;
  }
  // A chain of three nodes.
  static Node* NewChain() { return Make<Node>(1, Make<Node>(2, Make<Node>(3))); }
};

TEST_F(RegistryHeldTest, NumbersStringsAndOwnersArriveUnchanged) {
  EXPECT_THAT(SendThrough(42), ElementsAre(42));
  EXPECT_THAT(SendThrough(-1.5), ElementsAre(-1.5));
  EXPECT_THAT(SendThrough(Colour::kGreen), ElementsAre(Colour::kGreen));
  EXPECT_THAT(SendThrough(std::string(1000, 'x')), ElementsAre(std::string(1000, 'x')));
  const auto owners = SendThrough(std::make_unique<int>(7));
  ASSERT_EQ(owners.size(), 1u);
  EXPECT_EQ(*owners[0], 7);
  EXPECT_THAT(SendThrough(std::vector{1, 2, 3}), ElementsAre(ElementsAre(1, 2, 3)));
}

TEST_F(RegistryHeldTest, EmptyStructArrives) { EXPECT_EQ(SendThrough(Nothing()).size(), 1u); }

TEST_F(RegistryHeldTest, NullsArrive) {
  int calls = 0;
  const Persistent<FinalizationRegistry<Member<Node>>> slots(
      Make<FinalizationRegistry<Member<Node>>>([&](Node* node) {
        EXPECT_EQ(node, nullptr);
        calls++;
      }));
  RegisterDoomed<Member<Node>>(*slots, nullptr);
  CollectPrecisely();
  mutator().Safepoint();
  EXPECT_EQ(calls, 1);
  const auto owners = SendThrough(std::unique_ptr<int>());
  ASSERT_EQ(owners.size(), 1u);
  EXPECT_EQ(owners[0], nullptr);
}

TEST_F(RegistryHeldTest, SlotIsKeptWithWhatItRefersTo) {
  int sum = 0;
  const Persistent<FinalizationRegistry<Member<Node>>> registry(
      Make<FinalizationRegistry<Member<Node>>>([&](Node* node) {
        for (; node != nullptr; node = node->next.get()) sum += node->value;
      }));
  NoInline([&] { RegisterDoomed<Member<Node>>(*registry, NewChain()); });
  // Queued since the first of them.
  for (int i = 0; i < 5; i++) heap().Collect(StackState::kNoPointers);
  mutator().Safepoint();
  EXPECT_EQ(sum, 6);
}

TEST_F(RegistryHeldTest, SlotOfALivingRegistrationIsKept) {
  const Persistent<Node> target(Make<Node>());
  const Persistent<FinalizationRegistry<Member<Node>>> registry(
      Make<FinalizationRegistry<Member<Node>>>([](Node*) {}));
  WeakPersistent<Node> weak;
  NoInline([&] {
    auto* const held = NewChain();
    weak = held->next->next.get();
    ASSERT_TRUE(registry->Register(target, held).ok());
  });
  for (int i = 0; i < 3; i++) CollectPrecisely();
  EXPECT_EQ(NoInline([&] { return weak.Get()->value; }), 3);
}

TEST_F(RegistryHeldTest, SlotIsLetGoAfterTheCallback) {
  const Persistent<FinalizationRegistry<Member<Node>>> registry(
      Make<FinalizationRegistry<Member<Node>>>([](Node*) {}));
  WeakPersistent<Node> weak;
  NoInline([&] {
    auto* const held = NewChain();
    weak = held;
    RegisterDoomed<Member<Node>>(*registry, held);
  });
  heap().Collect(StackState::kNoPointers);
  heap().Collect(StackState::kNoPointers);
  EXPECT_TRUE(NoInline([&] { return weak.Get() != nullptr; }));
  NoInline([&] { EXPECT_EQ(registry->CleanupSome(), 1u); });
  CollectPrecisely();
  EXPECT_EQ(weak.Get(), nullptr);
}

TEST_F(RegistryHeldTest, AggregateOfSlotsAndOthersIsKeptWhole) {
  int calls = 0;
  const Persistent<FinalizationRegistry<Mixed>> registry(
      Make<FinalizationRegistry<Mixed>>([&](const Mixed& mixed) {
        calls++;
        EXPECT_EQ(mixed.node->next->value, 2);
        EXPECT_EQ(mixed.number, 9);
        EXPECT_EQ(mixed.text, "text");
        EXPECT_EQ((*mixed.maybe)->value, 1);
      }));
  NoInline([&] { RegisterDoomed(*registry, Mixed{NewChain(), 9, "text", NewChain()}); });
  for (int i = 0; i < 3; i++) heap().Collect(StackState::kNoPointers);
  mutator().Safepoint();
  EXPECT_EQ(calls, 1);
}

// Collecting in the callback, with no stack scanned: the record still roots it.
TEST_F(RegistryHeldTest, SlotIsKeptWhileTheCallbackRuns) {
  int sum = 0;
  const Persistent<FinalizationRegistry<Mixed>> registry(
      Make<FinalizationRegistry<Mixed>>([&](const Mixed& mixed) {
        CollectPrecisely();
        CollectPrecisely();
        for (Node* node = mixed.node; node != nullptr; node = node->next) sum += node->value;
        for (Node* node = *mixed.maybe; node != nullptr; node = node->next) sum += node->value;
      }));
  NoInline([&] { RegisterDoomed(*registry, Mixed{NewChain(), 0, "", NewChain()}); });
  CollectPrecisely();
  mutator().Safepoint();
  EXPECT_EQ(sum, 12);
}

// The record is empty then, and the value is where no collector looks.
TEST_F(RegistryHeldTest, MovedValueIsKeptWhileTheCallbackRuns) {
  WeakPersistent<Node> weak;
  int calls = 0;
  const Persistent<FinalizationRegistry<Ticket>> registry(
      Make<FinalizationRegistry<Ticket>>([&](Ticket ticket) {
        CollectPrecisely();
        CollectPrecisely();
        EXPECT_NE(NoInline([&] { return weak.Get(); }), nullptr);
        KeepAlive(&ticket);
        calls++;
      }));
  NoInline([&] {
    Node* const node = Make<Node>(1);
    weak = node;
    RegisterDoomed(*registry, Ticket(node));
  });
  CollectPrecisely();
  EXPECT_NE(NoInline([&] { return weak.Get(); }), nullptr);
  mutator().Safepoint();
  EXPECT_EQ(calls, 1);
  CollectPrecisely();
  EXPECT_EQ(weak.Get(), nullptr);
}

TEST_F(RegistryHeldTest, RegistryItselfMayBeHeld) {
  struct Self {
    Member<FinalizationRegistry<Self>> registry;
  };
  std::vector<void*> arrived;
  const Persistent<FinalizationRegistry<Self>> registry(
      Make<FinalizationRegistry<Self>>([&](Self self) { arrived.push_back(self.registry); }));
  RegisterDoomed(*registry, Self{registry.get()});
  for (int i = 0; i < 3; i++) CollectPrecisely();
  mutator().Safepoint();
  EXPECT_THAT(arrived, ElementsAre(registry.get()));
}

TEST_F(RegistryHeldTest, HeldValueThatRefersToTheTargetKeepsIt) {
  int calls = 0;
  const Persistent<FinalizationRegistry<Member<Node>>> registry(
      Make<FinalizationRegistry<Member<Node>>>([&](Node*) { calls++; }));
  WeakPersistent<Node> weak;
  Persistent<Node> token(Make<Node>());
  NoInline([&] {
    auto* const target = Make<Node>(1);
    weak = target;
    ASSERT_TRUE(registry->Register(target, Make<Node>(0, target), token).ok());
  });
  for (int i = 0; i < 3; i++) CollectPrecisely();
  EXPECT_TRUE(NoInline([&] { return weak.Get() != nullptr; }));
  EXPECT_EQ(calls, 0);
  EXPECT_TRUE(*registry->Unregister(token));
  CollectPrecisely();
  EXPECT_EQ(weak.Get(), nullptr);
}

TEST_F(RegistryHeldTest, TargetOfOneIsHeldByAnother) {
  std::vector<int> order;
  const Persistent<FinalizationRegistry<Member<Node>>> registry(
      Make<FinalizationRegistry<Member<Node>>>([&](Node* held) { order.push_back(held->value); }));
  NoInline([&] {
    // Each one's target is the held value of the next: they die one after the other.
    Node* target = Make<Node>(0);
    for (int i = 1; i <= 5; i++) {
      auto* const held = Make<Node>(i);
      ASSERT_TRUE(registry->Register(held, target).ok());
      target = held;
    }
  });
  for (int i = 0; i < 10; i++) CollectPrecisely();
  mutator().Safepoint();
  EXPECT_THAT(order, ElementsAre(4, 3, 2, 1, 0));
}

TEST_F(RegistryHeldTest, ValuesAreDestroyedOnceHoweverTheyLeave) {
  int live = 0;
  int calls = 0;
  {
    const Persistent<FinalizationRegistry<Counted>> registry(
        Make<FinalizationRegistry<Counted>>([&](const Counted&) {
          calls++;
          EXPECT_GT(live, 0);
        }));
    const Persistent<Node> target(Make<Node>());
    const Persistent<Node> token(Make<Node>());
    ASSERT_TRUE(registry->Register(target, Counted(live), token).ok());
    ASSERT_TRUE(registry->Register(target, Counted(live), token).ok());
    EXPECT_EQ(live, 2);
    EXPECT_TRUE(*registry->Unregister(token));
    EXPECT_EQ(live, 0);

    auto registration = registry->Track(target, Counted(live));
    ASSERT_TRUE(registration.ok());
    EXPECT_EQ(live, 1);
    EXPECT_TRUE(registration->Cancel());
    EXPECT_EQ(live, 0);

    EXPECT_TRUE(absl::IsInvalidArgument(registry->Register(nullptr, Counted(live))));
    EXPECT_TRUE(absl::IsInvalidArgument(registry->Register(target, Counted(live), nullptr)));
    EXPECT_TRUE(absl::IsInvalidArgument(registry->Track(nullptr, Counted(live)).status()));
    EXPECT_EQ(live, 0);

    RegisterDoomed(*registry, Counted(live));
    CollectPrecisely();
    EXPECT_EQ(live, 1);
    mutator().Safepoint();
    EXPECT_EQ(calls, 1);
    EXPECT_EQ(live, 0);

    ASSERT_TRUE(registry->Register(target, Counted(live)).ok());
    RegisterDoomed(*registry, Counted(live));
    heap().Collect(StackState::kNoPointers);
    EXPECT_EQ(live, 2);
  }
  // One is queued, and the registry dies only after it has run.
  CollectPrecisely();
  mutator().Safepoint();
  EXPECT_EQ(calls, 2);
  CollectPrecisely();
  EXPECT_EQ(live, 0);
}

TEST_F(RegistryHeldTest, DestructorMayUseTheRegistry) {
  using Registry = FinalizationRegistry<std::unique_ptr<OnDestruction>>;
  const Persistent<Registry> registry(Make<Registry>([](std::unique_ptr<OnDestruction>) {}));
  const Persistent<Node> target(Make<Node>());
  const Persistent<Node> first(Make<Node>());
  const Persistent<Node> second(Make<Node>());
  int found = 0;
  const auto unregister = [&](const Persistent<Node>& token) {
    return std::make_unique<OnDestruction>([&] { found += *registry->Unregister(token) ? 1 : 0; });
  };
  ASSERT_TRUE(registry->Register(target, unregister(second), first).ok());
  ASSERT_TRUE(registry->Register(target, unregister(first), second).ok());
  EXPECT_TRUE(*registry->Unregister(first));
  EXPECT_EQ(found, 1);
  EXPECT_FALSE(*registry->Unregister(second));
}

class RegistryHeldMoveTest : public RegistryHeldTest {
 public:
  using Registry = FinalizationRegistry<OnMove>;

  Persistent<Registry> MakeRegistry() {
    return Make<Registry>([this](const OnMove&) { calls++; });
  }

  int calls = 0;
};

TEST_F(RegistryHeldMoveTest, MoveMayUseTheRegistry) {
  const Persistent<Registry> registry = MakeRegistry();
  const Persistent<Node> target(Make<Node>()), token(Make<Node>());
  int moves = 0;
  std::function<void()> nothing = [] {};
  std::function<void()> use = [&] {
    moves++;
    EXPECT_FALSE(*registry->Unregister(token));
    auto other = registry->Track(target, OnMove(nullptr, nothing));
    ASSERT_TRUE(other.ok());
    EXPECT_TRUE(other->Cancel());
    ASSERT_TRUE(registry->Register(target, OnMove(nullptr, nothing), target).ok());
    EXPECT_EQ(registry->CleanupSome(), 0u);
    EXPECT_TRUE(*registry->Unregister(target));
  };
  ASSERT_TRUE(registry->Register(target, OnMove(nullptr, use), token).ok());
  ASSERT_TRUE(registry->Register(target, OnMove(nullptr, nothing), token).ok());
  EXPECT_GT(std::exchange(moves, 0), 0);
  EXPECT_TRUE(*registry->Unregister(token));
  auto registration = registry->Track(target, OnMove(nullptr, use));
  ASSERT_TRUE(registration.ok());
  EXPECT_GT(std::exchange(moves, 0), 0);
  EXPECT_TRUE(registration->RunNow());
  EXPECT_GT(moves, 0);
  EXPECT_EQ(calls, 1);
}

// What is in a record that is filling the collector does not see.
TEST_F(RegistryHeldMoveTest, ValueIsKeptWhileItsMoveCollects) {
  const Persistent<Registry> registry = MakeRegistry();
  const Persistent<Node> target(Make<Node>());
  WeakPersistent<Node> weak;
  int moves = 0;
  // The first move is on the stack, the second into the record.
  std::function<void()> collect = [&] {
    heap().Collect(++moves == 2 ? StackState::kNoPointers : StackState::kMayHoldPointers);
  };
  NoInline([&] {
    Node* const node = Make<Node>(1);
    weak = node;
    ASSERT_TRUE(registry->Register(target, OnMove(node, collect)).ok());
  });
  EXPECT_EQ(moves, 2);
  CollectPrecisely();
  EXPECT_NE(NoInline([&] { return weak.Get(); }), nullptr);
}

TEST_F(RegistryHeldMoveTest, RegistrationThatShutsDownFails) {
  const Persistent<Registry> registry = MakeRegistry();
  const Persistent<Node> target(Make<Node>());
  std::function<void()> shut_down = [&] { heap().Shutdown(ShutdownPolicy::kDrop); };
  const auto status =
      registry->Register(target, OnMove(nullptr, shut_down), target, {.external_bytes = 1000});
  EXPECT_TRUE(absl::IsFailedPrecondition(status)) << status;
  EXPECT_EQ(heap().Stats().records_registered, 0u);
  EXPECT_EQ(heap().Stats().external_bytes, 0u);
  EXPECT_FALSE(*registry->Unregister(target));
}

// Two fields, of which the second finds no memory when it is moved, as a std::deque may: then the
// first has been moved already.
struct Brittle {
  explicit Brittle(int number) : first(std::make_unique<int>(number)) {}
  Brittle(Brittle&& other) : first(std::move(other.first)) {
    if (moves_left > 0 && --moves_left == 0) throw std::bad_alloc();
  }
  void Trace(Visitor&) const {}

  static int moves_left;  // until one fails
  std::unique_ptr<int> first;
};
int Brittle::moves_left = 0;

TEST(RegistryHeldBrittleTest, WhatHasBeenMovedInPartIsNotRegistered) {
  Heap heap(TestOptions());
  Mutator mutator(heap);
  int calls = 0;
  int refused = 0;
  const Persistent registry = Make<FinalizationRegistry<Brittle>>([&](Brittle held) {
    calls++;
    ASSERT_NE(held.first, nullptr);
    EXPECT_EQ(*held.first, 7);
  });
  constexpr int kMostMoves = 6;
  for (int moves = 1; moves <= kMostMoves; moves++) {
    NoInline([&] {
      Node* const target = Make<Node>(1);
      Brittle held(7);
      Brittle::moves_left = moves;
      try {
        if (!registry->Register(target, std::move(held)).ok()) refused++;
      } catch (const std::bad_alloc&) {
        refused++;
      }
      Brittle::moves_left = 0;
    });
  }
  mutator.EndTurn(StackState::kNoPointers);
  heap.Collect(StackState::kNoPointers);
  mutator.Safepoint();
  EXPECT_GE(refused, 2);
  EXPECT_EQ(calls, kMostMoves - refused);
}

}  // namespace
}  // namespace elegy::test
