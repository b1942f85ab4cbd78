// The machine without any collector: reads the clock in a loop and reports the gaps between two
// readings. No latency below the longest gap says anything about a program.

#include <cstdint>

#include "bench/support/clock.h"
#include "bench/support/flags.h"
#include "bench/support/histogram.h"
#include "bench/support/report.h"

int main(int argc, char** argv) {
  using elegy::bench::NowNs;
  const elegy::bench::Flags flags(argc, argv);
  const std::uint64_t duration_ns = flags.Get("milliseconds", 2000) * 1'000'000;

  elegy::bench::Histogram gaps;
  const std::uint64_t start = NowNs();
  std::uint64_t last = start;
  while (last - start < duration_ns) {
    const std::uint64_t now = NowNs();
    gaps.Add(now - last);
    last = now;
  }

  elegy::bench::Report report("machine", "noise");
  report.Measured(static_cast<double>(last - start) * 1e-9, gaps.total());
  report.Latency(gaps);
  report.Check(gaps.total() > 0 && last - start >= duration_ns, "the clock advances");
  return report.Print();
}
