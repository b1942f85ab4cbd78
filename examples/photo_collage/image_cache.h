// The cache: images by path and size, held weakly.

#ifndef ELEGY_EXAMPLES_PHOTO_COLLAGE_IMAGE_CACHE_H_
#define ELEGY_EXAMPLES_PHOTO_COLLAGE_IMAGE_CACHE_H_

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <string>

#include <elegy/elegy.h>

#include "absl/status/statusor.h"
#include "examples/photo_collage/event_log.h"
#include "examples/photo_collage/image.h"
#include "examples/photo_collage/image_key.h"
#include "examples/photo_collage/pixel_ledger.h"

namespace photo_collage {

// What is left of an image when it is gone: enough to clean up after it.
struct HeldImage {
  ImageKey key;
  std::uint64_t buffer_id = 0;
};

struct CachePolicy {
  bool hold_strongly = false;  // true: the cache keeps every image until it is closed
  bool tell_bytes = true;      // tell the heap how much native memory an image keeps
};

// The pattern as one writes it in JavaScript, a Map of WeakRefs and a FinalizationRegistry, with
// what threads add to it. An image is handed out as long as anybody holds it; when nobody does, the
// registry's callback frees its pixels and takes its entry out of the map.
//
// Between an image's death and its callback its entry is there but empty, and another thread may
// fetch the photo anew and overwrite it. So the callback removes an entry only if it is empty.
//
// All methods are safe to use from every mutator of the heap. The mutex is a plain one: under
// it nobody makes a managed object, reaches a safepoint or waits, so whoever holds it lets go of it
// soon, whatever the collector does.
class ImageCache {
 public:
  using Loader = std::function<absl::StatusOr<OwnedPixels>(const ImageKey&)>;

  // `mutator` is the calling thread's. `load` runs on the thread that fetches, in a BlockingRegion:
  // it must not touch managed objects. Ledger and log must outlive the heap's Shutdown().
  ImageCache(elegy::Mutator& mutator, CachePolicy policy, Loader load, PixelLedger& ledger,
             EventLog& log);
  ImageCache(const ImageCache&) = delete;
  ImageCache& operator=(const ImageCache&) = delete;

  // The image from the cache, or a new one.
  absl::StatusOr<Image*> Fetch(elegy::Mutator& mutator, const ImageKey& key);

  // Closes all images of the photo: frees their pixels now, whoever still holds the images.
  // Nobody may be reading their pixels.
  void ClosePhoto(const std::string& path);

  // What is cleaned from here on, is because the heap is being shut down.
  void ExpectShutdown() { shutting_down_ = true; }

  std::size_t size() const;

 private:
  using Registry = elegy::FinalizationRegistry<HeldImage>;

  struct Entry {
    elegy::WeakPersistent<Image> image;
    elegy::Persistent<Image> keeper;  // set only if the policy says so
  };

  Image* Find(const ImageKey& key);
  absl::StatusOr<Image*> MakeImage(elegy::Mutator& mutator, const ImageKey& key,
                                   OwnedPixels pixels);
  Image* Publish(const ImageKey& key, Image* image);
  void Close(const ImageKey& key, Image* image, bool readded);
  void CleanUp(const HeldImage& held);

  const CachePolicy policy_;
  const Loader load_;
  PixelLedger& ledger_;
  EventLog& log_;
  std::atomic<bool> shutting_down_ = false;
  elegy::Persistent<Registry> registry_;
  mutable std::mutex mutex_;
  std::map<ImageKey, Entry> entries_;  // guarded by mutex_
};

}  // namespace photo_collage

#endif  // ELEGY_EXAMPLES_PHOTO_COLLAGE_IMAGE_CACHE_H_
