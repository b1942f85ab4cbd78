# Every program once with tiny sizes. A program checks its own results, and fails if one is wrong.

function(elegy_bench_smoke_test name)
  add_test(NAME bench.${name} COMMAND ${ARGN})
  set_tests_properties(bench.${name} PROPERTIES LABELS bench TIMEOUT 120)
endfunction()

# elegy_bench_smoke_tests(<name> <workload>... COMMAND <command>...)
function(elegy_bench_smoke_tests name)
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "" "WORKLOADS;COMMAND")
  set(size_start "")
  set(size_alloc32 --objects=200000)
  set(size_binary-trees --depth=10)
  set(size_binary-trees-mt --depth=10)
  set(size_gcbench --depth=12)
  set(size_churn 4 --operations=50000 --max_heap_mib=0)
  set(size_fragment 1 --survivors=20 --passes=2)
  set(size_finalize --objects=10000)
  set(size_finalize-beside 4 --objects=10000 --passes=2 --milliseconds=20)
  set(size_deref --objects=10000 --passes=2)
  set(size_deref-persistent ${size_deref})
  set(size_ephemeron --objects=10000)
  set(size_ephemeron-chain --objects=2000 --length=500 --maps=3 --backwards=1 --passes=1)
  set(size_mark --objects=50000)
  set(size_churn-mt ${size_churn} --threads=3)
  foreach(workload IN LISTS arg_WORKLOADS)
    string(REPLACE churn-mt churn program ${workload})
    elegy_bench_smoke_test(${name}.${workload}
      ${arg_COMMAND} ${program} ${size_${workload}} --initial_heap_mib=1)
  endforeach()
endfunction()

set(single_threaded_workloads start alloc32 binary-trees gcbench churn)
set(common_workloads ${single_threaded_workloads} binary-trees-mt churn-mt fragment)

elegy_bench_smoke_test(noise bench_noise --milliseconds=20)
foreach(operation IN ITEMS allocate-32 store-barrier-off poll deref weak-map-get)
  elegy_bench_smoke_test(instructions.${operation} bench_instructions ${operation} 1000)
endforeach()
# Not a smoke test: counts in place of timings, so that a fast path that grows is seen anywhere.
find_package(Python3 QUIET COMPONENTS Interpreter)
find_program(VALGRIND_EXECUTABLE valgrind)
mark_as_advanced(VALGRIND_EXECUTABLE)
if(Python3_FOUND AND VALGRIND_EXECUTABLE AND CMAKE_BUILD_TYPE STREQUAL "Release")
  elegy_bench_smoke_test(instruction_counts
    "${Python3_EXECUTABLE}" -B "${CMAKE_CURRENT_SOURCE_DIR}/harness/instructions.py"
    --build-dir "${PROJECT_BINARY_DIR}")
endif()
elegy_bench_smoke_tests(elegy
  WORKLOADS
    ${common_workloads} finalize finalize-beside deref deref-persistent ephemeron ephemeron-chain
    mark
  COMMAND elegy_workloads)
if(TARGET bench_peer_shared_ptr)
  elegy_bench_smoke_tests(shared_ptr
    WORKLOADS ${common_workloads} finalize deref
    COMMAND bench_peer_shared_ptr)
endif()
if(TARGET bench_peer_bdw)
  elegy_bench_smoke_tests(bdw
    WORKLOADS ${common_workloads} finalize deref mark
    COMMAND bench_peer_bdw)
endif()
foreach(program IN ITEMS elegy_workloads bench_peer_shared_ptr bench_peer_bdw)
  if(TARGET ${program}_static)
    elegy_bench_smoke_tests(static.${program} WORKLOADS start COMMAND ${program}_static)
  endif()
endforeach()
if(TARGET bench_peer_cppgc)
  elegy_bench_smoke_tests(cppgc
    WORKLOADS ${single_threaded_workloads} fragment finalize deref deref-persistent ephemeron mark
    COMMAND bench_peer_cppgc)
endif()
if(TARGET bench_peer_jvm)
  get_target_property(jar bench_peer_jvm JAR_FILE)
  elegy_bench_smoke_tests(jvm
    WORKLOADS ${common_workloads} finalize deref mark
    COMMAND "${Java_JAVA_EXECUTABLE}" -XX:+UseParallelGC -Xmx256m -cp "${jar}" Bench)
endif()
if(TARGET bench_peer_go)
  elegy_bench_smoke_tests(go
    WORKLOADS ${common_workloads} finalize mark
    COMMAND "${go_program}")
endif()
if(NODE_EXECUTABLE AND NOT ELEGY_SANITIZE)
  elegy_bench_smoke_tests(node
    WORKLOADS ${single_threaded_workloads} finalize deref ephemeron mark
    COMMAND "${NODE_EXECUTABLE}" --expose-gc "${CMAKE_CURRENT_SOURCE_DIR}/peers/node/bench.js")
endif()
if(TARGET elegy_micro_bench)
  set(filter "")
  if(ELEGY_SANITIZE)
    set(filter "--benchmark_filter=-Random|Unmarked|Register/|Drain")  # a minute instead of seconds
  endif()
  elegy_bench_smoke_test(micro elegy_micro_bench --benchmark_min_time=0.001 ${filter})
  # Google Benchmark succeeds even when a benchmark does not.
  set_tests_properties(bench.micro PROPERTIES FAIL_REGULAR_EXPRESSION "ERROR OCCURRED")
endif()

if(Python3_FOUND)
  elegy_bench_smoke_test(chains
    "${Python3_EXECUTABLE}" -B "${CMAKE_CURRENT_SOURCE_DIR}/harness/ephemeron_chains.py"
    --build-dir "${PROJECT_BINARY_DIR}" --lengths 10,1000 --passes 1 --cpu)
endif()
if(Python3_FOUND AND TARGET bench_peer_shared_ptr)
  set(series churn-8,churn-16,churn-64,churn-mt-1,churn-mt-2,churn-mt-3)
  string(APPEND series ,fragment-1,fragment-2,fragment-3,deref-1,deref-2,deref-3)
  elegy_bench_smoke_test(harness
    "${Python3_EXECUTABLE}" -B "${CMAKE_CURRENT_SOURCE_DIR}/harness/run_benchmarks.py"
    --build-dir "${PROJECT_BINARY_DIR}" --quick --runs 2
    --workloads start,${series} --peers shared_ptr
    --json "${CMAKE_CURRENT_BINARY_DIR}/smoke_test.json")
  elegy_bench_smoke_test(report
    "${Python3_EXECUTABLE}" -B "${CMAKE_CURRENT_SOURCE_DIR}/harness/run_benchmarks.py"
    --build-dir "${PROJECT_BINARY_DIR}" --report-only
    --json "${CMAKE_CURRENT_BINARY_DIR}/smoke_test.json"
    --markdown "${CMAKE_CURRENT_BINARY_DIR}/smoke_test.md")
  # Results of an earlier build would be kept.
  elegy_bench_smoke_test(no_results
    "${CMAKE_COMMAND}" -E rm -f "${CMAKE_CURRENT_BINARY_DIR}/smoke_test.json")
  set_tests_properties(bench.no_results PROPERTIES FIXTURES_SETUP bench.no_results)
  set_tests_properties(bench.harness PROPERTIES
    FIXTURES_REQUIRED bench.no_results FIXTURES_SETUP bench.results)
  set_tests_properties(bench.report PROPERTIES
    FIXTURES_REQUIRED bench.results FIXTURES_SETUP bench.page)
  # Without memory_over_time: a quick run may be over before its memory has been looked at.
  set(pictures times memory delays heap_scaling churn_threads fragmentation growth cycles)
  list(TRANSFORM pictures PREPEND "${CMAKE_CURRENT_BINARY_DIR}/smoke_test/")
  list(TRANSFORM pictures APPEND ".svg")
  elegy_bench_smoke_test(pictures "${CMAKE_COMMAND}" -E cat ${pictures})
  set_tests_properties(bench.pictures PROPERTIES FIXTURES_REQUIRED bench.page)
endif()
