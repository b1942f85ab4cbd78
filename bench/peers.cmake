# The same workloads on elegy's peers.

find_package(Java 17 QUIET COMPONENTS Development Runtime)
# Where another Node is installed, tools/bench unpacks Debian's library into build/libnode.
set(libnode_root "${PROJECT_SOURCE_DIR}/build/libnode/usr")
find_library(LIBNODE node
  HINTS "${libnode_root}" PATH_SUFFIXES "lib/${CMAKE_LIBRARY_ARCHITECTURE}")
find_path(CPPGC_INCLUDE_DIR cppgc/heap.h
  HINTS "${libnode_root}" PATH_SUFFIXES include/nodejs/deps/v8/include)
find_program(NODE_EXECUTABLE node)
find_program(GO_EXECUTABLE go)
find_package(PkgConfig QUIET)
if(PkgConfig_FOUND)
  pkg_check_modules(BDW QUIET IMPORTED_TARGET bdw-gc)
endif()

elegy_bench_program(bench_peer_shared_ptr SOURCES peers/shared_ptr.cc)
if(TARGET PkgConfig::BDW)
  elegy_bench_program(bench_peer_bdw SOURCES peers/bdw.cc LIBRARIES PkgConfig::BDW)
endif()
if(LIBNODE AND CPPGC_INCLUDE_DIR)
  elegy_bench_program(bench_peer_cppgc SOURCES peers/cppgc.cc LIBRARIES "${LIBNODE}")
  target_include_directories(bench_peer_cppgc SYSTEM PRIVATE "${CPPGC_INCLUDE_DIR}")
  target_compile_options(bench_peer_cppgc PRIVATE -fno-rtti)  # as V8 is compiled
endif()
if(Java_FOUND)
  include(UseJava)
  set(CMAKE_JAVA_COMPILE_FLAGS -XDstringConcat=inline)  # less to do at the start
  file(GLOB java_sources CONFIGURE_DEPENDS "${CMAKE_CURRENT_SOURCE_DIR}/peers/jvm/*.java")
  add_jar(bench_peer_jvm SOURCES ${java_sources})
endif()
if(GO_EXECUTABLE)
  file(GLOB go_sources CONFIGURE_DEPENDS "${CMAKE_CURRENT_SOURCE_DIR}/peers/go/*")
  set(go_program "${CMAKE_CURRENT_BINARY_DIR}/go/bench_peer_go")
  add_custom_command(OUTPUT "${go_program}"
    COMMAND "${CMAKE_COMMAND}" -E env GO111MODULE=on "GOCACHE=${CMAKE_CURRENT_BINARY_DIR}/go/cache"
            "${GO_EXECUTABLE}" build -buildvcs=false -o "${go_program}"
    WORKING_DIRECTORY "${CMAKE_CURRENT_SOURCE_DIR}/peers/go"
    DEPENDS ${go_sources}
    VERBATIM)
  add_custom_target(bench_peer_go ALL DEPENDS "${go_program}")
endif()
