// One call of a factory while other threads that want the same object wait for it.

#ifndef ELEGY_INTERNAL_FLIGHT_H_
#define ELEGY_INTERNAL_FLIGHT_H_

namespace elegy::internal {

// What a thread waits for, if for anything.
struct FlightTraveller;

// A factory call that the thread which makes this object is about to run.
//
// Thread-safe. Who waits keeps the flight alive.
class Flight {
 public:
  Flight();
  Flight(const Flight&) = delete;
  Flight& operator=(const Flight&) = delete;

  // Returns true when the call is over. False at once if it never would be while this thread waits:
  // the call waits for this thread, directly or through others; or it began in another process, of
  // which this one is a forked child, where its thread may have vanished. The current mutator is
  // blocked meanwhile: a safepoint.
  bool Await();
  // The call is over.
  void Land();

 private:
  const FlightTraveller* const maker_;
  const int process_;
  bool over_ = false;
};

}  // namespace elegy::internal

#endif  // ELEGY_INTERNAL_FLIGHT_H_
