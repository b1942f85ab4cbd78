#include "examples/photo_collage/image_cache.h"

#include <cstddef>
#include <mutex>
#include <new>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <elegy/elegy.h>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "examples/photo_collage/event_log.h"
#include "examples/photo_collage/image.h"
#include "examples/photo_collage/image_key.h"
#include "examples/photo_collage/pixel_ledger.h"

namespace photo_collage {

namespace {

// Any mutator: the cleanup touches only what is safe to touch from all threads, and the main thread
// sleeps most of the time, so the worker that next ends a turn frees the pixels.
elegy::RegistryOptions RunAnywhere() {
  elegy::RegistryOptions options;
  options.run_on = elegy::RegistryOptions::RunOn::kAnyMutator;
  return options;
}

}  // namespace

ImageCache::ImageCache(elegy::Mutator& mutator, CachePolicy policy, Loader load,
                       PixelLedger& ledger, EventLog& log)
    : policy_(policy),
      load_(std::move(load)),
      ledger_(ledger),
      log_(log),
      registry_(mutator.Make<Registry>([this](const HeldImage& held) { CleanUp(held); },
                                       RunAnywhere())) {}

absl::StatusOr<Image*> ImageCache::Fetch(elegy::Mutator& mutator, const ImageKey& key) {
  if (Image* image = Find(key)) {
    log_.Cached(key, image->size());
    return image;
  }
  // Decoding takes long and touches nothing managed: the collector need not wait for this thread.
  std::optional<absl::StatusOr<OwnedPixels>> pixels;
  {
    elegy::BlockingRegion region(mutator);
    pixels.emplace(load_(key));
  }
  if (!pixels->ok()) return pixels->status();
  absl::StatusOr<Image*> image = MakeImage(mutator, key, **std::move(pixels));
  if (!image.ok()) return image;
  log_.Fetched(key, (*image)->size());
  Image* published = Publish(key, *image);
  // Another thread has fetched the same meanwhile: one of the two is enough.
  if (published != *image) Close(key, *image, /*readded=*/true);
  return published;
}

void ImageCache::ClosePhoto(const std::string& path) {
  std::vector<std::pair<ImageKey, elegy::Persistent<Image>>> closing;
  {
    std::lock_guard<std::mutex> lock(mutex_);
    auto entry = entries_.lower_bound(ImageKey{path, 0});
    while (entry != entries_.end() && entry->first.path == path) {
      // An empty entry goes, too: its callback will not miss it.
      if (Image* image = entry->second.image.Get()) closing.emplace_back(entry->first, image);
      entry = entries_.erase(entry);
    }
  }
  for (const auto& [key, image] : closing) Close(key, image.get(), /*readded=*/false);
}

std::size_t ImageCache::size() const {
  std::lock_guard<std::mutex> lock(mutex_);
  return entries_.size();
}

Image* ImageCache::Find(const ImageKey& key) {
  std::lock_guard<std::mutex> lock(mutex_);
  const auto found = entries_.find(key);
  return found == entries_.end() ? nullptr : found->second.image.Get();
}

// Wraps the pixels and hands them over to the registry: from then on either the callback or a
// successful Unregister() frees them, and only one of the two.
absl::StatusOr<Image*> ImageCache::MakeImage(elegy::Mutator& mutator, const ImageKey& key,
                                             OwnedPixels pixels) try {
  Image* image = mutator.Make<Image>(pixels.buffer());
  // The image is its own token. Without external_bytes it would weigh as much as its wrapper,
  // and the heap would see no reason to collect.
  const std::size_t bytes = policy_.tell_bytes ? pixels.buffer().bytes() : 0;
  const absl::Status registered = registry_->Register(image, HeldImage{key, pixels.buffer().id},
                                                      image, {.external_bytes = bytes});
  if (!registered.ok()) return registered;
  pixels.Release();
  return image;
} catch (const std::bad_alloc&) {
  return absl::ResourceExhaustedError("the heap is full");
}

// Enters the image under its key unless a living one is there; returns the one that is there now.
Image* ImageCache::Publish(const ImageKey& key, Image* image) {
  std::lock_guard<std::mutex> lock(mutex_);
  Entry& entry = entries_[key];
  if (Image* first = entry.image.Get()) return first;
  entry.image = image;
  if (policy_.hold_strongly) entry.keeper = image;
  return image;
}

// Unregister() answers true exactly once, and never if the callback has begun.
void ImageCache::Close(const ImageKey& key, Image* image, bool readded) {
  if (!registry_->Unregister(image).value_or(false)) return;
  image->MarkClosed();
  ledger_.Free(image->buffer_id());
  log_.Cleaned(key, CleanReason::kClosed, readded);
}

void ImageCache::CleanUp(const HeldImage& held) {
  bool readded = false;
  {
    std::lock_guard<std::mutex> lock(mutex_);
    const auto found = entries_.find(held.key);
    if (found != entries_.end()) {
      readded = found->second.image.Get() != nullptr;
      if (!readded) entries_.erase(found);
    }
  }
  ledger_.Free(held.buffer_id);
  log_.Cleaned(held.key, shutting_down_ ? CleanReason::kShutdown : CleanReason::kCollected,
               readded);
}

}  // namespace photo_collage
