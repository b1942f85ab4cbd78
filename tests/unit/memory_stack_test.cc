// The conservative scan of stacks and registers: what it has to find, and what must not confuse it.

#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "elegy/elegy.h"
#include "tests/support/heap_fixture.h"
#include "tests/support/last_store.h"

namespace elegy::test {
namespace {

// A pointer in a form that no scan takes for one.
class Hidden {
 public:
  Hidden() = default;
  explicit Hidden(const void* pointer) : bits_(~reinterpret_cast<std::uintptr_t>(pointer)) {}
  std::uintptr_t bits() const { return bits_; }
  // The compiler must not put off the computation to after a collection.
  template <class T>
  T* Reveal() const {
    std::uintptr_t address = ~bits_;
    asm volatile("" : "+r"(address));
    return reinterpret_cast<T*>(address);
  }

 private:
  std::uintptr_t bits_ = ~std::uintptr_t{0};
};

// Overwrites what calls that have returned left below this frame.
[[gnu::noinline]] void ClearDeadFrames() {
  volatile std::uintptr_t words[2048];
  for (volatile std::uintptr_t& word : words) word = 0;
}

struct Node {
  Member<Node> next;
  std::array<std::int64_t, 6> padding = {};
  std::int64_t value = 0;
};

// Knows whether it was ever constructed, and how often it is destroyed.
class Sealed {
 public:
  explicit Sealed(std::int64_t value) : value_(value), text_(std::to_string(value)) {}
  ~Sealed() {
    if (seal_ != kSeal || text_ != std::to_string(value_)) broken++;
    LastStore(seal_, 0);
    destroyed++;
  }
  void Trace(Visitor& visitor) const { visitor.Trace(next); }
  bool IsWhole() const { return seal_ == kSeal && text_ == std::to_string(value_); }

  Member<Sealed> next;

  static std::atomic<int> broken, destroyed;

 private:
  static constexpr std::uint64_t kSeal = 0x5ea1ed5ea1ed5ea1;
  std::uint64_t seal_ = kSeal;
  std::int64_t value_;
  std::string text_;
};
std::atomic<int> Sealed::broken{0}, Sealed::destroyed{0};

class MemoryStackTest : public HeapTest {
 protected:
  // A node of which nothing on the stack or in registers knows.
  Hidden MakeHidden(std::int64_t value) {
    Hidden hidden = NoInline([&] {
      Node* const node = Make<Node>();
      node->value = value;
      weak_ = node;
      return Hidden(node);
    });
    ClearDeadFrames();
    return hidden;
  }
  bool IsAlive() const {
    return NoInline([&] { return weak_.Get() != nullptr; });
  }

  WeakPersistent<Node> weak_;
};

TEST_F(MemoryStackTest, ALocalPointerKeepsItsObject) {
  Node* const local = MakeHidden(1).Reveal<Node>();
  heap().Collect();
  EXPECT_TRUE(IsAlive());
  EXPECT_EQ(local->value, 1);
  KeepAlive(local);
}

TEST_F(MemoryStackTest, APointerIntoTheMiddleKeepsItsObject) {
  std::int64_t* const inside = &MakeHidden(2).Reveal<Node>()->padding[3];
  heap().Collect();
  EXPECT_TRUE(IsAlive());
  EXPECT_EQ(*inside, 0);
  KeepAlive(inside);
}

TEST_F(MemoryStackTest, AMemberAsALocalVariableKeepsItsObject) {
  const Member<Node> local = MakeHidden(3).Reveal<Node>();
  heap().Collect();
  EXPECT_TRUE(IsAlive());
  KeepAlive(&local);
}

// AddressSanitizer may have such an array outside the stack. Looked for from this thread, and by
// the collector while it is blocked.
TEST_F(MemoryStackTest, AnArrayWhoseAddressIsTakenKeepsItsObject) {
  std::array<Node*, 8> locals = {};
  KeepAlive(locals.data());
  NoInline([&] { locals[5] = MakeHidden(5).Reveal<Node>(); });
  NoInline([] { ClearDeadFrames(); });
  heap().Collect();
  EXPECT_TRUE(IsAlive());
  {
    const BlockingRegion region(mutator());
    std::thread([this] { heap().Collect(); }).join();
  }
  EXPECT_TRUE(IsAlive());
  KeepAlive(locals.data());
}

TEST_F(MemoryStackTest, WithoutPointersOnTheStackLocalsDie) {
  Node* const local = MakeHidden(4).Reveal<Node>();
  heap().Collect(StackState::kNoPointers);
  EXPECT_FALSE(IsAlive());
  KeepAlive(local);
}

// Each frame of a deep stack holds one object.
int SumOfFrames(Heap& heap, int depth) {
  Node* const mine = Make<Node>();
  mine->value = depth;
  int below = 0;
  if (depth == 0) {
    heap.Collect();
    for (int i = 0; i < 20'000; i++) Make<Node>()->value = -1;  // would overwrite what has died
  } else {
    below = SumOfFrames(heap, depth - 1);
  }
  KeepAlive(mine);
  return below + static_cast<int>(mine->value);
}

TEST_F(MemoryStackTest, ADeepStackIsScannedToItsBase) {
  constexpr int kDepth = 5000;
  EXPECT_EQ(SumOfFrames(heap(), kDepth), kDepth * (kDepth + 1) / 2);
}

TEST_F(MemoryStackTest, TheStackOfAnyThreadIsScanned) {
  Detach();
  std::thread([this] {
    const Mutator guest(heap());
    EXPECT_EQ(SumOfFrames(heap(), 300), 300 * 301 / 2);
  }).join();
}

#if defined(__x86_64__)

// Calls function(argument) with the hidden pointer, revealed, in one callee-saved register and
// nowhere else.
#define ELEGY_CALL_WITH(reg)                                                                      \
  [[gnu::noinline]] void CallWith_##reg(std::uintptr_t hidden, void (*function)(void*),           \
                                        void* argument) {                                         \
    asm volatile(                                                                                 \
        "movq %%rsp, %%rcx\n\t"                                                                   \
        "leaq -128(%%rsp), %%rsp\n\t" /* below the red zone */                                    \
        "andq $-16, %%rsp\n\t"                                                                    \
        "pushq %%rcx\n\t"                                                                         \
        "pushq %%" #reg                                                                           \
        "\n\t"                                                                                    \
        "movq %%rax, %%" #reg                                                                     \
        "\n\t"                                                                                    \
        "notq %%" #reg                                                                            \
        "\n\t"                                                                                    \
        "callq *%%rdx\n\t"                                                                        \
        "popq %%" #reg                                                                            \
        "\n\t"                                                                                    \
        "popq %%rsp"                                                                              \
        : "+a"(hidden), "+d"(function), "+D"(argument)                                            \
        :                                                                                         \
        : "rcx", "rsi", "r8", "r9", "r10", "r11", "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", \
          "xmm6", "xmm7", "xmm8", "xmm9", "xmm10", "xmm11", "xmm12", "xmm13", "xmm14", "xmm15",   \
          "memory", "cc");                                                                        \
  }
ELEGY_CALL_WITH(rbx)
ELEGY_CALL_WITH(rbp)
ELEGY_CALL_WITH(r12)
ELEGY_CALL_WITH(r13)
ELEGY_CALL_WITH(r14)
ELEGY_CALL_WITH(r15)
#undef ELEGY_CALL_WITH

// Ways to come through a cycle.
void ByCollect(void* heap) { static_cast<Heap*>(heap)->Collect(); }
void BySafepoints(void* heap_pointer) {
  Heap& heap = *static_cast<Heap*>(heap_pointer);
  const std::uint64_t target = heap.Stats().cycles + 1;
  heap.RequestCollection();
  while (heap.Stats().cycles < target) Mutator::Current().Safepoint();
}
void ByAllocating(void* heap_pointer) {
  Heap& heap = *static_cast<Heap*>(heap_pointer);
  const std::uint64_t target = heap.Stats().cycles + 1;
  heap.RequestCollection();
  while (heap.Stats().cycles < target) Make<Node>();
}
void ByBlocking(void* heap_pointer) {
  const BlockingRegion region(Mutator::Current());
  std::thread([heap_pointer] { ByCollect(heap_pointer); }).join();
}

// A scope of the program's own with a region in it. Its constructor has used all registers that it
// must restore before the region begins, and has returned while it lasts.
class Scope {
 public:
  [[gnu::noinline]] explicit Scope(Mutator& mutator)
      : registers_(UseRegisters()), region_(mutator) {
    asm volatile("" : : : "memory");  // or the region is made after all has been restored
  }

 private:
  [[gnu::always_inline]] static inline int UseRegisters() {
    asm volatile(
        "xorl %%ebx, %%ebx\n\txorl %%r12d, %%r12d\n\txorl %%r13d, %%r13d\n\t"
        "xorl %%r14d, %%r14d\n\txorl %%r15d, %%r15d"
        :
        :
        : "rbx", "r12", "r13", "r14", "r15", "cc");
    return 0;
  }

  [[maybe_unused]] const int registers_;
  BlockingRegion region_;
};
// What this pushes lies where the constructor's frame was, what it calls pushes further down.
[[gnu::noinline]] void CollectFurtherDown(void* heap_pointer) {
  volatile std::uintptr_t words[512];
  for (volatile std::uintptr_t& word : words) word = 0;
  std::thread([heap_pointer] { ByCollect(heap_pointer); }).join();
  words[0] = 1;
}
void ByAScope(void* heap_pointer) {
  const Scope scope(Mutator::Current());
  ClearDeadFrames();
  CollectFurtherDown(heap_pointer);
}
void ByAScopeOnTheHeap(void* heap_pointer) {
  const auto scope = std::make_unique<Scope>(Mutator::Current());
  ClearDeadFrames();
  CollectFurtherDown(heap_pointer);
}

TEST_F(MemoryStackTest, APointerInACalleeSavedRegisterKeepsItsObject) {
  using Caller = void (*)(std::uintptr_t, void (*)(void*), void*);
  const std::pair<const char*, Caller> kRegisters[] = {
      {"rbx", CallWith_rbx}, {"rbp", CallWith_rbp}, {"r12", CallWith_r12},
      {"r13", CallWith_r13}, {"r14", CallWith_r14}, {"r15", CallWith_r15}};
  const std::pair<const char*, void (*)(void*)> kWays[] = {
      {"Collect", ByCollect}, {"Safepoint", BySafepoints},
      {"Make", ByAllocating}, {"BlockingRegion", ByBlocking},
      {"a scope", ByAScope},  {"a scope on the heap", ByAScopeOnTheHeap}};
  for (const auto& [way, function] : kWays) {
    for (const auto& [name, call] : kRegisters) {
      const Hidden hidden = MakeHidden(5);
      call(hidden.bits(), function, &heap());
      EXPECT_TRUE(IsAlive()) << "in " << name << ", by " << way;
    }
  }
}

#endif  // defined(__x86_64__)

// Collects with a stack full of words begin, begin + step, begin + 2 * step and so on.
constexpr std::size_t kWords = 32 << 10;
[[gnu::noinline]] void CollectWithWords(Heap& heap, std::uintptr_t begin, std::size_t step) {
  std::array<volatile std::uintptr_t, kWords> words;
  for (std::size_t i = 0; i < kWords; i++) words[i] = begin + i * step;
  heap.Collect();
  KeepAlive(&words);
}

TEST_F(MemoryStackTest, WordsAllOverTheHeapDoNoHarm) {
  Sealed::broken = Sealed::destroyed = 0;
  constexpr int kLive = 3000;
  std::vector<Persistent<Sealed>> live;
  const auto begin = NoInline([] { return reinterpret_cast<std::uintptr_t>(Make<Sealed>(0)); });
  int made = 1;
  // Half of what is made lives; the rest are chains of garbage, and cells of several sizes.
  const auto allocate = [&] {
    for (int i = 0; i < kLive / 10; i++) {
      live.emplace_back(Make<Sealed>(made++));
      Sealed* const garbage = Make<Sealed>(made++);
      garbage->next = live[live.size() / 2].get();
      Make<Node>()->next = Make<Node>();
      MakeArray<Member<Node>>(static_cast<std::size_t>(i % 70));
      if (i % 100 == 0) MakeArray<Member<Sealed>>(5000)->begin()[4999] = garbage;
    }
  };
  constexpr std::uintptr_t kChunk = std::uintptr_t{2} << 20;
  const std::uintptr_t base = begin / kChunk * kChunk;
  for (const std::size_t step : {8, 9, 24, 64, 120, 1016, 4096, 16384, 16400, 65528}) {
    NoInline(allocate);
    CollectWithWords(heap(), base, step);
    CollectWithWords(heap(), base - kChunk + 3, step);
    NoInline(allocate);
    CollectWithWords(heap(), base + kWords * 8, step);
    for (const Persistent<Sealed>& each : live) {
      ASSERT_TRUE(each->IsWhole());
    }
  }
  CollectPrecisely();
  for (const Persistent<Sealed>& each : live) {
    EXPECT_TRUE(each->IsWhole());
  }
  EXPECT_EQ(Sealed::broken, 0);
  EXPECT_EQ(Sealed::destroyed, made - static_cast<int>(live.size()));
  live.clear();
  CollectPrecisely();
  EXPECT_EQ(Sealed::broken, 0);
  EXPECT_EQ(Sealed::destroyed, made);
}

// A word on the stack keeps what it happens to name, whole and with all that it refers to.
TEST_F(MemoryStackTest, AWordThatNamesGarbageKeepsItWhole) {
  const Hidden head = NoInline([] {
    Sealed* const sealed = Make<Sealed>(1);
    sealed->next = Make<Sealed>(2);
    sealed->next->next = Make<Sealed>(3);
    return Hidden(sealed);
  });
  ClearDeadFrames();
  for (int i = 0; i < 3; i++) {
    CollectWithWords(heap(), ~head.bits() + 5, 0);
    const Sealed* const sealed = head.Reveal<Sealed>();
    EXPECT_TRUE(sealed->IsWhole() && sealed->next->IsWhole() && sealed->next->next->IsWhole());
    for (int k = 0; k < 1000; k++) Make<Sealed>(-1);
  }
}

// One past the end of an object may be the next object, the next block or nothing at all.
TEST_F(MemoryStackTest, PointersPastTheEndDoNoHarm) {
  const auto check = [this](const char* past) {
    CollectWithWords(heap(), reinterpret_cast<std::uintptr_t>(past), 0);
    CollectWithWords(heap(), reinterpret_cast<std::uintptr_t>(past), 1);
  };
  for (const std::size_t bytes : {8, 4096, 8184, 16376, 32760, 1'000'000, 2'097'144}) {
    const Persistent<Array<char>> array = MakeArray<char>(bytes);
    check(array->end());
    EXPECT_EQ(array->size(), bytes);
  }
  for (int i = 0; i < 600; i++) {
    const Persistent<Node> node = Make<Node>();
    if (i % 50 == 0) check(reinterpret_cast<const char*>(node.get() + 1));
  }
}

}  // namespace
}  // namespace elegy::test
