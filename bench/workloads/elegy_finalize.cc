#include <cstddef>
#include <cstdint>

#include "bench/support/clock.h"
#include "bench/support/process.h"
#include "bench/workloads/elegy_registered.h"
#include "bench/workloads/elegy_weak.h"

namespace elegy::bench {

void Finalize::Run(ElegyMemory memory, const Flags& flags, Report& report) {
  const std::uint64_t objects = flags.Get("objects", 1'000'000);
  const auto per_object = 1e9 / static_cast<double>(objects);
  const bool is_first = registry_ == nullptr;
  if (is_first) {
    registry_ = memory.Make<NumberRegistry>([this](std::int64_t held) {
      ++callbacks_;
      sum_ += held;
    });
  }
  callbacks_ = 0;
  sum_ = 0;
  const Stopwatch making;
  Persistent<PairNodes> nodes = MakePairNodes(memory, objects);
  const double make_seconds = making.Seconds();
  memory.Collect();

  const double resident_before = ResidentMib();
  const Stopwatch registering;
  report.Check(RegisterAll(registry_.get(), nodes.get()), "every object can be registered");
  const double register_seconds = registering.Seconds();
  const double resident_after = ResidentMib();

  const Stopwatch finalizing;
  nodes = nullptr;
  memory.Collect();
  const double collect_seconds = finalizing.Seconds();
  memory.mutator().DrainFinalization();
  const double seconds = finalizing.Seconds();

  report.Measured(seconds, objects);
  report.Number("register_ns", register_seconds * per_object);
  report.Number("make_and_register_ns", (make_seconds + register_seconds) * per_object);
  report.Number("collect_ms", collect_seconds * 1e3);
  report.Number("drain_ns", (seconds - collect_seconds) * per_object);
  if (is_first) {
    report.Number("bytes_per_registration",
                  (resident_after - resident_before) * 1048576.0 / static_cast<double>(objects));
  }
  const auto count = static_cast<std::int64_t>(objects);
  report.Check(callbacks_ == objects, "every callback runs once");
  report.Check(sum_ == count * (count - 1) / 2, "every held value is delivered");
}

}  // namespace elegy::bench
