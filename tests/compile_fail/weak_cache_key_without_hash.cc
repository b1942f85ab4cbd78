// EXPECT: a cache's key needs operator== and an AbslHashValue
#include "elegy/elegy.h"

struct Key {
  int value = 0;
  bool operator==(const Key&) const = default;
};
struct Picture {
  int width = 0;
};

using Cache = elegy::WeakCache<Key, Picture>;

Cache* MakeCache() { return elegy::Make<Cache>(); }
