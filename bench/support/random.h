// The random numbers of the workloads: fixed seeds, and simple enough to be the same in every
// language.

#ifndef ELEGY_BENCH_SUPPORT_RANDOM_H_
#define ELEGY_BENCH_SUPPORT_RANDOM_H_

#include <cstddef>
#include <cstdint>
#include <numeric>
#include <utility>
#include <vector>

namespace elegy::bench {

inline constexpr std::uint64_t kDefaultSeed = 88172645463325252u;

// Marsaglia's xorshift64.
class Random {
 public:
  explicit Random(std::uint64_t seed = kDefaultSeed) : state_(seed) {}

  std::uint64_t Next() {
    state_ ^= state_ << 13;
    state_ ^= state_ >> 7;
    state_ ^= state_ << 17;
    return state_;
  }

  // A number below `limit`, which is at most 2^32.
  std::uint64_t Below(std::uint64_t limit) { return ((Next() >> 32) * limit) >> 32; }

 private:
  std::uint64_t state_;
};

// The numbers below `size` in a random order, the same in every run.
inline std::vector<std::uint32_t> RandomPermutation(std::size_t size) {
  std::vector<std::uint32_t> order(size);
  std::iota(order.begin(), order.end(), 0u);
  Random random(1234567891011u);
  for (std::size_t i = size; i > 1; --i) std::swap(order[i - 1], order[random.Below(i)]);
  return order;
}

}  // namespace elegy::bench

#endif  // ELEGY_BENCH_SUPPORT_RANDOM_H_
