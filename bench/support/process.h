// What the operating system says about this process.

#ifndef ELEGY_BENCH_SUPPORT_PROCESS_H_
#define ELEGY_BENCH_SUPPORT_PROCESS_H_

namespace elegy::bench {

// User and system time of all threads since the process began.
double CpuSeconds();

// Resident memory, now and at its highest, in MiB.
double ResidentMib();
double PeakResidentMib();

}  // namespace elegy::bench

#endif  // ELEGY_BENCH_SUPPORT_PROCESS_H_
