# What elegy is built on. GLOBAL makes the imported targets visible to a project that takes elegy in
# with add_subdirectory(): it links them through elegy. A project that already has them keeps its own.

if(NOT TARGET Threads::Threads)
  set(THREADS_PREFER_PTHREAD_FLAG ON)
  find_package(Threads REQUIRED GLOBAL)
endif()
if(NOT TARGET absl::status)
  find_package(absl REQUIRED GLOBAL)
endif()
if(NOT TARGET absl::any_invocable)
  message(FATAL_ERROR "elegy needs an Abseil with absl::any_invocable: 20220623 or newer")
endif()
if(NOT TARGET Boost::headers)
  find_package(Boost 1.74 REQUIRED GLOBAL)
endif()
