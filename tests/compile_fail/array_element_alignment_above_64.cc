// EXPECT: a managed type may ask for an alignment of at most 64 bytes
#include "elegy/elegy.h"

struct alignas(128) Page {
  char bytes[128];
};
template <>
inline constexpr bool elegy::kHasNoSlots<Page> = true;

elegy::Array<Page>* MakePages() { return elegy::MakeArray<Page>(3); }
