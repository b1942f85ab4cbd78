// Managed objects of code that was built without AddressSanitizer, in a program that was built with
// it.

#ifndef ELEGY_TESTS_MISUSE_POISONED_PLAIN_NODE_H_
#define ELEGY_TESTS_MISUSE_POISONED_PLAIN_NODE_H_

#include <cstdint>

namespace elegy::test {

// A managed object's value, as large as a Node.
std::int64_t* MakePlainNode();

}  // namespace elegy::test

#endif  // ELEGY_TESTS_MISUSE_POISONED_PLAIN_NODE_H_
