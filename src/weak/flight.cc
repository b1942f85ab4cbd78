// Flights of all heaps share one lock, because a thread may wait in one cache for a factory that
// waits in another: whether that closes a circle is seen only by who sees them all. A thread waits
// for one flight at most, and a flight has one maker, so the way from a flight to its maker, to
// what that one waits for, and so on does not fork; no circle is ever closed, so it ends. In a
// forked child nobody waits for a flight of the parent's, whose maker may be gone.
//
// The lock is taken around factory calls alone, not by look-ups, and no safepoint lies within it.

#include "elegy/internal/flight.h"

#include "elegy/internal/mutex.h"
#include "src/mutator/handshake.h"
#include "src/mutator/mutator_impl.h"
#include "src/platform/platform.h"

namespace elegy::internal {

struct FlightTraveller {
  const Flight* waits_for = nullptr;
};

namespace {

// Never destroyed: caches may be used while a process ends.
struct Airport {
  Mutex mutex;
  Condition landed;
};
Airport& TheAirport() {
  static Airport& airport = *new Airport;
  return airport;
}

thread_local FlightTraveller t_traveller;

}  // namespace

Flight::Flight() : maker_(&t_traveller), process_(platform::ProcessId()) {}

[[gnu::noinline]] bool Flight::Await() {
  if (process_ != platform::ProcessId()) return false;
  MutatorImpl& mutator = CurrentImpl();
  CheckUse(mutator);
  Airport& airport = TheAirport();
  EnterBlocked(mutator, __builtin_frame_address(0));
  bool waited = true;
  {
    MutexLock lock(airport.mutex);
    const Flight* flight = this;
    while (waited && flight != nullptr && !flight->over_) {
      waited = flight->maker_ != &t_traveller;
      flight = flight->maker_->waits_for;
    }
    if (waited) {
      t_traveller.waits_for = this;
      while (!over_) airport.landed.Wait(airport.mutex);
      t_traveller.waits_for = nullptr;
    }
  }
  LeaveBlocked(mutator);
  return waited;
}

void Flight::Land() {
  Airport& airport = TheAirport();
  {
    MutexLock lock(airport.mutex);
    over_ = true;
  }
  airport.landed.NotifyAll();
}

}  // namespace elegy::internal
