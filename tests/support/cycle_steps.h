// The steps of a cycle, for tests that stop it at each.

#ifndef ELEGY_TESTS_SUPPORT_CYCLE_STEPS_H_
#define ELEGY_TESTS_SUPPORT_CYCLE_STEPS_H_

#include <array>

#include "elegy/testing.h"

namespace elegy::test {

inline constexpr std::array kAllSteps = {
    testing::CycleStep::kBarrierOn,    testing::CycleStep::kStacksScanned,
    testing::CycleStep::kMarked,       testing::CycleStep::kFlipped,
    testing::CycleStep::kCellsCleared, testing::CycleStep::kRecordsQueued,
    testing::CycleStep::kSwept,
};

}  // namespace elegy::test

#endif  // ELEGY_TESTS_SUPPORT_CYCLE_STEPS_H_
