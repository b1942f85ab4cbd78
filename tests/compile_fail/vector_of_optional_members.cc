// EXPECT: a Vector's element cannot have an optional slot
#include <optional>

#include "elegy/elegy.h"

struct Node {
  int value = 0;
};
struct Entry {
  std::optional<elegy::Member<Node>> node;
};

void Append(elegy::Vector<Entry>& entries) { entries.push_back({}); }
