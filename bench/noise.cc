// The machine without any collector: every core reads the clock in a loop, and the gaps between two
// readings of the first are reported. No latency below the longest gap says anything about a
// program. All cores are busy because a virtual machine's host may take more from it then.

#include <algorithm>
#include <cstdint>
#include <functional>
#include <thread>
#include <vector>

#include "bench/support/clock.h"
#include "bench/support/flags.h"
#include "bench/support/histogram.h"
#include "bench/support/report.h"

namespace {

using elegy::bench::Histogram;
using elegy::bench::NowNs;

struct Gaps {
  Histogram histogram;
  std::uint64_t elapsed_ns = 0;
};

void Watch(std::uint64_t duration_ns, Gaps& gaps) {
  const std::uint64_t start = NowNs();
  std::uint64_t last = start;
  while (last - start < duration_ns) {
    const std::uint64_t now = NowNs();
    gaps.histogram.Add(now - last);
    last = now;
  }
  gaps.elapsed_ns = last - start;
}

}  // namespace

int main(int argc, char** argv) {
  const elegy::bench::Flags flags(argc, argv);
  const std::uint64_t duration_ns = flags.Get("milliseconds", 2000) * 1'000'000;

  std::vector<Gaps> gaps(std::max(std::thread::hardware_concurrency(), 1U));
  {
    std::vector<std::jthread> others;
    for (std::size_t i = 1; i < gaps.size(); i++) {
      others.emplace_back(Watch, duration_ns, std::ref(gaps[i]));
    }
    Watch(duration_ns, gaps[0]);
  }

  elegy::bench::Report report("machine", "noise");
  report.Measured(static_cast<double>(gaps[0].elapsed_ns) * 1e-9, gaps[0].histogram.total());
  report.Latency(gaps[0].histogram);
  for (const Gaps& core : gaps) {
    report.Check(core.histogram.total() > 0 && core.elapsed_ns >= duration_ns,
                 "the clock advances");
  }
  return report.Print();
}
