// The command line of a benchmark program: WORKLOAD [LIVE_MIB] [--name=number ...].

#ifndef ELEGY_BENCH_SUPPORT_FLAGS_H_
#define ELEGY_BENCH_SUPPORT_FLAGS_H_

#include <cstdint>
#include <map>
#include <string>
#include <string_view>

namespace elegy::bench {

class Flags {
 public:
  // Explains itself and exits with status 2 when the command line is wrong.
  Flags(int argc, char** argv);

  // Empty if the command line names none.
  const std::string& workload() const { return workload_; }

  // The number given with --name, or `fallback`.
  std::uint64_t Get(std::string_view name, std::uint64_t fallback) const;

 private:
  void ParseNumber(std::string_view name, std::string_view text);

  std::string workload_;
  std::map<std::string, std::uint64_t, std::less<>> numbers_;
};

}  // namespace elegy::bench

#endif  // ELEGY_BENCH_SUPPORT_FLAGS_H_
