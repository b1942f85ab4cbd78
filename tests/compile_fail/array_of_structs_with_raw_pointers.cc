// EXPECT: a raw pointer to a class type inside a managed object is nearly always a forgotten elegy::Member
#include "elegy/elegy.h"

struct Node {
  int value = 0;
};
struct Entry {
  Node* node = nullptr;
};

elegy::Array<Entry>* MakeEntries() { return elegy::MakeArray<Entry>(3); }
