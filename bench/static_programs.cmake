# The programs of the workload start-static: the C++ programs' own objects, linked with archives
# alone, so that nothing is left to load when they start. Who has no archives has no such program.

include(CheckCXXSourceCompiles)
set(CMAKE_REQUIRED_LINK_OPTIONS -static)
check_cxx_source_compiles("#include <iostream>\nint main() { std::cout << 1; }" HAVE_STATIC_RUNTIME)
unset(CMAKE_REQUIRED_LINK_OPTIONS)

add_custom_target(bench_static_programs)

# elegy_bench_static_program(<target> [<library>...]): <target>_static
function(elegy_bench_static_program target)
  add_executable(${target}_static $<TARGET_OBJECTS:${target}>)
  set_target_properties(${target}_static PROPERTIES LINKER_LANGUAGE CXX)
  target_link_libraries(${target}_static PRIVATE elegy_bench_support ${ARGN})
  target_link_options(${target}_static PRIVATE -static)
  add_dependencies(bench_static_programs ${target}_static)
endfunction()

if(HAVE_STATIC_RUNTIME)
  elegy_bench_static_program(bench_peer_shared_ptr)
  # Within another project, Abseil's archives are not looked for.
  if(PROJECT_IS_TOP_LEVEL AND NOT ELEGY_ABSEIL_IS_SHARED)
    elegy_bench_static_program(elegy_workloads elegy::elegy)
  endif()
  if(TARGET bench_peer_bdw)
    find_library(BDW_ARCHIVE "${CMAKE_STATIC_LIBRARY_PREFIX}gc${CMAKE_STATIC_LIBRARY_SUFFIX}"
      HINTS ${BDW_LIBRARY_DIRS})
    if(BDW_ARCHIVE)
      elegy_bench_static_program(bench_peer_bdw "${BDW_ARCHIVE}" ${CMAKE_DL_LIBS})
    endif()
  endif()
endif()
