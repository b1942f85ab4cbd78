// EXPECT: an argument of Make does not fit its field, or would be narrowed: cast it
#include <cstddef>
#include <string>

#include "elegy/elegy.h"

struct Item {
  std::size_t size = 0;
  std::string name;
  elegy::Member<Item> next;
};

Item* MakeItem(int size) { return elegy::Make<Item>(size, "name"); }
