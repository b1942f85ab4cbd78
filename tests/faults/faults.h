// Requests for memory and threads that fail when a test says so.
//
// In this executable the global operator new, the library's mmap and mprotect, and pthread_create
// go through faults.cc. Only the requests of the thread that holds a Faults, made inside Try, are
// counted and fail: the collector's own threads get what they ask for, since running out of memory
// there is fatal by contract.

#ifndef ELEGY_TESTS_FAULTS_FAULTS_H_
#define ELEGY_TESTS_FAULTS_FAULTS_H_

#include <cstddef>
#include <new>
#include <utility>

namespace elegy::test {

class Faults {
 public:
  enum class Extent {
    kOne,       // that request alone
    kFromThen,  // it and all that follow, until Try returns
  };

  // The n-th request from now on is to fail; n from 1.
  Faults(std::size_t n, Extent extent);
  Faults(const Faults&) = delete;
  Faults& operator=(const Faults&) = delete;
  ~Faults();

  // Calls f. False if std::bad_alloc has left it.
  template <class F>
  bool Try(F&& f) {
    const Counting counting;
    try {
      std::forward<F>(f)();
      return true;
    } catch (const std::bad_alloc&) {
      return false;
    }
  }

  // Whether the request that was to fail has been made.
  bool Struck() const;

 private:
  class Counting {
   public:
    Counting();
    Counting(const Counting&) = delete;
    Counting& operator=(const Counting&) = delete;
    ~Counting();
  };
};

// From now on, the calling thread's n-th attempt to start a thread fails; 0: none.
void FailThreadStart(std::size_t n);

}  // namespace elegy::test

#endif  // ELEGY_TESTS_FAULTS_FAULTS_H_
