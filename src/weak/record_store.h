// A registry's records: where they lie, which are free, and what only some of them have.
//
// Records lie in slabs that double in size up to kMostSlabBytes; large ones lie on huge pages, for
// fresh memory in small pages would take most of the time of a registration. A record's memory is
// first touched when it is first used or reserved, and is given back with the store. A token and
// external bytes stand beside, in an Extra, so that a record without them, and with a held value of
// 8 bytes, takes 40 bytes.
//
// A store may outlive its heap; the registry's end gives back what it has taken of the limit.
//
// Everything is guarded by the registry's lock, but for a record that is filling: it is its
// thread's, which may make it live without the lock. What may fail comes before what may not: Next
// and NewExtra change nothing that has to be undone but by FreeExtra.

#ifndef ELEGY_SRC_WEAK_RECORD_STORE_H_
#define ELEGY_SRC_WEAK_RECORD_STORE_H_

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <vector>

#include "elegy/internal/registry_core.h"
#include "src/heap/heap_state.h"

namespace elegy::internal {

struct Record {
  enum class State : std::uint8_t {
    kFree,
    kFilling,
    kLive,
    kQueued,
    kRunning,
    kEnding,
    kDone,
  };

  // Live or queued: can still be cancelled, dropped, or run.
  bool CanEnd() const {
    const State now = GetState();
    return now == State::kLive || now == State::kQueued;
  }

  // Acquire: pairs with MakeLive. All other changes are made under the lock.
  State GetState() const { return state.load(std::memory_order_acquire); }
  void SetState(State to) { state.store(to, std::memory_order_relaxed); }  // under the lock
  // By the thread that has filled it. Release: pairs with GetState.
  void MakeLive() { state.store(State::kLive, std::memory_order_release); }

  union {
    void* target = nullptr;  // the object's start
    Record* next;            // of the free ones, those reserved, or those that end together
  };
  std::uint64_t generation : 48 = 0;  // of the record's uses
  std::atomic<State> state{State::kFree};
  bool in_queue = false;  // a batch names it
  const char* file = "";
  int line = 0;
  std::uint32_t extra = 0;  // 0: none
};
static_assert(sizeof(Record) == 32);

class RecordStore {
 public:
  // How many records a Walk visits at once, at most.
  static constexpr std::size_t kPart = 256;

  struct Extra {
    void* token = nullptr;  // the object's start; null: none, or dead
    std::size_t external_bytes = 0;
    std::uint32_t place = 0;  // among the records of its token; of a free one, the next of those
    bool is_pending = false;  // counted in Accounting::pending_external
  };

  // Of records that take so many bytes each, their held values behind them.
  RecordStore(HeapState& heap, std::size_t record_bytes);
  RecordStore(const RecordStore&) = delete;
  RecordStore& operator=(const RecordStore&) = delete;
  ~RecordStore();

  // The record that Take is to take. Throws std::bad_alloc, also where the heap's limit is reached.
  Record& Next() { return free_ != nullptr ? *free_ : NextFresh(); }
  void Take(Record& record) {
    if (&record == free_) {
      free_ = record.next;
    } else {
      slabs_.back().used++;
    }
  }
  std::size_t record_bytes() const { return record_bytes_; }
  // Whether Next needs no memory.
  bool HasNext() const {
    return free_ != nullptr || (!slabs_.empty() && slabs_.back().used < slabs_.back().capacity);
  }
  // What counts towards the heap's limit.
  std::size_t bytes() const { return bytes_; }

  // Makes all names of the record's use void.
  void Free(Record& record) {
    record.SetState(Record::State::kFree);
    record.generation++;
    record.next = free_;
    free_ = &record;
  }

  // Throws std::bad_alloc.
  std::uint32_t NewExtra(void* token, std::size_t external_bytes);
  void FreeExtra(Record& record);
  Extra* ExtraOf(const Record& record) {
    return record.extra == 0 ? nullptr : &extras_[record.extra - 1];
  }
  void* TokenOf(const Record& record) {
    return record.extra == 0 ? nullptr : ExtraOf(record)->token;
  }
  std::size_t ExternalBytesOf(const Record& record) {
    return record.extra == 0 ? 0 : ExtraOf(record)->external_bytes;
  }

  // A walk over all records that there are when it begins. The lock may be let go between two
  // parts: what is registered meanwhile is not waited for, or there would be no end. Its target and
  // value are held by who registers, and so marked or shaded.
  class Walk {
   public:
    // Calls `visit` with the next records, and moves on. False if there are none.
    template <class Visit>
    bool VisitSome(RecordStore& store, Visit visit) {
      if (slabs_ == 0 && !store.slabs_.empty()) {
        slabs_ = store.slabs_.size();
        used_of_last_ = store.slabs_.back().used;
      }
      while (slab_ < slabs_ && index_ == UsedOf(store)) {
        slab_++;
        index_ = 0;
      }
      if (slab_ == slabs_) return false;
      const Slab& slab = store.slabs_[slab_];
      const std::size_t end = std::min(index_ + kPart, UsedOf(store));
      for (; index_ < end; index_++) visit(store.At(slab, index_));
      return true;
    }

   private:
    std::size_t UsedOf(const RecordStore& store) const {
      return slab_ + 1 == slabs_ ? used_of_last_ : store.slabs_[slab_].used;
    }

    std::size_t slabs_ = 0;  // that there were at the beginning; 0 before that
    std::size_t used_of_last_ = 0;
    std::size_t slab_ = 0;
    std::size_t index_ = 0;
  };

 private:
  struct Slab {
    std::byte* memory;
    std::size_t bytes;
    std::size_t used;  // records from its beginning on
    std::size_t capacity;
  };

  Record& At(const Slab& slab, std::size_t i) const {
    return *reinterpret_cast<Record*>(slab.memory + i * record_bytes_);
  }
  Record& NextFresh();
  void AddSlab();

  HeapState& heap_;
  const std::size_t record_bytes_;

  std::vector<Slab> slabs_;
  std::size_t bytes_ = 0;
  Record* free_ = nullptr;
  std::deque<Extra> extras_;
  std::uint32_t free_extra_ = 0;  // 0: none
};

}  // namespace elegy::internal

#endif  // ELEGY_SRC_WEAK_RECORD_STORE_H_
