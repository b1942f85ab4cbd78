// Stops a thread at the very instruction that stores to a slot: the slot's page is made read-only,
// and the handler of the fault waits.

#ifndef ELEGY_TESTS_SUPPORT_STORE_TRAP_H_
#define ELEGY_TESTS_SUPPORT_STORE_TRAP_H_

#include <cstddef>
#include <functional>

namespace elegy::test {

// What happens to one thread inside Run: its first store to a protected page waits for Release.
class StoreTrap {
 public:
  StoreTrap();
  StoreTrap(const StoreTrap&) = delete;
  StoreTrap& operator=(const StoreTrap&) = delete;
  ~StoreTrap();

  // On the thread that is to be stopped.
  void Run(const std::function<void()>& f);
  // On another: returns when that thread stands at its store.
  void AwaitStopped();
  // The page must be writable again.
  void Release();

 private:
  friend struct StoreTrapHandler;
  struct State;
  State* const state_;
};

// The page that an address lies in.
void ProtectPage(const void* address, bool writable);

}  // namespace elegy::test

#endif  // ELEGY_TESTS_SUPPORT_STORE_TRAP_H_
