// Finalization registries: a callback after an object has died.

#ifndef ELEGY_FINALIZATION_REGISTRY_H_
#define ELEGY_FINALIZATION_REGISTRY_H_

#include <concepts>
#include <cstddef>
#include <functional>
#include <memory>
#include <utility>

#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "elegy/internal/managed_type.h"
#include "elegy/internal/object_pointer.h"
#include "elegy/internal/registry_core.h"
#include "elegy/mutator.h"
#include "elegy/registry_options.h"
#include "elegy/visitor.h"

namespace elegy {

// One registration: a value without slots, also as a field of its own target. It keeps neither
// target nor registry alive; dropping it leaves the registration in force. Thread-safe against
// everything but other uses of the same handle. O(1).
class Registration {
 public:
  Registration() = default;
  Registration(Registration&& other) noexcept
      : core_(std::move(other.core_)), name_(std::exchange(other.name_, {})) {}
  Registration& operator=(Registration&& other) noexcept {
    core_ = std::move(other.core_);
    name_ = std::exchange(other.name_, {});
    return *this;
  }

  // True: the callback will never run, and the held value is gone. False: it has run, is running,
  // was cancelled or dropped, or there is nothing to cancel.
  bool Cancel() {
    const std::shared_ptr<internal::RegistryCore> core = std::move(core_);
    return core != nullptr && core->Cancel(name_);
  }

  // True: the callback has run here, on this thread, exactly once; its target may be alive. False:
  // as for Cancel, and for a registry that has died. Needs an attached mutator, outside its
  // BlockingRegions. An exception of the callback leaves it; the record is spent.
  // std::bad_alloc without a call leaves handle and record as they were.
  bool RunNow() { return internal::RegistryCore::RunNow(core_, name_); }

 private:
  template <class Held>
  friend class FinalizationRegistry;

  Registration(std::shared_ptr<internal::RegistryCore> core, internal::RecordName name)
      : core_(std::move(core)), name_(name) {}

  std::shared_ptr<internal::RegistryCore> core_;
  internal::RecordName name_;
};

template <>
inline constexpr bool kHasNoSlots<Registration> = true;

namespace internal {

// Fatal, with a message, unless Make is constructing exactly this object.
void CheckMadeAlone(const void* object, const char* what);
void FailEmptyCleanup();

template <class Held>
class TypedRegistryCore final : public RegistryCore {
 public:
  TypedRegistryCore(absl::AnyInvocable<void(Held)> cleanup, RegistryOptions options)
      : RegistryCore(kValueOps<Held>, std::move(options)), cleanup_(std::move(cleanup)) {}

 private:
  void Invoke(void* held) override { cleanup_(MoveOut(*static_cast<Held*>(held))); }
  static Held MoveOut(Held& held) {
    struct Destroy {
      Held& held;
      ~Destroy() { std::destroy_at(&held); }
    } destroy{held};
    return std::move(held);
  }
  void ReleaseCallback() override { cleanup_ = nullptr; }

  absl::AnyInvocable<void(Held)> cleanup_;
};

}  // namespace internal

// JavaScript's FinalizationRegistry (ECMA-262, 26.2): a managed object, made by
// Make<FinalizationRegistry<Held>>(cleanup). After a registered target has died, and every weak
// view of it reads cleared, `cleanup` runs with the held value: on the home mutator (the one that
// made the registry) at one of its safepoints, or on any if the options say so or the home has
// detached. Each registration is delivered exactly once, or cancelled, or dropped with its dead
// registry or at the heap's shutdown. Order and timing are not promised. Callbacks run on one
// thread at a time unless the options say so, or the program asks for them on several
// (CleanupSome).
//
// Registrations do not keep the registry alive; queued records do, until they have run. The held
// value is traced strongly: if it refers to the target, the target never dies. What the cleanup
// captures is not traced. The cleanup may do anything, also register, unregister, collect and end
// turns; its exception leaves the safepoint, that record is spent and the rest stay queued. So may
// the held value's moves, which run without a lock, but for objects that a move makes: nothing
// keeps them for the value before it has been registered. No Unregister finds it before it has been
// moved into its registration. A held value's own Trace is not checked as an object's is. Its
// destructor runs without a lock, too: after the callback, or where the registration is cancelled
// or dropped, which may be on a collector thread. It must neither touch managed objects, which
// nothing keeps for it, nor register, nor wait for a collection.
//
// Everything done to a target before it died happens before its callback. Thread-safe. Register,
// Unregister of one record and Cancel are O(1) amortised.
template <class Held>
class FinalizationRegistry {
 public:
  // An empty cleanup is fatal, with a message. An AnyInvocable made of an empty std::function would
  // not be empty itself.
  template <class Signature>
  requires std::constructible_from<absl::AnyInvocable<void(Held)>, std::function<Signature>>
  explicit FinalizationRegistry(std::function<Signature> cleanup, RegistryOptions options = {})
      : FinalizationRegistry(cleanup == nullptr
                                 ? absl::AnyInvocable<void(Held)>()
                                 : absl::AnyInvocable<void(Held)>(std::move(cleanup)),
                             std::move(options)) {}
  explicit FinalizationRegistry(absl::AnyInvocable<void(Held)> cleanup,
                                RegistryOptions options = {}) {
    internal::CheckMadeAlone(this, "FinalizationRegistry");
    if (!cleanup) internal::FailEmptyCleanup();
    core_ =
        std::make_shared<internal::TypedRegistryCore<Held>>(std::move(cleanup), std::move(options));
    core_->Announce(this);
  }
  FinalizationRegistry(const FinalizationRegistry&) = delete;
  FinalizationRegistry& operator=(const FinalizationRegistry&) = delete;
  // Runs in the sweep: drops and counts the registrations that are left.
  ~FinalizationRegistry() { core_->Close(); }

  // InvalidArgument: a null target or token, a target that is the held value, or external bytes
  // beyond PTRDIFF_MAX. FailedPrecondition after Heap::Shutdown. ResourceExhausted if a cycle did
  // not make room within max_heap_bytes. If it fails the held value is destroyed with the call.
  // What the held value's move throws leaves it, and nothing is registered. Fatal, with a message,
  // on a thread that is not attached to the registry's heap, as Unregister and Track are. A
  // safepoint where it finds no room.
  template <ObjectPointer P>
  absl::Status Register(P&& target, Held held, RegisterOptions options = {}) {
    return Add(internal::AddressIn(target), false, nullptr, std::move(held), options).status();
  }
  template <ObjectPointer P, ObjectPointer Q>
  absl::Status Register(P&& target, Held held, Q&& unregister_token, RegisterOptions options = {}) {
    return Add(internal::AddressIn(target), true, internal::AddressIn(unregister_token),
               std::move(held), options)
        .status();
  }

  // Cancels every registration with this token that has not begun to run, queued ones included;
  // whether there was one. InvalidArgument: a null token.
  template <ObjectPointer P>
  absl::StatusOr<bool> Unregister(P&& token) {
    absl::StatusOr<bool> found = core_->Unregister(internal::AddressIn(token));
    KeepAlive(this);
    return found;
  }

  // Register, with a handle to the registration.
  template <ObjectPointer P>
  absl::StatusOr<Registration> Track(P&& target, Held held, RegisterOptions options = {}) {
    absl::StatusOr<internal::RecordName> name =
        Add(internal::AddressIn(target), false, nullptr, std::move(held), options);
    if (!name.ok()) return name.status();
    return Registration(core_, *name);
  }

  // Runs queued callbacks on this thread, now, whatever run_on says; returns how many this call has
  // run, nested calls not counted. May be called from a callback; but callbacks that run callbacks
  // nest at most 1,000 deep: further in, this and safepoints run none. Fatal, with a message, on a
  // thread that is not attached.
  std::size_t CleanupSome(std::size_t max_callbacks = SIZE_MAX) {
    internal::CurrentMutator();
    const std::shared_ptr<internal::RegistryCore> core = core_;
    return core->Cleanup(max_callbacks);
  }

  void Trace(Visitor& visitor) const { internal::VisitorAccess::Table(visitor, *core_); }

 private:
  absl::StatusOr<internal::RecordName> Add(const void* target, bool has_token, const void* token,
                                           Held held, const RegisterOptions& options) {
    if (target != nullptr && internal::NamesSameObject(target, held)) {
      return absl::InvalidArgumentError("elegy: Register of a target that is its own held value");
    }
    absl::StatusOr<internal::RecordName> name =
        core_->Add(target, has_token, token, &held, options);
    KeepAlive(this);
    return name;
  }

  std::shared_ptr<internal::RegistryCore> core_;
};

namespace internal {
template <class Held>
inline constexpr bool kIsContainer<FinalizationRegistry<Held>> = true;
}  // namespace internal

}  // namespace elegy

#endif  // ELEGY_FINALIZATION_REGISTRY_H_
