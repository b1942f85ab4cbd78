// Weak maps, sets and caches used by many threads while their keys and values die: every entry is
// there while its key lives, with its own value, and gone with its key, whatever refers to what.

#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <vector>

#include "elegy/elegy.h"
#include "tests/support/stress.h"

namespace elegy::test {
namespace {

struct Item {
  Item(std::uint64_t id, Census& census, Item* next_item = nullptr)
      : counted(id, census), next(next_item) {}
  void Trace(Visitor& visitor) const { visitor.Trace(next); }

  Counted counted;
  Member<Item> next;
};
using Map = IterableWeakMap<Item, Member<Item>>;
using PlainMap = WeakMap<Item, Member<Item>>;
using Set = WeakSet<Item>;

// The value of a key has its id and this bit.
constexpr std::uint64_t kIsValue = std::uint64_t{1} << 40;

class WeakCollectionsTest : public StressTest {
 public:
  WeakCollectionsTest() {
    RunThreads(1, [&](int) {
      Mutator mutator(heap());
      map_ = Make<Map>();
      plain_map_ = Make<PlainMap>();
      set_ = Make<Set>();
    });
  }

  // Every entry that is visited is a key with its own value.
  void Walk() {
    map_->ForEach([](const Item* key, const Item* value) {
      ASSERT_NE(key->counted.id(), 0u);
      ASSERT_EQ(value->counted.id(), key->counted.id() | kIsValue);
    });
  }

  // No key lives any more.
  void ExpectEmpty() {
    CollectEverything();
    RunThreads(1, [&](int) {
      Mutator mutator(heap());
      EXPECT_EQ(map_->size(), 0u);
      map_->ForEach([](Item*, Item*) { ADD_FAILURE() << "an entry without a key"; });
    });
    EXPECT_GT(census_.made, 0u);
    EXPECT_EQ(census_.made, census_.destroyed);
  }

  Census census_;
  Persistent<Map> map_;
  Persistent<PlainMap> plain_map_;
  Persistent<Set> set_;
};

// Each value is the next key; the entries come first to last, last to first, or at random, into one
// map or the other.
TEST_F(WeakCollectionsTest, ChainsInAnyOrder) {
  constexpr std::size_t kLength = 60;
  {
    BackToBackCycles cycles(heap());
    RunThreads(3, [&](int thread) {
      Random random(static_cast<std::uint64_t>(thread));
      Mutator mutator(heap());
      for (std::size_t round = 0; round < Scaled(600) && !HasFatalFailure(); round++) {
        const Persistent<Item> first = NoInline([&] {
          std::array<Item*, kLength> keys;
          for (std::size_t i = 0; i < kLength; i++) keys[i] = Make<Item>(i + 1, census_);
          const std::size_t order = random.Below(3);
          for (std::size_t i = 0; i + 1 < kLength; i++) {
            const std::size_t at = order == 0 ? i : kLength - 2 - i;
            Item* const key = keys[at];
            Item* const next = keys[at + 1];
            // A value that refers back to its key, too.
            next->next = key;
            const bool in_map = order == 2 ? random.OneIn(2) : at % 2 == 0;
            EXPECT_TRUE((in_map ? map_->Set(key, next) : plain_map_->Set(key, next)).ok());
          }
          return Persistent<Item>(keys[0]);
        });
        ScrubStack();
        for (std::size_t polls = random.Below(20); polls > 0; polls--) {
          mutator.Safepoint();
          std::this_thread::yield();
        }
        const Item* key = first;
        for (std::uint64_t id = 1; id <= kLength; id++) {
          ASSERT_NE(key, nullptr) << id;
          ASSERT_EQ(key->counted.id(), id);
          const Item* const next = map_->Get(key);
          key = next != nullptr ? next : plain_map_->Get(key);
        }
        ASSERT_EQ(key, nullptr);
      }
    });
  }
  ExpectEmpty();
}

// Every thread keeps its own keys and knows what it has set for them; all share the collections.
TEST_F(WeakCollectionsTest, EntriesAreSetDeletedAndSetAgain) {
  constexpr std::size_t kKeys = 40;
  {
    BackToBackCycles cycles(heap());
    RunThreads(4, [&](int thread) {
      struct Known {
        Persistent<Item> key;
        std::uint64_t value = 0;  // 0: no entry
        bool in_set = false;
      };
      Random random(static_cast<std::uint64_t>(thread));
      Mutator mutator(heap());
      std::vector<Known> known(kKeys);
      for (std::size_t i = 0; i < Scaled(60'000) && cycles.GoOn(SIZE_MAX, random); i++) {
        if (HasFatalFailure()) return;
        Known& one = known[random.Below(kKeys)];
        if (!one.key || random.OneIn(16)) {
          one = {Make<Item>(random.Below(1'000'000) + 1, census_), 0, false};
        }
        const std::uint64_t id = one.key->counted.id();
        const auto value = [&] { return Make<Item>(id | kIsValue, census_, one.key); };
        switch (random.Below(8)) {
          case 0:
          case 1:
            ASSERT_TRUE(map_->Set(one.key, value()).ok());
            one.value = id | kIsValue;
            break;
          case 2:
            ASSERT_EQ(map_->Delete(one.key), one.value != 0);
            one.value = 0;
            break;
          case 3:
            ASSERT_EQ(
                (*map_->GetOrInsertComputed(one.key, [&](Item*) { return value(); }))->counted.id(),
                id | kIsValue);
            one.value = id | kIsValue;
            break;
          case 4:
            ASSERT_TRUE(set_->Add(one.key).ok());
            one.in_set = true;
            break;
          case 5:
            ASSERT_EQ(set_->Delete(one.key), one.in_set);
            one.in_set = false;
            break;
          default:
            const Item* const found = map_->Get(one.key);
            ASSERT_EQ(found == nullptr ? 0 : found->counted.id(), one.value);
            ASSERT_EQ(map_->Has(one.key), one.value != 0);
            ASSERT_EQ(set_->Has(one.key), one.in_set);
        }
        if (random.OneIn(64)) mutator.EndTurn();
        if (random.OneIn(2000)) Walk();
      }
    });
  }
  ExpectEmpty();
}

// Keys die by the hundred while others walk over them. What a walk hands out is whole, and a key
// that it has handed out is there until its holder lets go.
TEST_F(WeakCollectionsTest, WalksWhileKeysDie) {
  std::atomic<std::uint64_t> visited{0};
  {
    BackToBackCycles cycles(heap());
    RunThreads(4, [&](int thread) {
      Random random(static_cast<std::uint64_t>(thread));
      Mutator mutator(heap());
      std::vector<Persistent<Item>> keys;
      const auto insert = [&] {
        Item* const key = Make<Item>(random.Below(1000) + 1, census_);
        Item* const value = Make<Item>(key->counted.id() | kIsValue, census_, key);
        EXPECT_TRUE(map_->Set(key, value).ok());
        if (random.OneIn(2)) keys.emplace_back(key);
        return key;
      };
      const Persistent<Item> first = insert();  // so that the first walk meets something
      for (std::size_t i = 0; i < Scaled(800) && !HasFatalFailure(); i++) {
        if (thread < 2) {
          for (std::size_t more = random.Below(100); more > 0; more--) insert();
          if (random.OneIn(4)) keys.clear();
        } else {
          std::size_t stay = random.Below(200);
          map_->ForEach([&](Item* key, const Item* value) {
            visited++;
            if (stay-- == 0) mutator.Safepoint();
            ASSERT_EQ(value->counted.id(), key->counted.id() | kIsValue);
            const Item* const found = map_->Get(key);
            ASSERT_TRUE(found == nullptr || found == value);  // null: deleted meanwhile
            if (random.OneIn(50)) keys.emplace_back(key);
            if (random.OneIn(100)) map_->Delete(key);
          });
          for (const Persistent<Item>& key : keys) {
            const Item* const value = map_->Get(key);
            ASSERT_NE(key->counted.id(), 0u);
            ASSERT_TRUE(value == nullptr || value->next == key.get());
          }
          keys.clear();
        }
        mutator.EndTurn();
      }
    });
  }
  EXPECT_GT(visited, 0u);
  ExpectEmpty();
}

// While somebody holds a key's object, all get this one, and the factory has run once for it.
TEST_F(WeakCollectionsTest, CacheMakesOneObjectForAKey) {
  constexpr std::uint64_t kKeys = 50;
  struct Life {
    std::mutex mutex;
    Persistent<Item> object;
    bool alive = false;  // held by `object`
  };
  using Cache = WeakCache<std::uint64_t, Item>;
  std::vector<Life> lives(kKeys);
  std::atomic<std::uint64_t> remade{0};
  Persistent<Cache> cache;
  RunThreads(1, [&](int) {
    Mutator mutator(heap());
    cache = Make<Cache>();
  });
  {
    BackToBackCycles cycles(heap());
    RunThreads(4, [&](int thread) {
      Random random(static_cast<std::uint64_t>(thread));
      Mutator mutator(heap());
      for (std::size_t i = 0; i < Scaled(60'000) && cycles.GoOn(SIZE_MAX, random); i++) {
        if (HasFatalFailure()) return;
        const std::uint64_t key = random.Below(kKeys);
        Life& life = lives[key];
        int calls = 0;
        const auto get = [&] {
          return cache->GetOrMake(key, [&](std::uint64_t) {
            calls++;
            return Make<Item>(key + 1, census_);
          });
        };
        if (random.OneIn(4)) {
          // Beside the one below, who may be first.
          ASSERT_EQ(get()->counted.id(), key + 1);
          continue;
        }
        std::unique_lock lock(life.mutex, std::defer_lock);
        {
          const BlockingRegion region(mutator);  // who has the lock may be held by the verifier
          lock.lock();
        }
        Item* const object = get();
        ASSERT_EQ(object->counted.id(), key + 1);
        if (life.alive) {
          ASSERT_EQ(object, life.object.get());
          ASSERT_EQ(calls, 0);
        }
        remade += static_cast<std::uint64_t>(calls);
        life.alive = random.OneIn(2);
        life.object = life.alive ? object : nullptr;
        ASSERT_EQ(get(), object) << "made anew while it is in hand";
        KeepAlive(object);
      }
    });
  }
  EXPECT_GT(remade, 0u);
  for (Life& life : lives) life.object = nullptr;
  CollectEverything();
  RunThreads(1, [&](int) {
    Mutator mutator(heap());
    EXPECT_EQ(cache->size(), 0u);
  });
  EXPECT_EQ(census_.made, census_.destroyed);
}

}  // namespace
}  // namespace elegy::test
