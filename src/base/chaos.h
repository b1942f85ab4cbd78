// Seeded chaos, for tests: delays at named points of the protocols, so that threads meet in windows
// that are a few instructions long.
//
// A build with ELEGY_CHAOS has a point wherever the code says ELEGY_CHAOS_POINT; in every other
// build that says nothing. Points are passed over until StartChaos. From then on the seed gives
// each point a rate of its own: some never delay, some delay every eighth passage, so that one
// window is long while the others stay short; a thread that has been delayed often is delayed more
// seldom. Whether a passage is delayed and how (a spin, a yield, a short sleep) is drawn from a
// generator of its thread, made of the seed and of the thread's place in the order of first
// passages. So a seed repeats the decisions, as far as threads come along in the same order; when
// they meet is still the machine's.
//
// A delay is no safepoint, touches nothing of the heap and changes no memory order but by taking
// time: a point may stand anywhere, between a barrier and its store and under a lock, too.
//
// A test that needs one order of events has a function called when a thread next passes a point.
//
// Thread-safe.

#ifndef ELEGY_SRC_BASE_CHAOS_H_
#define ELEGY_SRC_BASE_CHAOS_H_

#include <cstdint>
#include <string_view>

#ifdef ELEGY_CHAOS

namespace elegy::internal {

// Begins, or begins anew: every thread's generator is made again.
void StartChaos(std::uint64_t seed);

// The next thread that passes this point calls act(context) there, once. One such wish at a time,
// the last; with a null `act`, none. Whether the one before is still open, and now off.
bool AtNextPassage(std::uint64_t point, void (*act)(void*), void* context);

void PassChaosPoint(std::uint64_t point);

// FNV-1a, when compiling.
consteval std::uint64_t ChaosPointOf(std::string_view name) {
  std::uint64_t hash = 0xCBF29CE484222325;
  for (const char c : name) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001B3;
  return hash;
}

}  // namespace elegy::internal

#define ELEGY_CHAOS_POINT(name) \
  ::elegy::internal::PassChaosPoint(::elegy::internal::ChaosPointOf(name))

#else

namespace elegy::internal {
inline void StartChaos(std::uint64_t) {}
}  // namespace elegy::internal

#define ELEGY_CHAOS_POINT(name) static_cast<void>(0)

#endif

#endif  // ELEGY_SRC_BASE_CHAOS_H_
