// What looks like one of the errors and is none.

#include <array>
#include <atomic>
#include <cstdio>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>
#include <vector>

#include "elegy/elegy.h"

// A raw pointer to a class, allowed by name.
template <>
inline constexpr bool elegy::kHasNoSlots<FILE*> = true;

namespace elegy::compile_pass {

struct LogFile {
  FILE* file = nullptr;
  std::string path;
  Member<LogFile> previous;
};

// Pointers to what is no class.
struct Opaque {
  void* handle = nullptr;
  const char* name = "";
  int* numbers = nullptr;
  double** matrix = nullptr;
  void (*callback)(int) = nullptr;
  Member<Opaque> next;
};

// An incomplete type in slots of every kind.
class Later;
struct Early {
  Member<Later> member;
  AtomicMember<Later> atomic;
  WeakMember<Later> weak;
  std::optional<Member<Later>> optional;
  std::array<Member<Later>, 3> array;
};
struct Handles {
  Persistent<Later> root;
  WeakPersistent<Later> weak;
};

// A class that refers to itself in every way.
class Later {
 public:
  explicit Later(int value) : value_(value) {}
  void Trace(Visitor& visitor) const {
    visitor.Trace(self_);
    visitor.Trace(vector_);
    visitor.Trace(pair_);
  }
  int value() const { return value_; }

 private:
  int value_;
  Member<Later> self_;
  Vector<Member<Later>> vector_;
  std::pair<Member<Later>, WeakMember<Later>> pair_;
};

// Standard types without slots.
enum class Colour { kRed };
struct Standard {
  std::string text;
  std::string_view view;
  std::wstring wide;
  std::unique_ptr<int> owned;
  std::unique_ptr<std::string[]> array_owned;
  std::shared_ptr<const std::string> shared;
  std::weak_ptr<int> weak;
  std::vector<std::vector<double>> numbers;
  std::atomic<bool> flag{false};
  std::nullptr_t null = nullptr;
  Colour colour = Colour::kRed;
  std::optional<std::pair<int, std::string>> optional;
  std::tuple<int, double, Colour> tuple;
  std::array<std::string, 4> strings;
  const int constant = 5;
  Registration registration;
};

// A class with a C array, a base and a union, and a Trace that knows them.
struct Base {
  Member<Later> in_base;
};
class Everything : public Base {
 public:
  void Trace(Visitor& visitor) const {
    visitor.Trace(in_base);
    for (const Member<Later>& each : c_array_) visitor.Trace(each);
    if (is_slot_) visitor.Trace(slot_);
  }
  Everything() : slot_(nullptr) {}

 private:
  Member<Later> c_array_[4];
  const bool is_slot_ = true;
  union {
    Member<Later> slot_;
    double number_;
  };
};

// C arrays that a Trace visits as a whole.
class Kids {
 public:
  void Trace(Visitor& visitor) const {
    visitor.Trace(kids_);
    visitor.Trace(weak_);
    visitor.Trace(grid_);
    visitor.Trace(pairs_);
  }

 private:
  Member<Kids> kids_[4];
  WeakMember<Kids> weak_[2];
  Member<Kids> grid_[2][3];
  std::pair<Member<Kids>, int> pairs_[2];
};

// Aggregates with exactly the most fields, with none, with one, and with fields that brackets
// could initialise one by one.
struct Empty {};
struct One {
  Member<Later> slot;
};
struct Bracketed {
  std::array<int, 3> array;
  One one;
  std::pair<int, One> pair;
  Member<Later> last;
};
struct Most {
  int f0, f1, f2, f3, f4, f5, f6, f7, f8, f9, f10, f11, f12, f13, f14, f15, f16, f17, f18, f19, f20;
  int f21, f22, f23, f24, f25, f26, f27, f28, f29, f30;
  Member<Later> last;
};

// A member function named Trace of something else's, and a private class with a friend, are the
// program's own business: the class says that it has no slots.
class Ray {
 public:
  explicit Ray(double length) : length_(length) {}
  double Trace(double time) const { return length_ * time; }

 private:
  double length_;
};

}  // namespace elegy::compile_pass

template <>
inline constexpr bool elegy::kHasNoSlots<elegy::compile_pass::Ray> = true;

namespace elegy::compile_pass {

struct Scene {
  Ray ray{1.0};
  std::vector<Ray> rays;
  std::function<void()>* callback = nullptr;
  Member<Later> camera;
  void Trace(Visitor& visitor) const { visitor.Trace(camera); }
};

void MakeThemAll() {
  Make<LogFile>(stderr, "log", nullptr);
  Make<Opaque>();
  Make<Early>();
  Make<Later>(1);
  Make<Standard>();
  Make<Everything>();
  Make<Kids>();
  Make<Empty>();
  Make<One>(Make<Later>(2));
  Make<Bracketed>();
  Make<Most>();
  Make<Ray>(2.0);
  Make<Scene>();
  Make<int>(3);
  Make<std::string>("text");
  Make<std::vector<int>>(3, 4);
  Make<std::unique_ptr<int>>();
  Make<Colour>(Colour::kRed);
  MakeArray<std::vector<int>>(3);
  MakeArray<Early>(3);
  MakeArray<One>(3);
  MakeArray<std::pair<Member<Later>, int>>(3);
  MakeArray<std::optional<WeakMember<Later>>>(3);
}

// What an interpreter's values look like: fields without names, which only a Trace, or the word
// that there are no slots, can speak for.
struct Tagged {
  int tag = 0;
  union {
    double number;
    long integer;
  };
  Member<Tagged> next;
  void Trace(Visitor& visitor) const { visitor.Trace(next); }
};
struct TaggedNumber {
  int tag = 0;
  union {
    double number;
    long integer;
  };
};

}  // namespace elegy::compile_pass

template <>
inline constexpr bool elegy::kHasNoSlots<elegy::compile_pass::TaggedNumber> = true;

namespace elegy::compile_pass {

struct Handler {
  Member<Handler> next;
  void (Handler::*run)(int) = nullptr;
  std::array<const Member<Handler>, 2> fixed;
  std::optional<const Member<Handler>> perhaps;
};

void MakeTagged() {
  Make<Tagged>();
  Make<TaggedNumber>(1);
  Make<Handler>();
}

// As a user's warnings see it.
RegistryOptions OptionsWithoutOnReady() { return {.run_on = RegistryOptions::RunOn::kAnyMutator}; }
WeakCacheOptions<Tagged> OptionsWithoutBytesOf() { return {.budget_bytes = 100}; }

}  // namespace elegy::compile_pass
