# lvs_test(PATH LIBS...): one GoogleTest program from PATH.cpp; its name is the path with dots, its label the first folder.
# Tests of label unit, sim and fuzz-replay need nothing of the machine and also run under the sanitizers.
add_custom_target(sanitized_tests)

# GoogleTest's headers, compiled once: they are half of what a small test costs. (-fpch-preprocess lets ccache see.)
if(BUILD_TESTING)
  file(CONFIGURE OUTPUT ${PROJECT_BINARY_DIR}/generated/test_headers.cpp CONTENT "")
  add_library(lvs_test_headers OBJECT EXCLUDE_FROM_ALL ${PROJECT_BINARY_DIR}/generated/test_headers.cpp)
  target_link_libraries(lvs_test_headers PRIVATE lvs_options GTest::gmock)
  # GCC 12 believes std::string's operator+ to write out of bounds once <string> comes precompiled.
  set(LVS_TEST_OPTIONS -fpch-preprocess -Wno-array-bounds -Wno-restrict
      -Wno-stringop-overflow)
  target_compile_options(lvs_test_headers PRIVATE ${LVS_TEST_OPTIONS})
  target_precompile_headers(lvs_test_headers PRIVATE
    <gmock/gmock.h> <gtest/gtest.h> <map> <optional> <string> <variant> <vector>)
endif()

function(lvs_test PATH)
  string(REPLACE "/" "." name ${PATH})
  string(REGEX REPLACE "/.*" "" label ${PATH})
  if(label STREQUAL "fuzz")
    set(label fuzz-replay)
  endif()
  add_executable(${name} ${PATH}.cpp)
  target_link_libraries(${name} PRIVATE lvs_options ${ARGN} GTest::gmock GTest::gtest_main)
  target_compile_options(${name} PRIVATE ${LVS_TEST_OPTIONS})
  target_precompile_headers(${name} REUSE_FROM lvs_test_headers)
  set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/tests)
  add_test(NAME ${name} COMMAND ${name} WORKING_DIRECTORY ${PROJECT_SOURCE_DIR}/tests)
  set_tests_properties(${name} PROPERTIES LABELS ${label} TIMEOUT 600)
  if(label MATCHES "^(unit|sim|fuzz-replay)$")
    add_dependencies(sanitized_tests ${name})
  endif()
endfunction()

# lvs_fuzz_replay(NAME LIBS...): tests/fuzz/NAME.cpp with a main that replays tests/fuzz/corpus/NAME and a bounded,
# seeded number of mutations of it, as an ordinary test. With clang and -fsanitize=fuzzer the same file is a fuzzer.
function(lvs_fuzz_replay NAME)
  set(name fuzz.${NAME})
  add_executable(${name} ${PROJECT_SOURCE_DIR}/tests/fuzz/${NAME}.cpp ${PROJECT_SOURCE_DIR}/tests/fuzz/main.cpp)
  target_link_libraries(${name} PRIVATE lvs_options lvs_common ${ARGN})
  set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/tests)
  add_test(NAME ${name} COMMAND ${name} ${PROJECT_SOURCE_DIR}/tests/fuzz/corpus/${NAME})
  set_tests_properties(${name} PROPERTIES LABELS fuzz-replay TIMEOUT 600)
  add_dependencies(sanitized_tests ${name})
endfunction()
