// What is counted: records by what became of them, and the native memory of their targets.

#include <gtest/gtest.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <stdexcept>
#include <thread>
#include <vector>

#include "elegy/elegy.h"
#include "src/mutator/mutator_impl.h"
#include "src/weak/record_store.h"
#include "tests/support/heap_fixture.h"

namespace elegy::test {
namespace {

using Registry = FinalizationRegistry<int>;

struct Node {
  int value = 0;
};

constexpr std::size_t kBytes = 1000;
constexpr std::size_t kRecordBytes = 40;

class RegistryStatsTest : public HeapTest {
 public:
  RegistryStatsTest()
      : registry(Make<Registry>([this](int held) {
          if (held < 0) throw std::runtime_error("callback");
          external_in_callback = External();
        })),
        target(Make<Node>()),
        token(Make<Node>()) {}

  std::uint64_t External() { return heap().Stats().external_bytes; }
  void Collect() { heap().Collect(StackState::kNoPointers); }
  void RegisterDoomed(int held, RegisterOptions options = {}) {
    NoInline([&] { ASSERT_TRUE(registry->Register(Make<Node>(), held, token, options).ok()); });
  }
  struct Counts {
    std::uint64_t registered, queued, delivered, cancelled, dropped;
    bool operator==(const Counts&) const = default;
  };
  Counts Now() {
    const HeapStats stats = heap().Stats();
    return {stats.records_registered, stats.records_queued, stats.records_delivered,
            stats.records_cancelled, stats.records_dropped};
  }

  std::uint64_t external_in_callback = 0;
  Persistent<Registry> registry;
  Persistent<Node> target;
  const Persistent<Node> token;
};

TEST_F(RegistryStatsTest, EachRecordIsCountedOnceForWhatBecameOfIt) {
  EXPECT_EQ(Now(), (Counts{0, 0, 0, 0, 0}));
  RegisterDoomed(1);
  RegisterDoomed(2);
  ASSERT_TRUE(registry->Register(target, 3).ok());
  EXPECT_EQ(Now(), (Counts{3, 0, 0, 0, 0}));
  Collect();
  EXPECT_EQ(Now(), (Counts{3, 2, 0, 0, 0}));
  EXPECT_EQ(mutator().DrainFinalization(1), 1u);
  EXPECT_EQ(Now(), (Counts{3, 2, 1, 0, 0}));
  EXPECT_TRUE(*registry->Unregister(token));
  EXPECT_EQ(Now(), (Counts{3, 2, 1, 1, 0}));
  Collect();
  EXPECT_EQ(Now(), (Counts{3, 2, 1, 1, 0}));
  registry = nullptr;
  CollectPrecisely();
  EXPECT_EQ(Now(), (Counts{3, 2, 1, 1, 1}));
}

TEST_F(RegistryStatsTest, HandlesCountAsWhatTheyDo) {
  Registration cancelled = *registry->Track(target, 1);
  Registration run = *registry->Track(target, 2);
  Registration thrown = *registry->Track(target, -3);
  EXPECT_TRUE(cancelled.Cancel());
  EXPECT_TRUE(run.RunNow());
  EXPECT_THROW(thrown.RunNow(), std::runtime_error);
  EXPECT_FALSE(cancelled.Cancel());
  EXPECT_FALSE(run.RunNow());
  EXPECT_EQ(Now(), (Counts{3, 0, 2, 1, 0}));
}

TEST_F(RegistryStatsTest, RefusedRegistrationsAreNotCounted) {
  EXPECT_FALSE(registry->Register(nullptr, 1, {.external_bytes = kBytes}).ok());
  EXPECT_FALSE(registry->Register(target, 1, nullptr, {.external_bytes = kBytes}).ok());
  EXPECT_FALSE(registry->Track(nullptr, 1, {.external_bytes = kBytes}).ok());
  EXPECT_EQ(Now(), (Counts{0, 0, 0, 0, 0}));
  EXPECT_EQ(External(), 0u);
}

// ---- external bytes ----

TEST_F(RegistryStatsTest, ExternalBytesAreCountedUntilDelivery) {
  RegisterDoomed(1, {.external_bytes = kBytes});
  RegisterDoomed(2, {.external_bytes = 2 * kBytes});
  EXPECT_EQ(External(), 3 * kBytes);
  Collect();
  EXPECT_EQ(External(), 3 * kBytes);
  mutator().Safepoint();
  EXPECT_EQ(External(), 0u);
  EXPECT_GT(external_in_callback, 0u);
}

TEST_F(RegistryStatsTest, ExternalBytesAreGivenBackWhenTheCallbackThrows) {
  RegisterDoomed(-1, {.external_bytes = kBytes});
  Collect();
  EXPECT_THROW(mutator().Safepoint(), std::runtime_error);
  EXPECT_EQ(External(), 0u);
}

TEST_F(RegistryStatsTest, ExternalBytesAreGivenBackOnUnregister) {
  ASSERT_TRUE(registry->Register(target, 1, token, {.external_bytes = kBytes}).ok());
  RegisterDoomed(2, {.external_bytes = kBytes});
  Collect();
  EXPECT_EQ(External(), 2 * kBytes);
  EXPECT_TRUE(*registry->Unregister(token));  // one that lives and one that is queued
  EXPECT_EQ(External(), 0u);
}

TEST_F(RegistryStatsTest, ExternalBytesAreGivenBackByHandles) {
  Registration cancelled = *registry->Track(target, 1, {.external_bytes = kBytes});
  Registration run = *registry->Track(target, 2, {.external_bytes = kBytes});
  EXPECT_EQ(External(), 2 * kBytes);
  EXPECT_TRUE(cancelled.Cancel());
  EXPECT_EQ(External(), kBytes);
  EXPECT_TRUE(run.RunNow());
  EXPECT_EQ(External(), 0u);
}

TEST_F(RegistryStatsTest, ExternalBytesAreGivenBackWhenTheRegistryDies) {
  ASSERT_TRUE(registry->Register(target, 1, {.external_bytes = kBytes}).ok());
  RegisterDoomed(2, {.external_bytes = kBytes});
  registry = nullptr;
  CollectPrecisely();
  EXPECT_EQ(External(), 0u);
  EXPECT_EQ(heap().Stats().records_dropped, 2u);
}

TEST_F(RegistryStatsTest, ExternalBytesAreGivenBackByShutdown) {
  for (const auto policy :
       {ShutdownPolicy::kDrop, ShutdownPolicy::kDeliverQueued, ShutdownPolicy::kDeliverAll}) {
    Detach();
    Heap another(TestOptions());
    Mutator attached(another);
    const Persistent<Registry> its(Make<Registry>([](int) {}));
    const Persistent<Node> node(Make<Node>());
    ASSERT_TRUE(its->Register(node, 1, {.external_bytes = kBytes}).ok());
    NoInline([&] { ASSERT_TRUE(its->Register(Make<Node>(), 1, {.external_bytes = kBytes}).ok()); });
    another.Collect(StackState::kNoPointers);
    EXPECT_EQ(another.Stats().external_bytes, 2 * kBytes);
    another.Shutdown(policy);
    EXPECT_EQ(another.Stats().external_bytes, 0u);
  }
}

TEST_F(RegistryStatsTest, ExternalBytesOfTheHeapAndOfTargetsAddUp) {
  heap().AdjustExternalBytes(500);
  ASSERT_TRUE(registry->Register(target, 1, token, {.external_bytes = kBytes}).ok());
  EXPECT_EQ(External(), kBytes + 500);
  EXPECT_TRUE(*registry->Unregister(token));
  heap().AdjustExternalBytes(-500);
  EXPECT_EQ(External(), 0u);
}

// Small objects that keep much: the heap would never think of collecting for their own sake.
TEST_F(RegistryStatsTest, ExternalBytesBringTheNextCycleAbout) {
  constexpr std::size_t kImage = std::size_t{1} << 20;
  constexpr int kImages = 100;
  for (int i = 0; i < kImages; i++) RegisterDoomed(i, {.external_bytes = kImage});
  HeapStats stats;
  while (stats.records_delivered == 0 || stats.cycles == 0) {  // a cycle counts once it has swept
    mutator().EndTurn(StackState::kNoPointers);
    std::this_thread::yield();
    stats = heap().Stats();
  }
  EXPECT_LE(stats.records_delivered, static_cast<std::uint64_t>(kImages));
}

// ---- memory ----

// A registry that is used on and on takes no more memory than its most registrations at a time.
TEST_F(RegistryStatsTest, RecordsAreUsedAgain) {
  constexpr int kRounds = 50;
  constexpr int kRecords = 500;
  std::vector<std::uint64_t> heap_bytes;
  for (int round = 0; round < kRounds; round++) {
    for (int i = 0; i < kRecords; i++) RegisterDoomed(i);
    CollectPrecisely();
    mutator().Safepoint();
    CollectPrecisely();
    heap_bytes.push_back(heap().Stats().heap_bytes);
  }
  const auto half = heap_bytes.begin() + kRounds / 2;
  EXPECT_LE(heap_bytes.back(), *std::max_element(heap_bytes.begin(), half));
}

TEST_F(RegistryStatsTest, RecordsCountTowardsTheHeapAndAreGivenBack) {
  constexpr int kRecords = 10'000;
  const std::uint64_t before = heap().Stats().heap_bytes;
  for (int i = 0; i < kRecords; i++) ASSERT_TRUE(registry->Register(target, i).ok());
  EXPECT_GE(heap().Stats().heap_bytes, before + kRecords * kRecordBytes);
  registry = nullptr;
  CollectPrecisely();
  EXPECT_LE(heap().Stats().heap_bytes, before);
}

TEST_F(RegistryStatsTest, TokensCountTowardsTheHeapAndAreGivenBack) {
  constexpr std::size_t kRecords = 1000;
  const internal::Accounting& accounting = internal::CurrentImpl().state.accounting;
  const std::size_t start = accounting.Native();
  const auto grown_by = [&](auto&& f) {
    const std::size_t before = accounting.Native();
    f();
    return accounting.Native() - before;
  };
  const auto register_all = [&](Registry& with, Node* its_token) {
    for (std::size_t i = 0; i < kRecords; i++) {
      const absl::Status status =
          its_token == nullptr ? with.Register(target, 1) : with.Register(target, 1, its_token);
      ASSERT_TRUE(status.ok());
    }
  };
  Persistent<Registry> plain(Make<Registry>([](int) {}));
  Persistent<Registry> with_tokens(Make<Registry>([](int) {}));
  const std::size_t records = grown_by([&] { register_all(*plain, nullptr); });
  EXPECT_GE(grown_by([&] { register_all(*with_tokens, token); }),
            records + kRecords * sizeof(internal::RecordStore::Extra));
  EXPECT_TRUE(*with_tokens->Unregister(token));
  EXPECT_EQ(grown_by([&] { register_all(*with_tokens, token); }), 0u);
  plain = with_tokens = nullptr;
  CollectPrecisely();
  EXPECT_EQ(accounting.Native(), start);
}

TEST_F(RegistryStatsTest, WithoutRoomRegisterSaysSo) {
  Detach();
  Heap small(TestOptions({.max_heap_bytes = std::size_t{4} << 20}));
  Mutator attached(small);
  const Persistent<Registry> its(Make<Registry>([](int) {}));
  const Persistent<Node> node(Make<Node>());
  absl::Status status;
  int registered = 0;
  while ((status = its->Register(node, registered)).ok()) registered++;
  EXPECT_TRUE(absl::IsResourceExhausted(status)) << status;
  EXPECT_GT(registered, 1000);
  EXPECT_EQ(small.Stats().records_registered, static_cast<std::uint64_t>(registered));
}

}  // namespace
}  // namespace elegy::test
