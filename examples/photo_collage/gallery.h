// The application: a library of photos, of which some are on show.

#ifndef ELEGY_EXAMPLES_PHOTO_COLLAGE_GALLERY_H_
#define ELEGY_EXAMPLES_PHOTO_COLLAGE_GALLERY_H_

#include <cstddef>
#include <cstdint>
#include <map>
#include <random>
#include <string>
#include <vector>

#include <elegy/elegy.h>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "examples/photo_collage/collage.h"
#include "examples/photo_collage/event_log.h"
#include "examples/photo_collage/image.h"
#include "examples/photo_collage/image_cache.h"
#include "examples/photo_collage/pixel_ledger.h"
#include "examples/photo_collage/tone.h"
#include "examples/photo_collage/worker_pool.h"

namespace photo_collage {

struct GalleryOptions {
  CachePolicy cache;
  int threads = 2;
  int photos = 6;
  int width = 1920;  // of a collage
  std::string out;   // folder for the collages; empty: they are painted and not written
};

// Lives on one thread, that of `mutator`, and lets workers do the work.
class Gallery {
 public:
  Gallery(elegy::Heap& heap, elegy::Mutator& mutator, const GalleryOptions& options,
          PixelLedger& ledger, EventLog& log);

  // Fetches the thumbnails of all photos and keeps them; drops the photos that cannot be read from
  // `library`, with a line each.
  void OpenLibrary(std::vector<std::string>& library);

  // Selects photos, shows them, changes one, and shows them again.
  void RunRound(int round);

  // Lets go of all images. What is cleaned from here on, is because of the heap's shutdown.
  void Leave();

  int collages() const { return collages_; }
  int unwritten() const { return unwritten_; }

 private:
  using ImageList = elegy::Array<elegy::Member<Image>>;

  std::vector<std::size_t> Select();
  void Change(int round, std::vector<std::size_t>& selection);
  void Show(const std::vector<std::size_t>& selection, int longest_edge, const std::string& name);
  elegy::Persistent<ImageList> FetchAll(const std::vector<std::string>& paths, int longest_edge);
  CollagePictures PicturesOnShow(const std::vector<std::size_t>& selection) const;
  absl::Status MakeCollage(CollagePictures pictures, const std::string& name);
  absl::StatusOr<OwnedPixels> Load(const ImageKey& key);

  elegy::Mutator& mutator_;
  const GalleryOptions options_;
  PixelLedger& ledger_;
  EventLog& log_;
  ImageCache cache_;
  WorkerPool pool_;
  std::mt19937 random_{20'26};
  std::vector<std::string> library_;
  std::map<std::string, Tone> tones_;        // of the photos the user has changed
  elegy::Persistent<ImageList> thumbnails_;  // of library_[i]
  elegy::Persistent<ImageList> on_show_;     // keeps the images of the collage on show
  int collages_ = 0;
  int unwritten_ = 0;
};

}  // namespace photo_collage

#endif  // ELEGY_EXAMPLES_PHOTO_COLLAGE_GALLERY_H_
