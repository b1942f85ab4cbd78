// Where a generated test takes its choices from.

#ifndef ELEGY_TESTS_SUPPORT_CHOICES_H_
#define ELEGY_TESTS_SUPPORT_CHOICES_H_

#include <cstddef>
#include <cstdint>
#include <span>

#include "tests/support/stress.h"

namespace elegy::test {

class Choices {
 public:
  Choices() = default;
  Choices(const Choices&) = delete;
  Choices& operator=(const Choices&) = delete;
  virtual ~Choices() = default;

  // A number below the limit, which is at most 256.
  virtual std::size_t Below(std::size_t limit) = 0;
  bool OneIn(std::size_t n) { return Below(n) == 0; }
};

class RandomChoices final : public Choices {
 public:
  explicit RandomChoices(std::uint64_t stream) : random_(stream) {}

  std::size_t Below(std::size_t limit) override { return random_.Below(limit); }

 private:
  Random random_;
};

// One byte for each choice, and 0 past the last, which must outlive this.
class ByteChoices final : public Choices {
 public:
  explicit ByteChoices(std::span<const std::uint8_t> bytes) : bytes_(bytes) {}

  std::size_t Below(std::size_t limit) override {
    if (limit <= 1 || AtEnd()) return 0;
    return bytes_[next_++] % limit;
  }
  bool AtEnd() const { return next_ == bytes_.size(); }

 private:
  std::span<const std::uint8_t> bytes_;
  std::size_t next_ = 0;
};

}  // namespace elegy::test

#endif  // ELEGY_TESTS_SUPPORT_CHOICES_H_
