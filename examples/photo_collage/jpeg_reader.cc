// libjpeg reports an error by calling error_exit(), which must not return; we leave it by
// longjmp(). That jumps over frames of C++ too, so the rule in this file is: between setjmp() and
// whatever may call libjpeg lives no object with a destructor. Guarded() is the one setjmp(); the
// steps it runs keep everything in a JpegReader, whose own frame is never jumped over.

#include "examples/photo_collage/jpeg_reader.h"

// jpeglib.h wants FILE and size_t declared before it.
#include <csetjmp>
#include <cstddef>
#include <cstdio>
// clang-format off
#include <jpeglib.h>
#include <jerror.h>
// clang-format on

#include <algorithm>
#include <cstdint>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "examples/photo_collage/limits.h"
#include "examples/photo_collage/orientation.h"
#include "examples/photo_collage/raster.h"

namespace photo_collage {
namespace {

struct ErrorManager {
  jpeg_error_mgr base;  // must come first: libjpeg sees this part only
  std::jmp_buf jump;
  char message[JMSG_LENGTH_MAX];
};

ErrorManager& ErrorsOf(j_common_ptr codec) { return *reinterpret_cast<ErrorManager*>(codec->err); }

[[noreturn]] void LeaveByJump(j_common_ptr codec) {
  ErrorManager& errors = ErrorsOf(codec);
  errors.base.format_message(codec, errors.message);
  std::longjmp(errors.jump, 1);
}

// libjpeg only warns of data that end early, and makes up the rest. Not here.
void OnMessage(j_common_ptr codec, int level) {
  const int code = ErrorsOf(codec).base.msg_code;
  if (level < 0 && (code == JWRN_JPEG_EOF || code == JWRN_HIT_MARKER)) LeaveByJump(codec);
}

class JpegReader {
 public:
  JpegReader(std::FILE* file, int longest_edge) : file_(file), longest_edge_(longest_edge) {
    codec_.err = jpeg_std_error(&errors_.base);
    errors_.base.error_exit = LeaveByJump;
    errors_.base.emit_message = OnMessage;
    errors_.message[0] = '\0';
  }
  JpegReader(const JpegReader&) = delete;
  JpegReader& operator=(const JpegReader&) = delete;
  ~JpegReader() { jpeg_destroy_decompress(&codec_); }  // fine on a codec never created, too

  absl::StatusOr<Raster> Read() {
    if (!Guarded(&JpegReader::ReadHeader)) return Error();
    if (codec_.image_width == 0 || codec_.image_height == 0 ||
        std::uint64_t{codec_.image_width} * codec_.image_height > kMaxPhotoPixels) {
      return absl::InvalidArgumentError(absl::StrCat("a JPEG of ", codec_.image_width, "x",
                                                     codec_.image_height, " pixels is too large"));
    }
    if (codec_.num_components == 4) {
      return absl::UnimplementedError("a JPEG in CMYK colours, which are not supported");
    }
    const int orientation = Orientation();
    if (!Guarded(&JpegReader::StartScaled)) return Error();
    raster_ =
        Raster({static_cast<int>(codec_.output_width), static_cast<int>(codec_.output_height)});
    if (!Guarded(&JpegReader::ReadRows)) return Error();
    return Upright(std::move(raster_), orientation);
  }

 private:
  // Runs a step; false if libjpeg reported an error in it.
  bool Guarded(void (JpegReader::*step)()) {
    if (setjmp(errors_.jump) != 0) return false;
    (this->*step)();
    return true;
  }

  absl::Status Error() const {
    return absl::DataLossError(absl::StrCat("damaged JPEG: ", errors_.message));
  }

  // ---- steps: no object with a destructor in any of them ----

  void ReadHeader() {
    jpeg_create_decompress(&codec_);
    jpeg_stdio_src(&codec_, file_);
    jpeg_save_markers(&codec_, JPEG_APP0 + 1, 0xFFFF);
    jpeg_read_header(&codec_, TRUE);
  }

  void StartScaled() {
    const unsigned longest = std::max(codec_.image_width, codec_.image_height);
    const auto wanted = static_cast<unsigned>(longest_edge_);
    codec_.out_color_space = JCS_RGB;
    codec_.scale_num = 1;
    codec_.scale_denom = 1;
    while (codec_.scale_denom < 8 && longest / (codec_.scale_denom * 2) >= wanted) {
      codec_.scale_denom *= 2;
    }
    jpeg_start_decompress(&codec_);
  }

  void ReadRows() {
    const MutablePixelView target = raster_.mutable_view();
    while (codec_.output_scanline < codec_.output_height) {
      JSAMPROW row = target.Row(static_cast<int>(codec_.output_scanline));
      jpeg_read_scanlines(&codec_, &row, 1);
    }
    jpeg_finish_decompress(&codec_);
  }

  int Orientation() const {
    for (jpeg_saved_marker_ptr marker = codec_.marker_list; marker; marker = marker->next) {
      const int orientation = ExifOrientation(marker->data, marker->data_length);
      if (orientation != 1) return orientation;
    }
    return 1;
  }

  std::FILE* file_;
  int longest_edge_;
  jpeg_decompress_struct codec_ = {};
  ErrorManager errors_;
  Raster raster_;
};

}  // namespace

absl::StatusOr<Raster> ReadJpeg(std::FILE* file, int longest_edge) {
  JpegReader reader(file, longest_edge);
  return reader.Read();
}

}  // namespace photo_collage
