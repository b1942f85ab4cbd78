#include "bench/support/process.h"

#include <sys/resource.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>
#include <string>
#include <string_view>

namespace elegy::bench {
namespace {

constexpr double kKibPerMib = 1024.0;
constexpr double kBytesPerMib = 1024.0 * kKibPerMib;
constexpr std::string_view kPeakKey = "VmHWM:";

double Seconds(const timeval& time) {
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) * 1e-6;
}

}  // namespace

double CpuSeconds() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return Seconds(usage.ru_utime) + Seconds(usage.ru_stime);
}

double ResidentMib() {
  std::ifstream statm("/proc/self/statm");
  double total_pages = 0;
  double resident_pages = 0;
  statm >> total_pages >> resident_pages;
  return resident_pages * static_cast<double>(sysconf(_SC_PAGESIZE)) / kBytesPerMib;
}

// getrusage() would answer with the peak of the program that started this one, if that was higher.
double PeakResidentMib() {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);) {
    if (!line.starts_with(kPeakKey)) continue;
    return std::strtod(line.c_str() + kPeakKey.size(), nullptr) / kKibPerMib;
  }
  return 0;
}

}  // namespace elegy::bench
