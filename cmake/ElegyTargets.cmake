# Functions for elegy's own targets: the library, its tests, its benchmarks and its examples.

# Warnings are private to a target: they never reach a program that links elegy.
function(elegy_set_warnings target)
  target_compile_options(${target} PRIVATE
    -Wall
    -Wextra
    -Wpedantic
    -Wshadow
    -Wnon-virtual-dtor
    -Woverloaded-virtual
    -Wimplicit-fallthrough
    $<$<CXX_COMPILER_ID:Clang,AppleClang>:-Wthread-safety>
    $<$<BOOL:${ELEGY_WERROR}>:-Werror>)
endfunction()

# Sanitizers are public: what links a sanitized library has to be sanitized, too.
function(elegy_set_sanitizers target)
  if(ELEGY_SANITIZE)
    target_compile_options(${target} PUBLIC
      -fsanitize=${ELEGY_SANITIZE} -fno-omit-frame-pointer)
    target_link_options(${target} PUBLIC -fsanitize=${ELEGY_SANITIZE})
  endif()
endfunction()

# Public, since templates of the library's headers are compiled into what uses them. Counters are
# atomic: many threads add to them.
function(elegy_set_coverage target)
  if(ELEGY_COVERAGE)
    target_compile_options(${target} PUBLIC --coverage -fprofile-update=atomic)
    target_link_options(${target} PUBLIC --coverage)
  endif()
endfunction()
