// Which objects are initialised without running code of the program: those that Make need not list
// as under construction.

#include <string>

#include "elegy/elegy.h"

namespace elegy::internal {
namespace {

struct Pair {
  Member<Pair> left, right;
};
struct Defaults {
  Member<Pair> left{};
  int number = 3;
  AtomicMember<Pair> right;
};
struct Scalars {
  int first, second;
};
static_assert(InitialisesPlainly<Pair>());
static_assert(InitialisesPlainly<Pair, Pair*, Pair*>());
static_assert(InitialisesPlainly<Defaults>());
static_assert(InitialisesPlainly<Scalars>());
static_assert(InitialisesPlainly<Scalars, int, int>());

// The default of the field that is left out may be anything.
static_assert(DefaultsToConstantBytes<Pair>() && DefaultsToConstantBytes<Defaults>());

// Fields that may differ from object to object, or must not be copied as bytes.
struct PointsIntoItself {
  Member<PointsIntoItself> next;
  int count = 0;
  int* where = &count;
};
struct HasAVolatile {
  Member<Pair> first;
  volatile int second;
};
static_assert(!DefaultsToConstantBytes<PointsIntoItself>());
static_assert(!DefaultsToConstantBytes<HasAVolatile>());

// A reference is bound by the program's own initialiser, which must live on.
struct Refers {
  Member<Refers> next;
  const int& limit;
};
struct RefersToItself {
  Member<RefersToItself> next;
  int count = 0;
  const int& alias = count;
};
struct RefersToANumber {
  const int& limit;
  int count;
};
static_assert(!InitialisesPlainly<Refers, std::nullptr_t, int>());
static_assert(!GivesEachFieldPlainly<RefersToANumber, int&, int>());
static_assert(!DefaultsToConstantBytes<RefersToItself>());

// Its Trace is held against its slots, which have to be recorded.
struct Traced {
  Member<Pair> first, second;
  void Trace(Visitor& visitor) const { visitor.Trace(first); }
};
static_assert(!InitialisesPlainly<Traced, Pair*, Pair*>());

static_assert(!InitialisesPlainly<Pair, Pair*>());

// A copy gives no field of its own.
static_assert(InitialisesPlainly<Scalars, const Scalars&>());
static_assert(!GivesEachFieldPlainly<Scalars, const Scalars&>());
static_assert(GivesEachFieldPlainly<Scalars, int, int>());

// A destructor makes no difference but that there are no constants.
struct HasADestructor {
  ~HasADestructor() {}
  Member<Pair> left;
  int number = 3;
};
static_assert(!DefaultsToConstantBytes<HasADestructor>());
[[maybe_unused]] HasADestructor* MakeDefault() { return Make<HasADestructor>(); }
[[maybe_unused]] HasADestructor* MakeOfFields(Pair* pair) { return Make<HasADestructor>(pair, 3); }

int AnyNumber() { return 1; }
struct CallsForANumber {
  Member<Pair> left;
  int number = AnyNumber();
};
Member<Pair> AnyPair() { return {}; }
struct CallsForASlot {
  Member<Pair> left = AnyPair();
};
struct HasAString {
  std::string text;
  int number = 0;
};
struct HasAWeakMember {
  WeakMember<Pair> weak;
  int number = 0;
};
struct HasAnArray {
  int numbers[3];
  Member<Pair> left;
};
struct HasABase : Pair {
  int number = 0;
};
struct HasAConstructor {
  HasAConstructor() {}
  Member<Pair> left;
};
static_assert(!InitialisesPlainly<CallsForANumber>());
static_assert(!InitialisesPlainly<CallsForASlot>());
static_assert(!InitialisesPlainly<HasAString>());
static_assert(!InitialisesPlainly<HasAWeakMember>());
static_assert(!InitialisesPlainly<HasAnArray>());
static_assert(!InitialisesPlainly<HasABase>());
static_assert(!InitialisesPlainly<HasAConstructor>());

}  // namespace
}  // namespace elegy::internal
