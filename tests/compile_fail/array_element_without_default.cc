// EXPECT: an element needs a default constructor
#include "elegy/elegy.h"

struct Number {
  explicit Number(int number) : value(number) {}
  int value;
};
template <>
inline constexpr bool elegy::kHasNoSlots<Number> = true;

elegy::Array<Number>* MakeNumbers() { return elegy::MakeArray<Number>(3); }
