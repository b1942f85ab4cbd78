# Compiles a file that must not compile. Passes when the compiler fails and what it prints matches
# the regular expression in the file's first line:
#
#   // EXPECT: <regex>
#
# Usage: cmake -D SOURCE=<file> -P ExpectCompileError.cmake -- <compiler> <flags>...

set(command "")
set(after_dashes FALSE)
math(EXPR last "${CMAKE_ARGC} - 1")
foreach(i RANGE ${last})
  if(after_dashes)
    list(APPEND command "${CMAKE_ARGV${i}}")
  elseif(CMAKE_ARGV${i} STREQUAL "--")
    set(after_dashes TRUE)
  endif()
endforeach()

file(READ "${SOURCE}" text)
if(NOT text MATCHES "^// EXPECT: ([^\n]+)\n")
  message(FATAL_ERROR "${SOURCE}: the first line must be `// EXPECT: <regex>`")
endif()
set(expected "${CMAKE_MATCH_1}")

# In the C locale messages are in English, with plain quotes.
set(ENV{LC_ALL} C)
execute_process(
  COMMAND ${command} "${SOURCE}"
  RESULT_VARIABLE result
  OUTPUT_VARIABLE output
  ERROR_VARIABLE output)

if(result EQUAL 0)
  message(FATAL_ERROR "${SOURCE} compiles; expected an error matching `${expected}`")
elseif(NOT output MATCHES "${expected}")
  message(FATAL_ERROR
    "${SOURCE} fails to compile, but no message matches `${expected}`:\n${output}")
endif()
