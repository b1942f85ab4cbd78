// EXPECT: a std::atomic pointer inside a managed object is nearly always a forgotten elegy::AtomicMember
#include <atomic>

#include "elegy/elegy.h"

struct Node {
  std::atomic<Node*> next;
};

Node* MakeNode() { return elegy::Make<Node>(); }
