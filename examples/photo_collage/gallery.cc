#include "examples/photo_collage/gallery.h"

#include <algorithm>
#include <cstddef>
#include <filesystem>
#include <iterator>
#include <numeric>
#include <string>
#include <utility>
#include <vector>

#include <elegy/elegy.h>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "examples/photo_collage/collage.h"
#include "examples/photo_collage/complain.h"
#include "examples/photo_collage/event_log.h"
#include "examples/photo_collage/image.h"
#include "examples/photo_collage/image_cache.h"
#include "examples/photo_collage/image_key.h"
#include "examples/photo_collage/photo_loader.h"
#include "examples/photo_collage/pixel_ledger.h"
#include "examples/photo_collage/png_file.h"
#include "examples/photo_collage/tone.h"
#include "examples/photo_collage/worker_pool.h"

namespace photo_collage {
namespace {

constexpr int kThumbnailEdge = 160;

// Every round the window has another size, and so have the images it wants.
constexpr int kDisplayEdges[] = {1600, 1280, 1440, 1520, 1360};

}  // namespace

Gallery::Gallery(elegy::Heap& heap, elegy::Mutator& mutator, const GalleryOptions& options,
                 PixelLedger& ledger, EventLog& log)
    : mutator_(mutator),
      options_(options),
      ledger_(ledger),
      log_(log),
      cache_(
          mutator, options.cache, [this](const ImageKey& key) { return Load(key); }, ledger, log),
      pool_(heap, mutator, options.threads) {}

void Gallery::OpenLibrary(std::vector<std::string>& library) {
  const elegy::Persistent<ImageList> all = FetchAll(library, kThumbnailEdge);
  const auto usable = static_cast<std::size_t>(
      std::count_if(all->begin(), all->end(), [](const auto& image) { return image != nullptr; }));
  thumbnails_ = mutator_.MakeArray<elegy::Member<Image>>(usable);
  for (std::size_t i = 0; i < library.size(); ++i) {
    if ((*all)[i] == nullptr) continue;
    (*thumbnails_)[library_.size()] = (*all)[i];
    library_.push_back(library[i]);
  }
  library = library_;
  mutator_.EndTurn();
}

void Gallery::RunRound(int round) {
  const int edge = kDisplayEdges[static_cast<std::size_t>(round) % std::size(kDisplayEdges)];
  std::vector<std::size_t> selection = Select();
  Show(selection, edge, absl::StrFormat("collage-%02da", round + 1));
  Change(round, selection);
  Show(selection, edge, absl::StrFormat("collage-%02db", round + 1));
}

void Gallery::Leave() {
  mutator_.DrainFinalization();  // what was collected so far is still cleaned as such
  thumbnails_ = nullptr;
  on_show_ = nullptr;
  cache_.ExpectShutdown();
}

// Different photos at random, the same ones in every run.
std::vector<std::size_t> Gallery::Select() {
  std::vector<std::size_t> all(library_.size());
  std::iota(all.begin(), all.end(), std::size_t{0});
  const std::size_t wanted = std::min(all.size(), static_cast<std::size_t>(options_.photos));
  for (std::size_t i = 0; i < wanted; ++i) std::swap(all[i], all[i + random_() % (all.size() - i)]);
  all.resize(wanted);
  return all;
}

// Either the user edits a photo, so that all its images are stale and are closed at once; or puts
// another photo in its place, and its images are left to the collector.
void Gallery::Change(int round, std::vector<std::size_t>& selection) {
  const std::size_t place = random_() % selection.size();
  const std::size_t photo = selection[place];
  const std::string& path = library_[photo];
  if (round % 2 == 0 || selection.size() == library_.size()) {
    Tone& tone = tones_[path];
    tone = NextTone(tone);
    log_.Note(absl::StrCat("-- ", path, " is turned to ", ToneName(tone)));
    cache_.ClosePhoto(path);
    (*thumbnails_)[photo] = (*FetchAll({path}, kThumbnailEdge))[0];
  } else {
    std::size_t other = photo;
    while (std::find(selection.begin(), selection.end(), other) != selection.end()) {
      other = random_() % library_.size();
    }
    selection[place] = other;
    log_.Note(absl::StrCat("-- ", path, " makes room for ", library_[other]));
  }
}

// Fetches the images first and lets go of those on show before only then: what both show is there.
void Gallery::Show(const std::vector<std::size_t>& selection, int longest_edge,
                   const std::string& name) {
  std::vector<std::string> paths;
  paths.reserve(selection.size());
  for (std::size_t photo : selection) paths.push_back(library_[photo]);
  on_show_ = FetchAll(paths, longest_edge);
  const absl::Status made = MakeCollage(PicturesOnShow(selection), name);
  ++collages_;
  if (!made.ok()) {
    ++unwritten_;
    Complain(name, made.message());
  }
  mutator_.EndTurn();
}

// One image per path, fetched by the workers; null, with a line, for one that cannot be had.
elegy::Persistent<Gallery::ImageList> Gallery::FetchAll(const std::vector<std::string>& paths,
                                                        int longest_edge) {
  elegy::Persistent<ImageList> images = mutator_.MakeArray<elegy::Member<Image>>(paths.size());
  pool_.ForEach(paths.size(), [&](elegy::Mutator& worker, std::size_t i) {
    absl::StatusOr<Image*> image = cache_.Fetch(worker, {paths[i], longest_edge});
    if (image.ok()) {
      (*images)[i] = *image;
    } else {
      Complain(paths[i], absl::StrCat(image.status().message(), "; left out"));
    }
  });
  return images;
}

// The native pixels of the images that thumbnails_ and on_show_ keep.
CollagePictures Gallery::PicturesOnShow(const std::vector<std::size_t>& selection) const {
  CollagePictures pictures;
  pictures.shown.resize(library_.size());
  for (std::size_t i = 0; i < selection.size(); ++i) {
    Image* image = (*on_show_)[i];
    if (image == nullptr) continue;
    pictures.photos.push_back(image->pixels());
    pictures.shown[selection[i]] = true;
  }
  for (Image* thumbnail : *thumbnails_) {
    pictures.thumbnails.push_back(thumbnail == nullptr ? PixelView{} : thumbnail->pixels());
  }
  return pictures;
}

absl::Status Gallery::MakeCollage(CollagePictures pictures, const std::string& name) {
  const std::size_t photos = pictures.photos.size();
  if (photos == 0) return absl::NotFoundError("no photo is left to show");
  Collage collage(std::move(pictures), options_.width, /*number=*/collages_ / 2);
  pool_.ForEach(photos, [&collage](elegy::Mutator& worker, std::size_t i) {
    elegy::BlockingRegion region(worker);
    collage.PaintPhoto(i);
  });
  if (options_.out.empty()) return absl::OkStatus();
  const std::string path = (std::filesystem::path(options_.out) / (name + ".png")).string();
  elegy::BlockingRegion region(mutator_);
  absl::Status written = WritePng(path, collage.pixels());
  if (written.ok()) log_.Note(absl::StrCat("-- wrote ", path));
  return written;
}

// On a worker. Tones change only while no worker fetches.
absl::StatusOr<OwnedPixels> Gallery::Load(const ImageKey& key) {
  const auto tone = tones_.find(key.path);
  return LoadPhoto(ledger_, key.path, key.longest_edge,
                   tone == tones_.end() ? Tone::kColour : tone->second);
}

}  // namespace photo_collage
