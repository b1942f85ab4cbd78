#include "bench/support/report.h"

#include <array>
#include <cstdio>

#include "bench/support/process.h"

namespace elegy::bench {

Report::Report(std::string_view peer, std::string_view workload) {
  line_ = "{\"peer\":\"" + std::string(peer) + "\",\"workload\":\"" + std::string(workload) + "\"";
}

void Report::Measured(double seconds, std::uint64_t ops) {
  Number("seconds", seconds);
  Count("ops", ops);
  Number("ns_per_op", ops == 0 ? 0 : seconds * 1e9 / static_cast<double>(ops));
}

void Report::Latency(const Histogram& histogram) {
  Number("p50_us", histogram.QuantileUs(0.5));
  Number("p99_us", histogram.QuantileUs(0.99));
  Number("p999_us", histogram.QuantileUs(0.999));
  Number("p9999_us", histogram.QuantileUs(0.9999));
  Number("max_us", histogram.MaxUs());
}

void Report::Number(std::string_view name, double value) {
  std::array<char, 32> text{};
  std::snprintf(text.data(), text.size(), "%.6g", value);
  Add(name, text.data());
}

void Report::Count(std::string_view name, std::uint64_t value) { Add(name, std::to_string(value)); }

void Report::Check(bool holds, std::string_view what) {
  if (holds) return;
  ok_ = false;
  std::fprintf(stderr, "wrong result: %.*s\n", static_cast<int>(what.size()), what.data());
}

int Report::Print() {
  Number("cpu_s", CpuSeconds());
  Number("peak_rss_mb", PeakResidentMib());
  Add("ok", ok_ ? "true" : "false");
  std::printf("%s}\n", line_.c_str());
  std::fflush(stdout);
  return ok_ ? 0 : 1;
}

void Report::Add(std::string_view name, std::string_view value) {
  line_.append(",\"").append(name).append("\":").append(value);
}

}  // namespace elegy::bench
