// One run's results, printed as one line of JSON.

#ifndef ELEGY_BENCH_SUPPORT_REPORT_H_
#define ELEGY_BENCH_SUPPORT_REPORT_H_

#include <cstdint>
#include <string>
#include <string_view>

#include "bench/support/histogram.h"

namespace elegy::bench {

class Report {
 public:
  Report(std::string_view peer, std::string_view workload);

  // The measured part: wall time and the number of operations it did.
  void Measured(double seconds, std::uint64_t ops);
  void Latency(const Histogram& histogram);
  void Number(std::string_view name, double value);
  void Count(std::string_view name, std::uint64_t value);

  // A result that does not hold makes the run worthless: it is named on standard error, and the
  // line says "ok":false.
  void Check(bool holds, std::string_view what);

  // Adds the process's own figures and prints. Returns the program's exit status.
  int Print();

 private:
  void Add(std::string_view name, std::string_view value);

  std::string line_;
  bool ok_ = true;
};

}  // namespace elegy::bench

#endif  // ELEGY_BENCH_SUPPORT_REPORT_H_
