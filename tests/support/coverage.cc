// Compiled only into builds with ELEGY_COVERAGE: a process that ends by abort or _exit, as a death
// test's does, writes its counters first. The linker's --wrap leads both here.

// Of GCC's libgcov.
extern "C" void __gcov_dump();  // NOLINT(bugprone-reserved-identifier)

// NOLINTBEGIN(bugprone-reserved-identifier): the names that the linker's --wrap asks for.
extern "C" {

[[noreturn]] void __real_abort();
[[noreturn]] void __wrap_abort() {
  __gcov_dump();
  __real_abort();
}

[[noreturn]] void __real__exit(int status);
[[noreturn]] void __wrap__exit(int status) {
  __gcov_dump();
  __real__exit(status);
}

}  // extern "C"
// NOLINTEND(bugprone-reserved-identifier)
