// What tests throw.

#ifndef ELEGY_TESTS_SUPPORT_TROUBLE_H_
#define ELEGY_TESTS_SUPPORT_TROUBLE_H_

#include <stdexcept>

namespace elegy::test {

class Trouble : public std::runtime_error {
 public:
  Trouble() : std::runtime_error("trouble") {}
};

}  // namespace elegy::test

#endif  // ELEGY_TESTS_SUPPORT_TROUBLE_H_
