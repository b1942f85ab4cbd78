// What the compilers call before atomic operations and plain accesses in code that is instrumented
// for ThreadSanitizer: in the place of its runtime, these ask the scheduler. Every operation is
// sequentially consistent, whatever order it names.

#include "tests/interleave/scheduler.h"

using elegy::interleave::PlainAccess;
using elegy::interleave::Point;

// NOLINTBEGIN(bugprone-reserved-identifier): the names are the compilers'.

#define ELEGY_READ_MODIFY_WRITE(bits, type, name, builtin)                         \
  type __tsan_atomic##bits##_##name(volatile void* address, type value, int) {     \
    Point(#name, const_cast<const void*>(address), __builtin_return_address(0));   \
    return builtin(static_cast<volatile type*>(address), value, __ATOMIC_SEQ_CST); \
  }

#define ELEGY_COMPARE_EXCHANGE(bits, type, name)                                              \
  bool __tsan_atomic##bits##_compare_exchange_##name(volatile void* address, void* expected,  \
                                                     type desired, int, int) {                \
    Point("compare_exchange", const_cast<const void*>(address), __builtin_return_address(0)); \
    return __atomic_compare_exchange_n(static_cast<volatile type*>(address),                  \
                                       static_cast<type*>(expected), desired, false,          \
                                       __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);                   \
  }

#define ELEGY_ATOMICS(bits, type)                                                                \
  type __tsan_atomic##bits##_load(const volatile void* address, int) {                           \
    Point("load", const_cast<const void*>(address), __builtin_return_address(0));                \
    return __atomic_load_n(static_cast<const volatile type*>(address), __ATOMIC_SEQ_CST);        \
  }                                                                                              \
  void __tsan_atomic##bits##_store(volatile void* address, type value, int) {                    \
    Point("store", const_cast<const void*>(address), __builtin_return_address(0));               \
    __atomic_store_n(static_cast<volatile type*>(address), value, __ATOMIC_SEQ_CST);             \
  }                                                                                              \
  ELEGY_READ_MODIFY_WRITE(bits, type, exchange, __atomic_exchange_n)                             \
  ELEGY_READ_MODIFY_WRITE(bits, type, fetch_add, __atomic_fetch_add)                             \
  ELEGY_READ_MODIFY_WRITE(bits, type, fetch_sub, __atomic_fetch_sub)                             \
  ELEGY_READ_MODIFY_WRITE(bits, type, fetch_and, __atomic_fetch_and)                             \
  ELEGY_READ_MODIFY_WRITE(bits, type, fetch_or, __atomic_fetch_or)                               \
  ELEGY_COMPARE_EXCHANGE(bits, type, strong)                                                     \
  ELEGY_COMPARE_EXCHANGE(bits, type, weak)                                                       \
  /* clang's form of both: returns what was found. */                                            \
  type __tsan_atomic##bits##_compare_exchange_val(volatile void* address, type expected,         \
                                                  type desired, int, int) {                      \
    Point("compare_exchange", const_cast<const void*>(address), __builtin_return_address(0));    \
    __atomic_compare_exchange_n(static_cast<volatile type*>(address), &expected, desired, false, \
                                __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);                             \
    return expected;                                                                             \
  }

#define ELEGY_PLAIN_ACCESS(name) \
  void name(void* address) { PlainAccess(address, __builtin_return_address(0)); }

#define ELEGY_PLAIN(bytes)                         \
  ELEGY_PLAIN_ACCESS(__tsan_read##bytes)           \
  ELEGY_PLAIN_ACCESS(__tsan_write##bytes)          \
  ELEGY_PLAIN_ACCESS(__tsan_unaligned_read##bytes) \
  ELEGY_PLAIN_ACCESS(__tsan_unaligned_write##bytes)

extern "C" {

ELEGY_ATOMICS(8, unsigned char)
ELEGY_ATOMICS(16, unsigned short)
ELEGY_ATOMICS(32, unsigned int)
ELEGY_ATOMICS(64, unsigned long)

ELEGY_PLAIN(1)
ELEGY_PLAIN(2)
ELEGY_PLAIN(4)
ELEGY_PLAIN(8)
ELEGY_PLAIN(16)

void __tsan_read_range(void* address, std::size_t) {
  PlainAccess(address, __builtin_return_address(0));
}
void __tsan_write_range(void* address, std::size_t) {
  PlainAccess(address, __builtin_return_address(0));
}
void __tsan_vptr_update(void**, void*) {}
void __tsan_vptr_read(void**) {}
void __tsan_func_entry(void*) {}
void __tsan_func_exit() {}
void __tsan_init() {}

}  // extern "C"

// NOLINTEND(bugprone-reserved-identifier)
