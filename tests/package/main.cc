// The smallest program that uses elegy: a heap, an attached thread, one object. The consumer
// projects next to it all build this file.

#include <elegy/elegy.h>

#include <cstdio>

namespace {

struct Node {
  elegy::Member<Node> next;
  int value = 0;
};

}  // namespace

int main() {
  elegy::Heap heap;
  elegy::Mutator mutator(heap);
  Node* node = elegy::Make<Node>();
  node->value = 42;
  node->next = node;
  std::printf("%d\n", node->next->value);
  return node->next->value == 42 ? 0 : 1;
}
