#include "bench/support/flags.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdio>
#include <cstdlib>
#include <utility>

namespace elegy::bench {
namespace {

using FlagHelp = std::pair<std::string_view, const char*>;

constexpr std::array kFlagHelp = {
    FlagHelp{"objects", "objects of alloc32, finalize, finalize-beside, deref, ephemeron, mark, …"},
    FlagHelp{"length", "entries of each chain of ephemeron-chain"},
    FlagHelp{"maps", "maps that each chain of ephemeron-chain goes through by turns"},
    FlagHelp{"backwards", "ephemeron-chain only: 1 inserts each chain's last entry first"},
    FlagHelp{"depth", "tree depth of binary-trees, stretch depth of gcbench"},
    FlagHelp{"threads",
             "mutators of binary-trees-mt, by default 2, of binary-trees and churn, by default 1"},
    FlagHelp{"live_mib",
             "live nodes of churn, finalize-beside, fragment, also given as the second word"},
    FlagHelp{"operations", "operations of churn"},
    FlagHelp{"survivors",
             "percentage of fragment's objects that live until their size comes again"},
    FlagHelp{"passes",
             "how often deref reads, ephemeron-chain collects, finalize-beside drops, fragment "
             "goes through its sizes"},
    FlagHelp{"rounds", "how often the workload runs in this process"},
    FlagHelp{"milliseconds", "how long the noise program, or a part of finalize-beside, lasts"},
    FlagHelp{"initial_heap_mib", "heap size about which the first collection starts"},
    FlagHelp{"max_heap_mib", "limit of the heap, 0 for the collector's own"},
    FlagHelp{"marker_threads", "marker threads, 0 for the collector's own choice"},
    FlagHelp{"single_threaded", "shared_ptr only: 1 lets it count without atomic operations"},
};

[[noreturn]] void FailWithUsage(std::string_view problem) {
  std::fprintf(stderr, "%.*s\nusage: WORKLOAD [LIVE_MIB] [--name=number ...]\n",
               static_cast<int>(problem.size()), problem.data());
  for (const auto& [name, help] : kFlagHelp) {
    std::fprintf(stderr, "  --%-18.*s%s\n", static_cast<int>(name.size()), name.data(), help);
  }
  std::exit(2);  // NOLINT(concurrency-mt-unsafe): there is only one thread yet
}

}  // namespace

Flags::Flags(int argc, char** argv) {
  for (int i = 1; i < argc; ++i) {
    const std::string_view word = argv[i];
    const std::size_t equals = word.find('=');
    if (word.starts_with("--") && equals != std::string_view::npos) {
      ParseNumber(word.substr(2, equals - 2), word.substr(equals + 1));
    } else if (word.starts_with("-")) {
      FailWithUsage("a flag needs a number: " + std::string(word));
    } else if (workload_.empty()) {
      workload_ = word;
    } else {
      ParseNumber("live_mib", word);
    }
  }
}

std::uint64_t Flags::Get(std::string_view name, std::uint64_t fallback) const {
  const auto found = numbers_.find(name);
  return found == numbers_.end() ? fallback : found->second;
}

void Flags::ParseNumber(std::string_view name, std::string_view text) {
  const bool known = std::any_of(kFlagHelp.begin(), kFlagHelp.end(),
                                 [name](const FlagHelp& flag) { return flag.first == name; });
  if (!known) FailWithUsage("unknown flag: " + std::string(name));
  std::uint64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size()) {
    FailWithUsage("not a number: " + std::string(text));
  }
  numbers_.insert_or_assign(std::string(name), number);
}

}  // namespace elegy::bench
