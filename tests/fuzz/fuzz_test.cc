// The fuzzer's driver without the fuzzer: random bytes, the kept inputs, and broken references that
// it must notice.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "tests/fuzz/driver.h"
#include "tests/support/stress.h"

namespace elegy::test {
namespace {

using Bytes = std::vector<std::uint8_t>;
using Rules = WeakGraphModel::Rules;

Bytes RandomBytes(std::uint64_t round) {
  Random random(round);
  Bytes bytes(random.Below(2000));
  for (std::uint8_t& byte : bytes) byte = static_cast<std::uint8_t>(random.Next());
  return bytes;
}

class FuzzTest : public ::testing::Test {
 public:
  static void SetUpTestSuite() {
    std::printf("ELEGY_TEST_SEED=%llu\n", static_cast<unsigned long long>(TestSeed()));
    std::fflush(stdout);
  }
};

TEST_F(FuzzTest, RandomBytesDoAsTheReferenceSays) {
  for (std::uint64_t round = 0; round < Scaled(400); round++) {
    ASSERT_EQ(RunBytes(RandomBytes(round)), "")
        << "round " << round << ", ELEGY_TEST_SEED=" << TestSeed();
  }
}

TEST_F(FuzzTest, KeptInputsDoAsTheReferenceSays) {
  std::size_t inputs = 0;
  for (const auto& entry : std::filesystem::directory_iterator(ELEGY_FUZZ_CORPUS_DIR)) {
    std::ifstream file(entry.path(), std::ios::binary);
    const Bytes bytes((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
    EXPECT_EQ(RunBytes(bytes), "") << entry.path();
    inputs++;
  }
  EXPECT_GT(inputs, 0u);
}

// A rule to break. Its mismatch is what the comparison says of the broken reference.
struct Fault {
  const char* name;
  bool Rules::*rule;
  const char* mismatch;
};

class FuzzCanaryTest : public FuzzTest, public ::testing::WithParamInterface<Fault> {};

constexpr const char* kKeptTooMuch = "lives but is found dead";
constexpr const char* kKeptTooLittle = "has died but is found alive";

INSTANTIATE_TEST_SUITE_P(
    Rules, FuzzCanaryTest,
    ::testing::Values(Fault{"ValueOutlivesItsKey", &Rules::value_needs_key, kKeptTooMuch},
                      Fault{"RegistrationKeepsItsTarget", &Rules::target_is_weak, kKeptTooMuch},
                      Fault{"CacheKeepsItsObjects", &Rules::cache_is_weak, kKeptTooMuch},
                      Fault{"HeldValueIsNotKept", &Rules::held_is_kept, kKeptTooLittle},
                      Fault{"TurnKeepsNothing", &Rules::turn_keeps, kKeptTooLittle},
                      Fault{"CancelledAreNotCounted", &Rules::cancelled_count, "cancelled"}),
    [](const auto& fault) { return std::string(fault.param.name); });

TEST_P(FuzzCanaryTest, IsNoticed) {
  Rules rules;
  rules.*GetParam().rule = false;
  for (std::uint64_t round = 0; round < 2'000; round++) {
    if (RunBytes(RandomBytes(round), rules).find(GetParam().mismatch) != std::string::npos) return;
  }
  FAIL() << "nothing noticed, ELEGY_TEST_SEED=" << TestSeed();
}

}  // namespace
}  // namespace elegy::test
