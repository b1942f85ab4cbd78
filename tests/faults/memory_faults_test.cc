// The n-th request for memory fails, for every n of a life that uses all there is: objects small
// and large, arrays, vectors, weak views of every kind, registries, cycles, deliveries, an end of
// the attachment and a shutdown. What finds no memory says so and changes nothing: tried again, it
// works, nothing is lost and nothing happens twice.

#include <gtest/gtest.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "elegy/elegy.h"
#include "tests/faults/faults.h"
#include "tests/support/heap_fixture.h"
#include "tests/support/stress.h"

namespace elegy::test {
namespace {

struct Item {
  Item(std::uint64_t id, const Census& census) : counted(id, census) {}
  void Trace(Visitor& visitor) const { visitor.Trace(next); }

  Counted counted;
  Member<Item> next;
};

struct Large {
  explicit Large(const Census& census) : counted(1, census) {}
  void Trace(Visitor&) const {}

  Counted counted;
  std::array<char, 50'000> filling;
};

// As many of a pointer's owners as there are held values.
struct Held {
  Member<Item> item;
  std::shared_ptr<int> count;
};

using Registry = FinalizationRegistry<Held>;
using Cache = WeakCache<std::uint64_t, Item>;

// Half of the items die; each is seen by one view of every kind, and registered.
constexpr std::uint64_t kItems = 320;

class Life {
 public:
  explicit Life(Faults& faults) : faults_(faults) {
    items_.resize(kItems);
    weak_.resize(kItems);
    references_.resize(kItems);
    delivered_.resize(kItems);
  }

  // All of it. In the end everything has been destroyed once.
  void Live() {
    Must([&] { heap_.emplace(TestOptions({.initial_heap_bytes = std::size_t{1} << 30})); });
    Must([&] { mutator_.emplace(*heap_); });
    MakeContainers();
    MakeItems();
    MakeRegistrations();
    LetHalfDie();
    ExpectViewsAgree();
    Deliver();
    Reattach();
    ShutDown();
    mutator_.reset();
    heap_.reset();
    EXPECT_GT(census_.made, kItems);
    EXPECT_EQ(census_.made, census_.destroyed);
  }

 private:
  // Does it, if need be once more without faults.
  template <class F>
  void Must(F&& f) {
    if (NoInline([&] { return faults_.Try(f); })) return;
    refused_++;
    ASSERT_NO_THROW(NoInline(f));
  }
  // The same for what reports want of memory as a status.
  template <class F>
  void MustBeOk(F&& f) {
    absl::Status status;
    const auto call = [&] { status = f(); };
    Must(call);
    if (status.ok()) return;
    EXPECT_TRUE(absl::IsResourceExhausted(status)) << status;
    ASSERT_NO_THROW(NoInline(call));
    ASSERT_TRUE(status.ok()) << status;
  }

  static bool Dies(std::uint64_t i) { return i % 2 == 1; }

  void MakeContainers() {
    Must([&] { map_ = Make<WeakMap<Item, std::uint64_t>>(); });
    Must([&] { ordered_ = Make<IterableWeakMap<Item, std::uint64_t>>(); });
    Must([&] { set_ = Make<WeakSet<Item>>(); });
    Must([&] { cache_ = Make<Cache>(); });
    Must([&] { vector_ = Make<Vector<Member<Item>>>(); });
    Must([&] {
      registry_ = Make<Registry>([this](Held held) { delivered_[held.item->counted.id()]++; });
    });
    Must([&] { large_ = Make<Large>(census_); });
    Must([&] { MakeArray<char>(3'000'000); });
    Must([&] { array_ = MakeArray<Member<Item>>(kItems); });
    Must([&] { MakeArray<std::string>(100); });
  }

  void MakeItems() {
    for (std::uint64_t i = 0; i < kItems; i++) {
      Must([&] { items_[i] = Make<Item>(i, census_); });
      Must([&] { weak_[i] = items_[i].get(); });
      Must([&] { references_[i] = Make<WeakRef<Item>>(items_[i]); });
      MustBeOk([&] { return map_->Set(items_[i].get(), i); });
      MustBeOk([&] { return ordered_->Set(items_[i].get(), i); });
      MustBeOk([&] { return set_->Add(items_[i].get()); });
      Must([&] {
        EXPECT_EQ(cache_->GetOrMake(i, [&](std::uint64_t) { return items_[i].get(); }), items_[i]);
      });
      if (Dies(i)) continue;
      Must([&] { vector_->push_back(items_[i]); });
      (*array_)[i] = items_[i];
    }
    ASSERT_EQ(vector_->size(), kItems / 2);
  }

  // The held value is the item before, or an item of its own for the first; four registrations
  // share a token.
  void MakeRegistrations() {
    for (std::uint64_t i = 0; i < kItems; i++) {
      MustBeOk([&] {
        return registry_->Register(items_[i], Held{Make<Item>(i, census_), held_},
                                   items_[i / 8 * 8 + i % 2]);
      });
    }
    // Their last is cancelled: some that live, some that die.
    for (const std::uint64_t token : {kItems - 8, kItems - 7}) {
      Must([&] {
        const absl::StatusOr<bool> found = registry_->Unregister(items_[token]);
        ASSERT_TRUE(found.ok());
        cancelled_ += *found ? 4 : 0;
      });
    }
    ASSERT_EQ(cancelled_, 8u);
  }

  void LetHalfDie() {
    for (std::uint64_t i = 0; i < kItems; i++) {
      if (Dies(i)) items_[i] = nullptr;
    }
    Must([&] { mutator_->EndTurn(StackState::kNoPointers); });
    Must([&] { heap_->Collect(StackState::kNoPointers); });
  }

  void ExpectViewsAgree() {
    for (std::uint64_t i = 0; i < kItems; i++) {
      Item* const item = items_[i].get();
      Must([&] { EXPECT_EQ(weak_[i].Get(), item); });
      Must([&] { EXPECT_EQ(references_[i]->Deref(), item); });
      Must([&] { EXPECT_EQ(cache_->Get(i), item); });
      if (item == nullptr) continue;
      EXPECT_EQ(item->counted.id(), i);
      EXPECT_EQ(map_->Get(item), i);
      EXPECT_TRUE(set_->Has(item));
      EXPECT_EQ((*vector_)[i / 2], item);
      EXPECT_EQ((*array_)[i], item);
    }
    std::uint64_t next = 0;
    ordered_->ForEach([&](Item* item, std::uint64_t i) {
      EXPECT_EQ(item, items_[next]);
      EXPECT_EQ(i, next);
      next += 2;
    });
    EXPECT_EQ(next, kItems);
    EXPECT_EQ(large_->counted.id(), 1u);
  }

  // A callback that finds no memory has not run.
  void Deliver() {
    Must([&] { mutator_->Safepoint(); });
    Must([&] { mutator_->DrainFinalization(); });
    for (std::uint64_t i = 0; i < kItems; i++) {
      EXPECT_EQ(delivered_[i], Dies(i) && i < kItems - 8 ? 1 : 0) << i;
    }
  }

  // What is queued for a mutator that leaves is run by the next.
  void Reattach() {
    MustBeOk([&] {
      return registry_->Register(Make<Item>(1, census_), Held{items_[0].get(), held_});
    });
    Must([&] { mutator_->EndTurn(StackState::kNoPointers); });
    Must([&] { heap_->Collect(StackState::kNoPointers); });
    const int before = delivered_[0];
    Must([&] { mutator_.reset(); });
    Must([&] { mutator_.emplace(*heap_); });
    Must([&] { mutator_->Safepoint(); });
    EXPECT_EQ(delivered_[0], before + 1);
  }

  void ShutDown() {
    Must([&] { heap_->Shutdown(ShutdownPolicy::kDrop); });
    const HeapStats stats = heap_->Stats();
    EXPECT_EQ(stats.records_registered, kItems + 1);
    EXPECT_EQ(stats.records_queued, stats.records_delivered);
    EXPECT_EQ(stats.records_delivered, kItems / 2 - 4 + 1);
    EXPECT_EQ(stats.records_cancelled, cancelled_);
    EXPECT_EQ(stats.records_delivered + stats.records_cancelled + stats.records_dropped,
              stats.records_registered);
    EXPECT_EQ(held_.use_count(), 1);
  }

  Faults& faults_;
  Census census_;
  int refused_ = 0;
  std::uint64_t cancelled_ = 0;
  std::vector<int> delivered_;
  std::shared_ptr<int> held_ = std::make_shared<int>(0);

  std::optional<Heap> heap_;
  std::optional<Mutator> mutator_;
  std::vector<Persistent<Item>> items_;
  std::vector<WeakPersistent<Item>> weak_;
  std::vector<Persistent<WeakRef<Item>>> references_;
  Persistent<WeakMap<Item, std::uint64_t>> map_;
  Persistent<IterableWeakMap<Item, std::uint64_t>> ordered_;
  Persistent<WeakSet<Item>> set_;
  Persistent<Cache> cache_;
  Persistent<Vector<Member<Item>>> vector_;
  Persistent<Registry> registry_;
  Persistent<Large> large_;
  Persistent<Array<Member<Item>>> array_;
};

class MemoryFaultsTest : public ::testing::TestWithParam<Faults::Extent> {};

INSTANTIATE_TEST_SUITE_P(Fails, MemoryFaultsTest,
                         ::testing::Values(Faults::Extent::kOne, Faults::Extent::kFromThen),
                         [](const auto& tested) {
                           return tested.param == Faults::Extent::kOne ? "One" : "AllFromThen";
                         });

TEST_P(MemoryFaultsTest, NothingIsLostWhicheverRequestFails) {
  std::size_t n = 0;
  bool struck = true;
  while (struck) {
    n++;
    SCOPED_TRACE("request " + std::to_string(n));
    Faults faults(n, GetParam());
    Life(faults).Live();
    struck = faults.Struck();
    if (HasFailure()) return;
  }
  EXPECT_GT(n, 100u);
}

// A large object for which the system gives no memory waits for a cycle, which may free some; one
// that is refused takes nothing of the heap's limit.
TEST(LargeObjectFaultsTest, WaitsForACycleOrTakesNothing) {
  int waited = 0;
  int refused = 0;
  bool struck = true;
  for (std::size_t n = 1; struck; n++) {
    SCOPED_TRACE("request " + std::to_string(n));
    Heap heap(TestOptions({.initial_heap_bytes = std::size_t{1} << 30}));
    const Mutator mutator(heap);
    const std::uint64_t before = heap.Stats().heap_bytes;
    Faults faults(n, Faults::Extent::kOne);
    const bool made = NoInline([&] { return faults.Try([] { MakeArray<char>(3'000'000); }); });
    struck = faults.Struck();
    const HeapStats stats = heap.Stats();
    if (!made) {
      refused++;
      EXPECT_EQ(stats.heap_bytes, before);
    } else if (struck && stats.cycles > 0) {
      waited++;
    }
  }
  EXPECT_GT(waited, 0);
  EXPECT_GT(refused, 0);
}

}  // namespace
}  // namespace elegy::test
