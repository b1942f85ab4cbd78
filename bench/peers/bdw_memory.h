// The Boehm-Demers-Weiser collector as the Memory of the common workloads; see workloads/memory.h.

#ifndef ELEGY_BENCH_PEERS_BDW_MEMORY_H_
#define ELEGY_BENCH_PEERS_BDW_MEMORY_H_

#include <cstddef>
#include <new>
#include <thread>
#include <utility>
#include <vector>

#ifndef GC_THREADS
#define GC_THREADS
#endif
#include <gc/gc.h>

namespace elegy::bench {

class BdwMemory {
 public:
  template <class T>
  using Local = T*;
  template <class T>
  using Ref = T*;
  template <class T>
  using Root = T*;  // on the stack, which every collection scans
  template <class T>
  using Table = T**;
  using Numbers = double*;

  template <class T, class... Args>
  static T* Make(Args&&... args) {
    return new (Checked(GC_MALLOC(sizeof(T)))) T{std::forward<Args>(args)...};
  }
  template <class T>
  static T** MakeTable(std::size_t length) {
    return static_cast<T**>(Checked(GC_MALLOC(length * sizeof(T*))));
  }
  static double* MakeNumbers(std::size_t length) {
    void* numbers = Checked(GC_MALLOC_ATOMIC(length * sizeof(double)));
    return new (numbers) double[length]();
  }

  template <class Body>
  static void Threads(int count, const Body& body) {
    std::vector<std::thread> threads;
    for (int i = 0; i < count; ++i) {
      threads.emplace_back([&body, i] {
        GC_stack_base base;
        GC_get_stack_base(&base);
        GC_register_my_thread(&base);
        body(BdwMemory(), i);
        GC_unregister_my_thread();
      });
    }
    for (std::thread& thread : threads) thread.join();
  }

  static void KeepAlive(const void* object) { GC_reachable_here(const_cast<void*>(object)); }

  static void Collect() { GC_gcollect(); }

 private:
  static void* Checked(void* memory) {
    if (memory == nullptr) throw std::bad_alloc();
    return memory;
  }
};

}  // namespace elegy::bench

#endif  // ELEGY_BENCH_PEERS_BDW_MEMORY_H_
