// Keeps the optimiser from removing an object that nobody uses.

#ifndef ELEGY_BENCH_SUPPORT_PUBLISH_H_
#define ELEGY_BENCH_SUPPORT_PUBLISH_H_

namespace elegy::bench {

// The compiler has to assume that somebody reads the object through `pointer` here.
inline void Publish(const void* pointer) { asm volatile("" : : "r"(pointer) : "memory"); }

}  // namespace elegy::bench

#endif  // ELEGY_BENCH_SUPPORT_PUBLISH_H_
