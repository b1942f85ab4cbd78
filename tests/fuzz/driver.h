// A byte string as a program: each byte is a choice of what two mutators do next to a heap, or of
// how far its cycle goes on. The heap is compared with the plain reference of
// tests/support/weak_graph.h after every cycle. Equal bytes make equal programs: one thread waits
// for the other, and the collector for both.

#ifndef ELEGY_TESTS_FUZZ_DRIVER_H_
#define ELEGY_TESTS_FUZZ_DRIVER_H_

#include <cstdint>
#include <span>
#include <string>

#include "tests/support/weak_graph_model.h"

namespace elegy::test {

// Runs the bytes in a heap of their own. Returns what is wrong, or nothing.
std::string RunBytes(std::span<const std::uint8_t> bytes, const WeakGraphModel::Rules& rules = {});

}  // namespace elegy::test

#endif  // ELEGY_TESTS_FUZZ_DRIVER_H_
