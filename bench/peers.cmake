# The same workloads on elegy's peers.

find_package(Java 17 QUIET COMPONENTS Development Runtime)
find_package(PkgConfig QUIET)
if(PkgConfig_FOUND)
  pkg_check_modules(BDW QUIET IMPORTED_TARGET bdw-gc)
endif()

elegy_bench_program(bench_peer_shared_ptr SOURCES peers/shared_ptr.cc)
if(TARGET PkgConfig::BDW)
  elegy_bench_program(bench_peer_bdw SOURCES peers/bdw.cc LIBRARIES PkgConfig::BDW)
endif()
if(Java_FOUND)
  include(UseJava)
  file(GLOB java_sources CONFIGURE_DEPENDS "${CMAKE_CURRENT_SOURCE_DIR}/peers/jvm/*.java")
  add_jar(bench_peer_jvm SOURCES ${java_sources})
endif()
