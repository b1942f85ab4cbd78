// cppgc as the Memory of the common workloads; see workloads/memory.h. An object of a workload is
// the value of a garbage-collected one, at the same address.

#ifndef ELEGY_BENCH_PEERS_CPPGC_MEMORY_H_
#define ELEGY_BENCH_PEERS_CPPGC_MEMORY_H_

#include <array>
#include <cstddef>
#include <cstdlib>
#include <memory>
#include <utility>
#include <vector>

#include <cppgc/allocation.h>
#include <cppgc/garbage-collected.h>
#include <cppgc/member.h>
#include <cppgc/persistent.h>
#include <cppgc/visitor.h>

#include "bench/peers/cppgc_runtime.h"
#include "bench/support/publish.h"
#include "bench/workloads/binary_trees.h"
#include "bench/workloads/churn.h"
#include "bench/workloads/fragment.h"
#include "bench/workloads/memory.h"

namespace elegy::bench {

template <class T>
class CppgcObject final : public cppgc::GarbageCollected<CppgcObject<T>> {
 public:
  template <class... Args>
  explicit CppgcObject(Args&&... args) : value_{std::forward<Args>(args)...} {}

  static CppgcObject* Of(T* value) { return reinterpret_cast<CppgcObject*>(value); }
  T* value() { return &value_; }

  void Trace(cppgc::Visitor* visitor) const { TraceSlots(visitor, value_); }

 private:
  T value_;
};

// A reference by way of Pointer<CppgcObject<T>>.
template <class T, template <class> class Pointer>
class CppgcReference {
 public:
  CppgcReference() = default;
  CppgcReference(T* value) : pointer_(CppgcObject<T>::Of(value)) {}  // NOLINT: converts, as T* does

  T* get() const { return reinterpret_cast<T*>(pointer_.Get()); }
  operator T*() const { return get(); }  // NOLINT: converts, as T* does
  T* operator->() const { return get(); }

  const Pointer<CppgcObject<T>>& pointer() const { return pointer_; }

 private:
  Pointer<CppgcObject<T>> pointer_;
};

template <class T>
using CppgcMember = cppgc::Member<T>;
template <class T>
using CppgcPersistent = cppgc::Persistent<T>;
template <class T>
using CppgcRef = CppgcReference<T, CppgcMember>;

// A part of a table small enough to be marked in one step.
template <class T>
class CppgcChunk final : public cppgc::GarbageCollected<CppgcChunk<T>> {
 public:
  static constexpr std::size_t kSlots = 4096;

  void Trace(cppgc::Visitor* visitor) const {
    for (const CppgcRef<T>& slot : slots) visitor->Trace(slot.pointer());
  }

  std::array<CppgcRef<T>, kSlots> slots;
};

class CppgcMemory {
 public:
  template <class T>
  using Local = T*;
  template <class T>
  using Ref = CppgcRef<T>;
  template <class T>
  using Root = CppgcReference<T, CppgcPersistent>;
  using Numbers = std::unique_ptr<double[]>;

  template <class T>
  class Table {
   public:
    using Chunk = CppgcChunk<T>;

    explicit Table(std::size_t length) {
      for (std::size_t slots = 0; slots < length; slots += Chunk::kSlots) {
        chunks_.emplace_back(cppgc::MakeGarbageCollected<Chunk>(CppgcRuntime::allocation()));
      }
    }
    CppgcRef<T>& operator[](std::size_t index) const {
      return chunks_[index / Chunk::kSlots]->slots[index % Chunk::kSlots];
    }

   private:
    std::vector<cppgc::Persistent<Chunk>> chunks_;
  };

  template <class T, class... Args>
  static T* Make(Args&&... args) {
    CppgcRuntime::tasks().RunOne();
    return cppgc::MakeGarbageCollected<CppgcObject<T>>(CppgcRuntime::allocation(),
                                                       std::forward<Args>(args)...)
        ->value();
  }
  template <class T>
  static Table<T> MakeTable(std::size_t length) {
    return Table<T>(length);
  }
  static Numbers MakeNumbers(std::size_t length) { return std::make_unique<double[]>(length); }

  // A heap belongs to one thread: no workload with several gets here.
  template <class Body>
  [[noreturn]] static void Threads(int, const Body&) {
    std::abort();
  }

  template <class T>
  static void KeepAlive(const T& owner) {
    Publish(&owner);
  }

  static void Collect() { CppgcRuntime::Collect(); }
};

inline void TraceSlots(cppgc::Visitor* visitor, const PairNode<CppgcMemory>& node) {
  visitor->Trace(node.left.pointer());
  visitor->Trace(node.right.pointer());
}

inline void TraceSlots(cppgc::Visitor* visitor, const TreeNode<CppgcMemory>& node) {
  visitor->Trace(node.left.pointer());
  visitor->Trace(node.right.pointer());
}

inline void TraceSlots(cppgc::Visitor* visitor, const ChurnNode<CppgcMemory>& node) {
  visitor->Trace(node.next.pointer());
  visitor->Trace(node.second.pointer());
  visitor->Trace(node.third.pointer());
}

template <std::size_t kWords>
void TraceSlots(cppgc::Visitor*, const SizedNode<kWords>&) {}

}  // namespace elegy::bench

#endif  // ELEGY_BENCH_PEERS_CPPGC_MEMORY_H_
