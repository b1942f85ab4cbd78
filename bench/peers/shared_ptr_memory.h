// std::shared_ptr as the Memory of the common workloads; see workloads/memory.h.

#ifndef ELEGY_BENCH_PEERS_SHARED_PTR_MEMORY_H_
#define ELEGY_BENCH_PEERS_SHARED_PTR_MEMORY_H_

#include <cstddef>
#include <memory>
#include <thread>
#include <utility>
#include <vector>

namespace elegy::bench {

class SharedPtrMemory {
 public:
  template <class T>
  using Local = std::shared_ptr<T>;
  template <class T>
  using Ref = std::shared_ptr<T>;
  template <class T>
  using Root = std::shared_ptr<T>;
  using Numbers = std::unique_ptr<double[]>;

  template <class T>
  class Table {
   public:
    explicit Table(std::size_t length) : slots_(new std::shared_ptr<T>[length]) {}
    std::shared_ptr<T>& operator[](std::size_t index) const { return slots_[index]; }

   private:
    std::unique_ptr<std::shared_ptr<T>[]> slots_;
  };

  template <class T, class... Args>
  static std::shared_ptr<T> Make(Args&&... args) {
    return std::make_shared<T>(T{std::forward<Args>(args)...});
  }
  template <class T>
  static Table<T> MakeTable(std::size_t length) {
    return Table<T>(length);
  }
  static Numbers MakeNumbers(std::size_t length) { return std::make_unique<double[]>(length); }

  template <class Body>
  static void Threads(int count, const Body& body) {
    std::vector<std::thread> threads;
    for (int i = 0; i < count; ++i) {
      threads.emplace_back([&body, i] { body(SharedPtrMemory(), i); });
    }
    for (std::thread& thread : threads) thread.join();
  }

  template <class T>
  static void KeepAlive(const T&) {}  // whatever owns an object keeps it alive
};

}  // namespace elegy::bench

#endif  // ELEGY_BENCH_PEERS_SHARED_PTR_MEMORY_H_
