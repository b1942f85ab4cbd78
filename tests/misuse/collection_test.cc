// Registries and weak collections that are not made as they must be.

#include <gtest/gtest.h>

#include <cstdint>
#include <functional>
#include <string>

#include "elegy/elegy.h"
#include "tests/support/heap_fixture.h"

namespace elegy::test {
namespace {

struct Node {
  std::int64_t value = 0;
};

using Registry = FinalizationRegistry<int>;

class CollectionDeathTest : public HeapTest {
 protected:
  CollectionDeathTest() { GTEST_FLAG_SET(death_test_style, "threadsafe"); }
};

TEST_F(CollectionDeathTest, ARegistryNeedsACleanup) {
  constexpr char kMessage[] = "elegy: an elegy::FinalizationRegistry needs a cleanup callback";
  EXPECT_DEATH(Make<Registry>(nullptr), kMessage);
  EXPECT_DEATH(Make<Registry>(absl::AnyInvocable<void(int)>()), kMessage);
  EXPECT_DEATH(Make<Registry>(std::function<void(int)>()), kMessage);
  EXPECT_DEATH(Make<Registry>(static_cast<void (*)(int)>(nullptr)), kMessage);
}

TEST_F(CollectionDeathTest, AWeakRefIsManaged) {
  const Persistent<Node> node = Make<Node>();
  EXPECT_DEATH(const WeakRef<Node> local(node.get()),
               "elegy: a WeakRef outside this thread's heap");
}

// As a field behind another, as the first field, and as a local variable.
template <class T>
struct Behind {
  std::int64_t number = 0;
  T collection;
};
template <class T>
struct First {
  T collection;
};
struct RegistryBehind {
  std::int64_t number = 0;
  Registry registry{[](int) {}};
};
struct RegistryFirst {
  Registry registry{[](int) {}};
};

constexpr char kAlone[] = "elegy: an elegy::.* is a managed object of its own";

TEST_F(CollectionDeathTest, AWeakMapIsNoField) {
  using Map = WeakMap<Node, int>;
  EXPECT_DEATH(Make<Behind<Map>>(), kAlone);
  EXPECT_DEATH(Make<First<Map>>(), kAlone);
  EXPECT_DEATH(Map(), kAlone);
}

TEST_F(CollectionDeathTest, AWeakSetIsNoField) {
  using Set = WeakSet<Node>;
  EXPECT_DEATH(Make<Behind<Set>>(), kAlone);
  EXPECT_DEATH(Make<First<Set>>(), kAlone);
  EXPECT_DEATH(Set(), kAlone);
}

TEST_F(CollectionDeathTest, AnIterableWeakMapIsNoField) {
  using Map = IterableWeakMap<Node, int>;
  EXPECT_DEATH(Make<Behind<Map>>(), kAlone);
  EXPECT_DEATH(Make<First<Map>>(), kAlone);
  EXPECT_DEATH(Map(), kAlone);
}

TEST_F(CollectionDeathTest, AWeakCacheIsNoField) {
  using Cache = WeakCache<std::string, Node>;
  EXPECT_DEATH(Make<Behind<Cache>>(), kAlone);
  EXPECT_DEATH(Make<First<Cache>>(), kAlone);
  EXPECT_DEATH(Cache(), kAlone);
}

TEST_F(CollectionDeathTest, ARegistryIsNoField) {
  EXPECT_DEATH(Make<RegistryBehind>(), kAlone);
  EXPECT_DEATH(Make<RegistryFirst>(), kAlone);
  EXPECT_DEATH(Registry([](int) {}), kAlone);
}

TEST_F(CollectionDeathTest, AnArrayOfThemIsNone) {
  EXPECT_DEATH((MakeArray<WeakMap<Node, int>>(2)), kAlone);
}

}  // namespace
}  // namespace elegy::test
