// elegy as the Memory of the common workloads; see memory.h.

#ifndef ELEGY_BENCH_WORKLOADS_ELEGY_MEMORY_H_
#define ELEGY_BENCH_WORKLOADS_ELEGY_MEMORY_H_

#include <cstddef>
#include <thread>
#include <utility>
#include <vector>

#include <elegy/elegy.h>

namespace elegy::bench {

class ElegyMemory {
 public:
  template <class T>
  using Local = T*;
  template <class T>
  using Ref = Member<T>;
  template <class T>
  using Root = Persistent<T>;

  // An array on the stack's side: a pointer that the stack scan finds.
  template <class Slot>
  class Slots {
   public:
    explicit Slots(Array<Slot>* array) : array_(array) {}
    Slot& operator[](std::size_t index) const { return (*array_)[index]; }
    Array<Slot>* get() const { return array_; }

   private:
    Array<Slot>* array_;
  };
  template <class T>
  using Table = Slots<Member<T>>;
  using Numbers = Slots<double>;

  ElegyMemory(Heap& heap, Mutator& mutator) : heap_(&heap), mutator_(&mutator) {}

  Heap& heap() const { return *heap_; }
  Mutator& mutator() const { return *mutator_; }

  template <class T, class... Args>
  T* Make(Args&&... args) const {
    return mutator_->Make<T>(std::forward<Args>(args)...);
  }
  template <class T>
  Table<T> MakeTable(std::size_t length) const {
    return Table<T>(mutator_->MakeArray<Member<T>>(length));
  }
  Numbers MakeNumbers(std::size_t length) const {
    return Numbers(mutator_->MakeArray<double>(length));
  }

  // The calling thread waits blocked: no collection waits for it.
  template <class Body>
  void Threads(int count, const Body& body) const {
    const BlockingRegion region(*mutator_);
    std::vector<std::thread> threads;
    for (int i = 0; i < count; ++i) {
      threads.emplace_back([heap = heap_, &body, i] {
        Mutator mutator(*heap);
        body(ElegyMemory(*heap, mutator), i);
      });
    }
    for (std::thread& thread : threads) thread.join();
  }

  template <class T>
  static void KeepAlive(const T* object) {
    elegy::KeepAlive(object);
  }
  template <class Slot>
  static void KeepAlive(const Slots<Slot>& slots) {
    elegy::KeepAlive(slots.get());
  }

  // Without the calling thread's stack: Roots alone keep objects alive.
  void Collect() const { heap_->Collect(StackState::kNoPointers); }

 private:
  Heap* heap_;
  Mutator* mutator_;
};

}  // namespace elegy::bench

#endif  // ELEGY_BENCH_WORKLOADS_ELEGY_MEMORY_H_
