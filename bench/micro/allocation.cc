// Allocation of objects that nobody retains.

#include <array>
#include <cstddef>
#include <cstdint>

#include <benchmark/benchmark.h>

#include "bench/micro/fixture.h"

namespace elegy::bench {
namespace {

// One slot; the rest are numbers.
template <std::size_t kBytes>
struct Sized {
  Member<Sized> next{};
  std::array<std::uint64_t, kBytes / 8 - 1> numbers{};
};

template <std::size_t kBytes>
void BM_Allocate(benchmark::State& state) {
  static_assert(sizeof(Sized<kBytes>) == kBytes);
  AttachedHeap attached;
  for (auto _ : state) {
    benchmark::DoNotOptimize(attached.mutator.Make<Sized<kBytes>>());
  }
  state.SetBytesProcessed(static_cast<std::int64_t>(state.iterations() * kBytes));
}
BENCHMARK_TEMPLATE(BM_Allocate, 16);
BENCHMARK_TEMPLATE(BM_Allocate, 32);
BENCHMARK_TEMPLATE(BM_Allocate, 64);
BENCHMARK_TEMPLATE(BM_Allocate, 256);

// The free function finds its mutator first.
void BM_AllocateOnCurrentMutator(benchmark::State& state) {
  const AttachedHeap attached;
  for (auto _ : state) benchmark::DoNotOptimize(Make<Sized<32>>());
}
BENCHMARK(BM_AllocateOnCurrentMutator);

}  // namespace
}  // namespace elegy::bench
