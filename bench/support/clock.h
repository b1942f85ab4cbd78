// Wall-clock time for measurements.

#ifndef ELEGY_BENCH_SUPPORT_CLOCK_H_
#define ELEGY_BENCH_SUPPORT_CLOCK_H_

#include <chrono>
#include <cstdint>

namespace elegy::bench {

inline std::uint64_t NowNs() {
  const auto now = std::chrono::steady_clock::now().time_since_epoch();
  return static_cast<std::uint64_t>(
      std::chrono::duration_cast<std::chrono::nanoseconds>(now).count());
}

class Stopwatch {
 public:
  Stopwatch() : start_ns_(NowNs()) {}
  double Seconds() const { return static_cast<double>(NowNs() - start_ns_) * 1e-9; }

 private:
  std::uint64_t start_ns_;
};

}  // namespace elegy::bench

#endif  // ELEGY_BENCH_SUPPORT_CLOCK_H_
