// Which heap of this process an address belongs to. Thread-safe.

#ifndef ELEGY_SRC_HEAP_DIRECTORY_H_
#define ELEGY_SRC_HEAP_DIRECTORY_H_

#include "src/heap/heap_state.h"

namespace elegy::internal {

void EnterInDirectory(HeapState& state);
void RemoveFromDirectory(HeapState& state);

// The heap whose range holds the address, or null. Takes a lock: for slow paths.
HeapState* FindHeap(const void* address);

// How many heaps there are; a relaxed read.
std::size_t HeapCount();

}  // namespace elegy::internal

#endif  // ELEGY_SRC_HEAP_DIRECTORY_H_
