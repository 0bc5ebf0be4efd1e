# lvs_test(PATH LIBS...): one GoogleTest program from PATH.cpp; its name is the path with dots, its label the first folder.
# Tests of label unit, sim and fuzz-replay need nothing of the machine and also run under the sanitizers.
add_custom_target(sanitized_tests)

function(lvs_test PATH)
  string(REPLACE "/" "." name ${PATH})
  string(REGEX REPLACE "/.*" "" label ${PATH})
  if(label STREQUAL "fuzz")
    set(label fuzz-replay)
  endif()
  add_executable(${name} ${PATH}.cpp)
  target_link_libraries(${name} PRIVATE lvs_options ${ARGN} GTest::gmock GTest::gtest_main)
  set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/tests)
  add_test(NAME ${name} COMMAND ${name} WORKING_DIRECTORY ${PROJECT_SOURCE_DIR}/tests)
  set_tests_properties(${name} PROPERTIES LABELS ${label} TIMEOUT 120)
  if(label MATCHES "^(unit|sim|fuzz-replay)$")
    add_dependencies(sanitized_tests ${name})
  endif()
endfunction()
