#include "examples/photo_collage/comparison.h"

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <functional>
#include <string>
#include <vector>

#include <elegy/elegy.h>

#include "absl/strings/str_format.h"
#include "examples/photo_collage/complain.h"
#include "examples/photo_collage/event_log.h"
#include "examples/photo_collage/gallery.h"
#include "examples/photo_collage/image_cache.h"
#include "examples/photo_collage/options.h"
#include "examples/photo_collage/pixel_ledger.h"

namespace photo_collage {
namespace {

struct Row {
  const char* label;
  std::function<std::string(const RunResult&)> value;
};

template <class Field>
std::function<std::string(const RunResult&)> Count(Field field) {
  return [field](const RunResult& run) { return absl::StrFormat("%d", field(run)); };
}

void PrintTable(const std::vector<RunResult>& runs) {
  const std::vector<Row> rows = {
      {"images fetched", Count([](const RunResult& run) { return run.events.fetched; })},
      {"images cached", Count([](const RunResult& run) { return run.events.cached; })},
      {"images cleaned", Count([](const RunResult& run) { return run.events.cleaned(); })},
      {"  collected", Count([](const RunResult& run) { return run.events.collected; })},
      {"  closed", Count([](const RunResult& run) { return run.events.closed; })},
      {"  at shutdown", Count([](const RunResult& run) { return run.events.shutdown; })},
      {"  re-added meanwhile", Count([](const RunResult& run) { return run.events.readded; })},
      {"collections", Count([](const RunResult& run) { return run.collections; })},
      {"peak native bytes", Count([](const RunResult& run) { return run.pixels.peak_bytes; })},
      {"seconds", [](const RunResult& run) { return absl::StrFormat("%.2f", run.seconds); }},
  };
  std::printf("\n%-22s%16s%16s%16s\n", "", "weak cache,", "weak cache,", "strong cache");
  std::printf("%-22s%16s%16s%16s\n", "", "heap told", "heap not told", "");
  for (const Row& row : rows) {
    std::printf("%-22s", row.label);
    for (const RunResult& run : runs) std::printf("%16s", row.value(run).c_str());
    std::printf("\n");
  }
}

// The verdict over all runs.
bool PrintVerdict(const std::vector<RunResult>& runs) {
  std::uint64_t leaked = 0;
  std::uint64_t freed_twice = 0;
  for (const RunResult& run : runs) {
    leaked += run.pixels.leaked();
    freed_twice += run.pixels.freed_twice;
  }
  std::printf("leaked: %d, freed twice: %d\n", static_cast<int>(leaked),
              static_cast<int>(freed_twice));
  return std::all_of(runs.begin(), runs.end(), [](const RunResult& run) { return run.Clean(); });
}

}  // namespace

RunResult RunOnce(const Options& options, CachePolicy policy, const std::string& out,
                  std::vector<std::string>& library) {
  const auto start = std::chrono::steady_clock::now();
  RunResult result;
  PixelLedger ledger;
  EventLog log(/*print=*/!out.empty() || options.verbose);
  // To mark a few hundred wrappers takes microseconds: better to collect often than to keep pixels.
  elegy::Heap heap({.initial_heap_bytes = static_cast<std::size_t>(options.heap_mib) << 20,
                    .growth_factor = 1.5});
  {
    elegy::Mutator mutator(heap);
    Gallery gallery(heap, mutator,
                    {.cache = policy,
                     .threads = options.threads,
                     .photos = options.photos,
                     .width = options.width,
                     .out = out},
                    ledger, log);
    gallery.OpenLibrary(library);
    for (int round = 0; round < options.rounds && !library.empty(); ++round) {
      gallery.RunRound(round);
    }
    gallery.Leave();
    mutator.EndTurn(elegy::StackState::kNoPointers);
    // Every image that is left gets its callback, here and now.
    heap.Shutdown(elegy::ShutdownPolicy::kDeliverAll);
    result.collages = gallery.collages();
    result.unwritten = gallery.unwritten();
  }
  result.collections = heap.Stats().cycles;
  result.events = log.counts();
  result.pixels = ledger.counts();
  result.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  return result;
}

int Compare(const Options& options, std::vector<std::string> library) {
  std::vector<RunResult> runs;
  std::printf("-- weak cache, heap told of the pixels\n");
  runs.push_back(
      RunOnce(options, {.hold_strongly = false, .tell_bytes = true}, options.out, library));
  if (library.empty()) {
    Complain(options.folders.front(), "none of the photos found can be read");
    return 1;
  }
  std::printf("-- weak cache, heap not told\n");
  runs.push_back(RunOnce(options, {.hold_strongly = false, .tell_bytes = false}, "", library));
  std::printf("-- strong cache\n");
  runs.push_back(RunOnce(options, {.hold_strongly = true, .tell_bytes = true}, "", library));
  PrintTable(runs);
  const bool clean = PrintVerdict(runs);
  return clean && runs.front().unwritten == 0 ? 0 : 1;
}

}  // namespace photo_collage
