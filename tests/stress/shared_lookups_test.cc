// Look-ups in a weak map by several threads, without its lock, beside threads that insert, delete
// and overwrite, so that the table moves to other arrays again and again, and beside collections.

#include <gtest/gtest.h>

#include <atomic>
#include <cstdint>
#include <thread>
#include <vector>

#include "elegy/elegy.h"
#include "tests/support/heap_fixture.h"
#include "tests/support/stress.h"

namespace elegy::test {
namespace {

struct Key {
  std::int64_t number = 0;
};

// Says which key it belongs to, twice.
struct Value {
  Value(Key* of, std::int64_t with) : key(of), number(with), again(with) {}
  void Trace(Visitor& visitor) const { visitor.Trace(key); }
  bool BelongsTo(const Key* of) const {
    return key == of && number == of->number && again == number;
  }

  Member<Key> key;
  std::int64_t number;
  std::int64_t again;
};

using Keys = Array<Member<Key>>;

// Of entries that stand in the order of their keys' hashes, and in that of their insertion.
template <class Map>
class SharedLookupsTest : public HeapTest {
 public:
  static constexpr std::size_t kSettled = 64;
  static constexpr std::size_t kPassing = 200;

  SharedLookupsTest() : HeapTest({.initial_heap_bytes = 1 << 20}) {
    StartTestChaos();
    map = Make<Map>();
    settled = MakeArray<Member<Key>>(kSettled);
    for (std::size_t i = 0; i < kSettled; i++) {
      Key* const key = Make<Key>(static_cast<std::int64_t>(i));
      (*settled)[i] = key;
      Put(key);
    }
  }

  void Put(Key* key) { ASSERT_TRUE(map->Set(key, Make<Value>(key, key->number)).ok()); }

  // Settled keys are always found, with a value of their own.
  void LookUp(const std::atomic<bool>& done) {
    Mutator own(heap());
    while (!done.load()) {
      for (const Member<Key>& key : *settled) {
        const Value* const value = map->Get(key.get());
        ASSERT_NE(value, nullptr);
        ASSERT_TRUE(value->BelongsTo(key.get()));
        ASSERT_TRUE(map->Has(key.get()));
      }
      own.EndTurn();
    }
  }

  // Keys come and go: the table grows, is compacted, shrinks. Settled ones get new values.
  void Change(std::size_t rounds) {
    for (std::size_t round = 0; round < rounds; round++) {
      NoInline([&] {
        Keys* const passing = Mutator::Current().MakeArray<Member<Key>>(kPassing);
        for (std::size_t i = 0; i < kPassing; i++) {
          Key* const key = Make<Key>(static_cast<std::int64_t>(round * 1000 + 100));
          (*passing)[i] = key;
          Put(key);
          ASSERT_TRUE(map->Get(key)->BelongsTo(key));
          if (i % 3 == 0) {
            ASSERT_TRUE(map->Delete(key));
            ASSERT_EQ(map->Get(key), nullptr);
          }
        }
      });
      Put((*settled)[round % kSettled].get());
      if (round % 16 == 15) heap().Collect(StackState::kMayHoldPointers);
      Mutator::Current().EndTurn();
    }
  }

  Persistent<Map> map;
  Persistent<Keys> settled;
};

using Maps = ::testing::Types<WeakMap<Key, Member<Value>>, IterableWeakMap<Key, Member<Value>>>;
TYPED_TEST_SUITE(SharedLookupsTest, Maps, );

TYPED_TEST(SharedLookupsTest, FindWhatStaysWhileTheTableMoves) {
  std::atomic<bool> done{false};
  std::vector<std::thread> readers;
  for (int i = 0; i < 2; i++) readers.emplace_back([&] { this->LookUp(done); });
  {
    std::thread changer([&] {
      const Mutator own(this->heap());
      this->Change(Scaled(300));
    });
    const BlockingRegion blocked(this->mutator());
    changer.join();
    done = true;
    for (std::thread& reader : readers) reader.join();
  }
  for (const Member<Key>& key : *this->settled)
    EXPECT_TRUE(this->map->Get(key.get())->BelongsTo(key.get()));
}

// One thread alone needs no cycle to get its memory back. Beside another, changes make cycles come.
TYPED_TEST(SharedLookupsTest, WhatATableHasLeftDoesNotPileUp) {
  const auto churn = [&](std::size_t changes) {
    for (std::size_t i = 0; i < changes; i++) {
      Key* const key = (*this->settled)[i % this->kSettled].get();
      ASSERT_TRUE(this->map->Delete(key));
      ASSERT_TRUE(this->map->Set(key, nullptr).ok());
    }
  };
  constexpr std::uint64_t kSome = 1 << 16;
  this->heap().Collect(StackState::kMayHoldPointers);
  const std::uint64_t alone = this->heap().Stats().heap_bytes;
  churn(Scaled(100'000));
  EXPECT_LE(this->heap().Stats().heap_bytes, alone + kSome);

  std::atomic<bool> done{false};
  std::thread other([&] {
    Mutator own(this->heap());
    while (!done.load()) own.Safepoint();
  });
  const std::uint64_t cycles = this->heap().Stats().cycles;
  while (this->heap().Stats().cycles < cycles + 3) {
    churn(1000);
    this->mutator().Safepoint();
  }
  this->heap().Collect(StackState::kMayHoldPointers);
  const std::uint64_t beside = this->heap().Stats().heap_bytes;
  done = true;
  {
    const BlockingRegion blocked(this->mutator());
    other.join();
  }
  EXPECT_LE(beside, alone + kSome);
}

}  // namespace
}  // namespace elegy::test
