// What a destructor writes into its object.

#ifndef ELEGY_TESTS_SUPPORT_LAST_STORE_H_
#define ELEGY_TESTS_SUPPORT_LAST_STORE_H_

#include <type_traits>

namespace elegy::test {

// Volatile: an object's life ends with its destructor, so that compilers leave out other stores,
// and whoever uses it after that finds it as it was.
template <class T>
void LastStore(T& place, std::type_identity_t<T> value) {
  static_cast<volatile T&>(place) = value;
}

}  // namespace elegy::test

#endif  // ELEGY_TESTS_SUPPORT_LAST_STORE_H_
