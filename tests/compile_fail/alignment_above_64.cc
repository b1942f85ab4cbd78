// EXPECT: a managed type may ask for an alignment of at most 64 bytes
#include "elegy/elegy.h"

struct alignas(128) Page {
  char bytes[128];
};
template <>
inline constexpr bool elegy::kHasNoSlots<Page> = true;

Page* MakePage() { return elegy::Make<Page>(); }
