#include "tests/support/stderr_pipe.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <unistd.h>

#include <utility>

namespace elegy::test {

StderrPipe::StderrPipe() {
  int ends[2];
  EXPECT_EQ(pipe2(ends, O_CLOEXEC), 0);
  saved_ = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 0);
  dup2(ends[1], STDERR_FILENO);
  close(ends[1]);
  read_ = ends[0];
}

StderrPipe::~StderrPipe() {
  dup2(saved_, STDERR_FILENO);
  close(saved_);
  close(read_);
}

bool StderrPipe::ReadLine(bool waits) {
  while (true) {
    pollfd there = {read_, POLLIN, 0};
    if (poll(&there, 1, waits ? -1 : 0) <= 0) {
      if (waits) continue;
      return false;
    }
    char byte = 0;
    if (read(read_, &byte, 1) != 1) return false;
    if (byte == '\n') {
      lines_.push_back(std::exchange(unfinished_, {}));
      return true;
    }
    unfinished_ += byte;
  }
}

std::string StderrPipe::AwaitLine(const std::string& part) {
  do {
    if (!ReadLine(/*waits=*/true)) return "";
  } while (lines_.back().find(part) == std::string::npos);
  return lines_.back();
}

std::size_t StderrPipe::CountLines(const std::string& part) {
  while (ReadLine(/*waits=*/false)) {
  }
  std::size_t count = 0;
  for (const std::string& line : lines_) count += line.find(part) == std::string::npos ? 0 : 1;
  return count;
}

}  // namespace elegy::test
