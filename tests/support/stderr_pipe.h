// Standard error, read by a test.

#ifndef ELEGY_TESTS_SUPPORT_STDERR_PIPE_H_
#define ELEGY_TESTS_SUPPORT_STDERR_PIPE_H_

#include <cstddef>
#include <string>
#include <vector>

namespace elegy::test {

// For its lifetime what this process writes to standard error goes into a pipe.
class StderrPipe {
 public:
  StderrPipe();
  StderrPipe(const StderrPipe&) = delete;
  StderrPipe& operator=(const StderrPipe&) = delete;
  ~StderrPipe();

  // The next line that holds `part`; waits for it.
  std::string AwaitLine(const std::string& part);
  // How many lines that hold `part` have been written so far.
  std::size_t CountLines(const std::string& part);

 private:
  // Reads a line more; false if there is none and it is not to be waited for.
  bool ReadLine(bool waits);

  int saved_ = -1;
  int read_ = -1;
  std::string unfinished_;
  std::vector<std::string> lines_;
};

}  // namespace elegy::test

#endif  // ELEGY_TESTS_SUPPORT_STDERR_PIPE_H_
