// What a shared library of a program with managed objects offers it.

#ifndef ELEGY_TESTS_PACKAGE_ADD_SUBDIRECTORY_SHARED_H_
#define ELEGY_TESTS_PACKAGE_ADD_SUBDIRECTORY_SHARED_H_

#include <elegy/elegy.h>

struct Node {
  elegy::Member<Node> next;
  int value = 0;
};

[[gnu::visibility("default")]] Node* MakeInLibrary(int value);
[[gnu::visibility("default")]] void StoreInLibrary(Node* from, Node* to);

#endif  // ELEGY_TESTS_PACKAGE_ADD_SUBDIRECTORY_SHARED_H_
