// From memory to an object: the allocation fast path and the care for half-built objects.
//
// The fast path bumps through this mutator's free run of the type's space: no atomic operation at
// all. Everything else (a spent run, the first object of a type, a pending handshake) is
// MakeSlowly's, out of line. An object whose constructor is running is listed in the mutator, so
// that a handshake answered from inside the constructor scans it conservatively and the marker
// never traces it half-built. If the constructor throws, the cell holds no object, and is free
// again after the next cycle. Where initialisation runs no code of the program's, it can neither
// throw nor meet a safepoint, and the object is not listed.

#ifndef ELEGY_INTERNAL_ALLOCATE_H_
#define ELEGY_INTERNAL_ALLOCATE_H_

#include <cstddef>
#include <new>
#include <tuple>
#include <type_traits>
#include <utility>

#include "elegy/internal/address_sanitizer.h"
#include "elegy/internal/managed_type.h"
#include "elegy/internal/mutator_core.h"

namespace elegy::internal {

// Memory for one object. Answers handshakes; may begin, help or wait for a collection. Throws
// std::bad_alloc once a full cycle has failed to make room within max_heap_bytes.
void* AllocateSlowly(MutatorCore& mutator, const TypeInfo& type, std::size_t bytes,
                     std::size_t alignment);

// Memory for an array of this many bytes in all; `zeroed` asks for zeroes.
void* AllocateArray(MutatorCore& mutator, const TypeInfo& type, std::size_t bytes,
                    std::size_t alignment, bool zeroed);

// Answers a handshake that is asked for; no other part of a safepoint.
void AnswerHandshake(MutatorCore& mutator);

// The constructor has thrown: the cell holds no object (src/heap/failed_objects.h).
void AbandonCell(MutatorCore& mutator, void* object);

// Lists an object for as long as it is under construction. The node is the caller's, so that what
// is needed at the end stays in registers: read back from memory, it would make one construction
// wait for the stores of the one before.
class ConstructionScope {
 public:
  ConstructionScope(MutatorCore& mutator, ConstructionNode& node)
      : mutator_(mutator), outer_(node.outer), object_(node.object) {
    mutator.constructing = &node;
  }
  ConstructionScope(const ConstructionScope&) = delete;
  ConstructionScope& operator=(const ConstructionScope&) = delete;
  [[gnu::always_inline]] ~ConstructionScope() {
    mutator_.constructing = outer_;
    if (!finished_) AbandonCell(mutator_, object_);
  }

  void Finish() { finished_ = true; }

 private:
  MutatorCore& mutator_;
  ConstructionNode* const outer_;
  void* const object_;
  bool finished_ = false;
};

// Initialisers and fields without code of the program's behind them.
template <class F>
inline constexpr bool kIsPlain = kIsSlot<F> || std::is_scalar_v<F>;

// Whether T{} is a constant expression.
template <class T>
concept DefaultsToAConstant = requires {
  typename std::bool_constant<(static_cast<void>(T{}), true)>;
};

// Whether T is an aggregate traced field by field, without bases and arrays, all of whose fields
// are values as `holds` says of FieldType<F>, no references. The fields of others may have no
// names, and are not looked at.
template <class T, class Predicate>
constexpr bool HasOnlyFields(Predicate holds) {
  if constexpr (HasOwnTrace<T> || kHasNoSlots<T> || !CanNameFields<T>()) {
    return false;
  } else {
    using AllFields = decltype(FieldsOf(std::declval<const T&>()));
    return !AllFields::kHasReference&& [holds]<std::size_t... I>(std::index_sequence<I...>) {
      using Tuple = typename AllFields::Tuple;
      return (
          holds(FieldType<
                std::remove_const_t<std::remove_reference_t<std::tuple_element_t<I, Tuple>>>>()) &&
          ...);
    }
    (std::make_index_sequence<kInitialisers<T>>());
  }
}

// Whether T is an aggregate of slots and scalars.
template <class T>
constexpr bool HasPlainFields() {
  return HasOnlyFields<T>(
      [](auto field) { return kIsPlain<std::remove_volatile_t<typename decltype(field)::Type>>; });
}

// Whether T{} is the same bytes wherever it stands: a constant of slots and numbers. A pointer may
// point into its own object.
template <class T>
constexpr bool DefaultsToConstantBytes() {
  // A destructor of its own: Clang 14 takes T{} for a constant expression all the same.
  if constexpr (!std::is_aggregate_v<T> || !std::is_trivially_destructible_v<T>) {
    return false;
  } else if constexpr (!DefaultsToAConstant<T>) {
    return false;
  } else {
    return HasOnlyFields<T>([](auto field) {
      using Field = typename decltype(field)::Type;
      return !std::is_volatile_v<Field> &&
             (kIsSlot<Field> || std::is_arithmetic_v<Field> || std::is_enum_v<Field>);
    });
  }
}

// Whether A are slots and scalars, one for each field of an aggregate of such. A single T is a
// copy.
template <class T, class... A>
constexpr bool GivesEachFieldPlainly() {
  if constexpr (!std::is_aggregate_v<T> || sizeof...(A) == 0 ||
                !(kIsPlain<std::remove_cvref_t<A>> && ...)) {
    return false;
  } else if constexpr (kInitialisers<T> != sizeof...(A)) {
    return false;
  } else {
    return HasPlainFields<T>();
  }
}

// Whether T's initialisation from A runs no code of the program's: an aggregate of slots and
// scalars all of which are given, or none if the defaults are constants (a default member
// initialiser may be any expression), or a trivial initialisation.
template <class T, class... A>
constexpr bool InitialisesPlainly() {
  if constexpr (!std::is_aggregate_v<T> || std::is_trivially_constructible_v<T, A...>) {
    return std::is_trivially_constructible_v<T, A...>;
  } else if constexpr (sizeof...(A) == 0) {
    return DefaultsToAConstant<T> && HasPlainFields<T>();
  } else {
    return GivesEachFieldPlainly<T, A...>();
  }
}

// Stands for an initialiser of a slot or scalar of a plainly initialised object, none of whose
// slots is recorded: what is built plainly is traced field by field and cannot forget one.
template <class A>
struct PlainInitialiser {
  template <class F>
  operator F() const {
    if constexpr (kIsSlot<F>) {
      return F(UnrecordedSlot(), Pointer());
    } else {
      return static_cast<F>(value);
    }
  }

  auto Pointer() const {
    if constexpr (kIsSlot<A>) {
      return value.get();
    } else {
      return value;
    }
  }

  const A& value;
};

// Records the slots constructed in one of a type's first objects and, once it is built, holds them
// against what its Trace visits: a forgotten slot is fatal, with a message.
class SlotCheck {
 public:
  SlotCheck(const TypeInfo& type, const void* object, std::size_t bytes) noexcept;
  SlotCheck(const SlotCheck&) = delete;
  SlotCheck& operator=(const SlotCheck&) = delete;
  ~SlotCheck();

  void Compare();

  // A slot has been constructed on this thread.
  static void Note(const void* slot) noexcept;
  // In a forked child.
  static void ForgetOtherThreads();

 private:
  struct Record;
  Record* record_ = nullptr;
};

// For types whose default is constant bytes.
template <class T>
inline constexpr T kDefault{};

#define ELEGY_ARGUMENT_DOES_NOT_FIT \
  "elegy: an argument of Make does not fit its field, or would be narrowed: cast it"

// Leaving fields of an aggregate to their default is the caller's right, and what an argument
// converts to has been looked at.
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wmissing-field-initializers"
#pragma GCC diagnostic ignored "-Wconversion"

// Braces for aggregates, parentheses for all others.
template <class T, class... A>
[[gnu::always_inline]] inline T* InitialiseAt(void* cell, A&&... args) {
  if constexpr (GivesEachFieldPlainly<T, A...>()) {
    static_assert(
        requires { T{std::declval<A>()...}; }, ELEGY_ARGUMENT_DOES_NOT_FIT);
    return ::new (cell) T{PlainInitialiser<std::remove_cvref_t<A>>{args}...};
  } else if constexpr (sizeof...(A) == 0 && !HasOwnTrace<T> && DefaultsToConstantBytes<T>()) {
    // Copied as it lies in memory: no slot of it is recorded.
    return static_cast<T*>(
        __builtin_memcpy(cell, static_cast<const void*>(&kDefault<T>), sizeof(T)));
  } else if constexpr (std::is_aggregate_v<T>) {
    static_assert(
        requires { T{std::declval<A>()...}; }, ELEGY_ARGUMENT_DOES_NOT_FIT);
    return ::new (cell) T{std::forward<A>(args)...};
  } else {
    return ::new (cell) T(std::forward<A>(args)...);
  }
}

template <class T, class... A>
[[gnu::always_inline]] inline T* ConstructAt(MutatorCore& mutator, void* cell, A&&... args) {
  if constexpr (InitialisesPlainly<T, A...>()) {
    return InitialiseAt<T>(cell, std::forward<A>(args)...);
  } else {
    ConstructionNode node{mutator.constructing, cell, sizeof(T)};
    ConstructionScope scope(mutator, node);
    T* const object = InitialiseAt<T>(cell, std::forward<A>(args)...);
    scope.Finish();
    return object;
  }
}

#pragma GCC diagnostic pop
#undef ELEGY_ARGUMENT_DOES_NOT_FIT

template <class T, class... A>
[[gnu::noinline]] T* MakeSlowly(MutatorCore& mutator, A&&... args) {
  constexpr std::size_t kBytes = StrideOf(sizeof(T), alignof(T));
  void* const cell = AllocateSlowly(mutator, g_type<T>, kBytes, alignof(T));
  if constexpr (MayHaveSlots<T>()) {
    SlotCheck check(g_type<T>, cell, sizeof(T));
    T* const object = ConstructAt<T>(mutator, cell, std::forward<A>(args)...);
    check.Compare();
    return object;
  } else {
    return ConstructAt<T>(mutator, cell, std::forward<A>(args)...);
  }
}

// The next cell of this mutator's run for T, or null if there is none.
template <class T>
[[gnu::always_inline]] inline void* NextCell(MutatorCore& mutator) {
  constexpr std::size_t kBytes = StrideOf(sizeof(T), alignof(T));
  if constexpr (kBytes <= kMaxSmallBytes) {
    const std::uint32_t space = g_type<T>.Space();
    if (space < mutator.run_count) [[likely]] {
      AllocationRun& run = mutator.runs[space];
      char* const cell = run.cursor;
      if (cell != run.limit) [[likely]] {
        run.cursor = cell + kBytes;
        if (cell == nullptr) __builtin_unreachable();  // both are null, or neither
        SetUsable(cell, kBytes);
        return cell;
      }
    }
  }
  return nullptr;
}

// What is initialised plainly, and traced field by field, needs neither list nor check: the slow
// path only finds a cell. So the arguments, of which it gets no address, can stay in registers.
template <class T, class... A>
[[gnu::always_inline]] inline T* MakeIn(MutatorCore& mutator, A&&... args) {
  void* cell = NextCell<T>(mutator);
  if constexpr (InitialisesPlainly<T, A...>() && !HasOwnTrace<T>) {
    if (cell == nullptr) [[unlikely]] {
      cell = AllocateSlowly(mutator, g_type<T>, StrideOf(sizeof(T), alignof(T)), alignof(T));
    }
    return InitialiseAt<T>(cell, std::forward<A>(args)...);
  } else {
    if (cell == nullptr) [[unlikely]]
      return MakeSlowly<T>(mutator, std::forward<A>(args)...);
    return ConstructAt<T>(mutator, cell, std::forward<A>(args)...);
  }
}

}  // namespace elegy::internal

#endif  // ELEGY_INTERNAL_ALLOCATE_H_
