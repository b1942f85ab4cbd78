// Finds photos in folders.

#ifndef ELEGY_EXAMPLES_PHOTO_COLLAGE_PHOTO_FINDER_H_
#define ELEGY_EXAMPLES_PHOTO_COLLAGE_PHOTO_FINDER_H_

#include <string>
#include <vector>

namespace photo_collage {

// The files named .jpg, .jpeg or .png, in any case, in the folders and below them: sorted, each
// once. Says so of a folder that cannot be read and of one without a photo. Links to folders are
// not followed; whether a file can be read and is what its name says is not looked at.
std::vector<std::string> FindPhotos(const std::vector<std::string>& folders);

}  // namespace photo_collage

#endif  // ELEGY_EXAMPLES_PHOTO_COLLAGE_PHOTO_FINDER_H_
