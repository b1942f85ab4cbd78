// The weak cache, with photos out of thin air.

#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <utility>

#include <elegy/elegy.h>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "examples/photo_collage/event_log.h"
#include "examples/photo_collage/image.h"
#include "examples/photo_collage/image_cache.h"
#include "examples/photo_collage/image_key.h"
#include "examples/photo_collage/pixel_ledger.h"
#include "examples/photo_collage/worker_pool.h"
#include "gtest/gtest.h"

namespace photo_collage {
namespace {

const ImageKey kCat = {"cat.jpg", 100};

class ImageCacheTest : public testing::Test {
 protected:
  ~ImageCacheTest() override {
    EXPECT_EQ(ledger_.counts().leaked(), 0u);
    EXPECT_EQ(ledger_.counts().freed_twice, 0u);
    EXPECT_EQ(log_.counts().cleaned(), log_.counts().fetched);
  }

  // Runs `body` with a cache on this thread; then delivers what is left.
  void WithCache(CachePolicy policy, const std::function<void(ImageCache&)>& body) {
    elegy::Mutator mutator(heap_);
    ImageCache cache(
        mutator, policy,
        [this](const ImageKey& key) -> absl::StatusOr<OwnedPixels> {
          if (key.path.empty()) return absl::NotFoundError("no such photo");
          return OwnedPixels(ledger_, {key.longest_edge, key.longest_edge});
        },
        ledger_, log_);
    body(cache);
    cache.ExpectShutdown();
    heap_.Shutdown(elegy::ShutdownPolicy::kDeliverAll);
    EXPECT_EQ(cache.size(), 0u);
  }

  // Out of line, so that no pointer to the image stays on the stack.
  __attribute__((noinline)) void FetchAndDrop(ImageCache& cache, const ImageKey& key) {
    EXPECT_TRUE(cache.Fetch(elegy::Mutator::Current(), key).ok());
  }

  void CollectAndClean() {
    heap_.Collect(elegy::StackState::kNoPointers);
    elegy::Mutator::Current().EndTurn(elegy::StackState::kNoPointers);
  }

  elegy::Heap heap_;
  PixelLedger ledger_;
  EventLog log_{/*print=*/false};
};

TEST_F(ImageCacheTest, HandsOutTheSameImageWhileItIsHeld) {
  WithCache({}, [this](ImageCache& cache) {
    elegy::Mutator& mutator = elegy::Mutator::Current();
    const elegy::Persistent<Image> held = *cache.Fetch(mutator, kCat);
    CollectAndClean();
    EXPECT_TRUE(*cache.Fetch(mutator, kCat) == held);
    EXPECT_EQ(log_.counts().cached, 1u);
    EXPECT_EQ(log_.counts().cleaned(), 0u);
  });
  EXPECT_EQ(log_.counts().shutdown, 1u);
}

TEST_F(ImageCacheTest, FreesPixelsAndEntryOfAnImageNobodyHolds) {
  WithCache({}, [this](ImageCache& cache) {
    FetchAndDrop(cache, kCat);
    EXPECT_EQ(ledger_.counts().live_bytes, 30'000u);
    EXPECT_EQ(heap_.Stats().external_bytes, 30'000u);
    CollectAndClean();
    EXPECT_EQ(log_.counts().collected, 1u);
    EXPECT_EQ(ledger_.counts().live_bytes, 0u);
    EXPECT_EQ(heap_.Stats().external_bytes, 0u);
    EXPECT_EQ(cache.size(), 0u);
  });
}

TEST_F(ImageCacheTest, CleanupLeavesAnEntryThatWasReadded) {
  WithCache({}, [this](ImageCache& cache) {
    elegy::Mutator& mutator = elegy::Mutator::Current();
    FetchAndDrop(cache, kCat);
    heap_.Collect(elegy::StackState::kNoPointers);  // it is dead, and its callback has not run
    const elegy::Persistent<Image> again = *cache.Fetch(mutator, kCat);
    EXPECT_EQ(log_.counts().fetched, 2u);
    mutator.EndTurn();
    EXPECT_EQ(log_.counts().collected, 1u);
    EXPECT_EQ(log_.counts().readded, 1u);
    EXPECT_TRUE(*cache.Fetch(mutator, kCat) == again);
    EXPECT_FALSE(again->pixels().empty());
  });
}

TEST_F(ImageCacheTest, ClosingFreesAllSizesOfAPhotoAtOnce) {
  WithCache({}, [this](ImageCache& cache) {
    elegy::Mutator& mutator = elegy::Mutator::Current();
    const elegy::Persistent<Image> small = *cache.Fetch(mutator, {"cat.jpg", 10});
    const elegy::Persistent<Image> large = *cache.Fetch(mutator, kCat);
    const elegy::Persistent<Image> other = *cache.Fetch(mutator, {"cat.jpg.png", 10});
    cache.ClosePhoto("cat.jpg");
    cache.ClosePhoto("cat.jpg");
    EXPECT_EQ(log_.counts().closed, 2u);
    EXPECT_TRUE(small->pixels().empty());
    EXPECT_TRUE(large->pixels().empty());
    EXPECT_FALSE(other->pixels().empty());
    EXPECT_EQ(ledger_.counts().live_bytes, 300u);
    EXPECT_FALSE(*cache.Fetch(mutator, kCat) == large);
  });
}

TEST_F(ImageCacheTest, AStrongCacheKeepsEverything) {
  WithCache({.hold_strongly = true}, [this](ImageCache& cache) {
    FetchAndDrop(cache, kCat);
    CollectAndClean();
    EXPECT_EQ(log_.counts().cleaned(), 0u);
    FetchAndDrop(cache, kCat);
    EXPECT_EQ(log_.counts().cached, 1u);
  });
}

TEST_F(ImageCacheTest, AHeapThatIsNotToldSeesWrappersOnly) {
  WithCache({.tell_bytes = false}, [this](ImageCache& cache) {
    FetchAndDrop(cache, kCat);
    EXPECT_EQ(heap_.Stats().external_bytes, 0u);
  });
}

TEST_F(ImageCacheTest, FailedLoadsLeaveNoEntry) {
  WithCache({}, [](ImageCache& cache) {
    EXPECT_TRUE(absl::IsNotFound(cache.Fetch(elegy::Mutator::Current(), {"", 1}).status()));
    EXPECT_EQ(cache.size(), 0u);
  });
}

TEST_F(ImageCacheTest, ManyThreadsFetchTheSameFewPhotos) {
  WithCache({}, [this](ImageCache& cache) {
    WorkerPool pool(heap_, elegy::Mutator::Current(), /*threads=*/4);
    pool.ForEach(2000, [this, &cache](elegy::Mutator& worker, std::size_t i) {
      const std::string path(1, static_cast<char>('a' + i % 5));
      const absl::StatusOr<Image*> image = cache.Fetch(worker, {path, 8});
      ASSERT_TRUE(image.ok());
      EXPECT_EQ((*image)->pixels().size.width, 8);
      if (i % 50 == 0) heap_.RequestCollection();
    });
  });
  EXPECT_EQ(log_.counts().fetched + log_.counts().cached, 2000u);
}

}  // namespace
}  // namespace photo_collage
