# The judge on recorded logs; then the drill itself with the programs of this very build and generous bounds, and the
# proof that it can fail: each sabotage must be noticed by the expectation meant for it (exit status 1, see drill.py).
add_test(NAME unit.lab.judging COMMAND lab/unit/judging.py WORKING_DIRECTORY ${PROJECT_SOURCE_DIR}/tests)
add_test(NAME unit.chaos.judging COMMAND chaos/unit/judging.py WORKING_DIRECTORY ${PROJECT_SOURCE_DIR}/tests)
add_test(NAME io.lab.prober COMMAND lab/unit/probing.py $<TARGET_FILE:prober>
  WORKING_DIRECTORY ${PROJECT_SOURCE_DIR}/tests)
set_tests_properties(unit.lab.judging unit.chaos.judging PROPERTIES LABELS unit TIMEOUT 300)
set_tests_properties(io.lab.prober PROPERTIES LABELS io TIMEOUT 300)

if(CMAKE_BUILD_TYPE STREQUAL "Debug" AND NOT CARIBE_SANITIZE)
  cmake_path(GET PROJECT_BINARY_DIR FILENAME preset)
  set(drill lab/drill --no-build --preset ${preset} --lab drilltest)
  add_test(NAME lab.drill COMMAND ${drill} WORKING_DIRECTORY ${PROJECT_SOURCE_DIR}/tests)
  set(tests lab.drill)
  add_test(NAME lab.drill.direct COMMAND ${drill} --forward direct WORKING_DIRECTORY ${PROJECT_SOURCE_DIR}/tests)
  add_test(NAME lab.drill.directors COMMAND ${drill} --directors-are-servers
    WORKING_DIRECTORY ${PROJECT_SOURCE_DIR}/tests)
  list(APPEND tests lab.drill.direct lab.drill.directors)
  # Chaos with a fixed seed.
  add_test(NAME lab.chaos
    COMMAND chaos/chaos --no-build --preset ${preset} --lab chaostest --seed 7 --rounds 5
    WORKING_DIRECTORY ${PROJECT_SOURCE_DIR}/tests)
  list(APPEND tests lab.chaos)
  # Two directors that boot with systemd, of what this build installs.
  add_test(NAME lab.boot COMMAND boot/boot --build ${PROJECT_BINARY_DIR} WORKING_DIRECTORY ${PROJECT_SOURCE_DIR}/tests)
  list(APPEND tests lab.boot)
  list(JOIN drill " " command)
  add_test(NAME lab.sabotage.no-vip
    COMMAND sh -c "${command} --forward direct --sabotage no-vip; test $? -eq 1"
    WORKING_DIRECTORY ${PROJECT_SOURCE_DIR}/tests)
  list(APPEND tests lab.sabotage.no-vip)
  foreach(sabotage no-takeover no-adopt no-mark no-persistence drop-1%)
    add_test(NAME lab.sabotage.${sabotage}
      COMMAND sh -c "${command} --sabotage ${sabotage}; test $? -eq 1"
      WORKING_DIRECTORY ${PROJECT_SOURCE_DIR}/tests)
    list(APPEND tests lab.sabotage.${sabotage})
  endforeach()

  # The same on the kernel's ip_vs, if need be in a user-mode kernel. 77: there is none here, skipped with the reason.
  set(drill lab/drill --boot --core kernel --no-build --preset ${preset} --lab kerneltest)
  add_test(NAME lab.kernel COMMAND ${drill} WORKING_DIRECTORY ${PROJECT_SOURCE_DIR}/tests)
  list(JOIN drill " " command)
  add_test(NAME lab.kernel.sabotage.no-mark
    COMMAND sh -c "${command} --sabotage no-mark; status=$?; test $status -ne 77 || exit 77; test $status -eq 1"
    WORKING_DIRECTORY ${PROJECT_SOURCE_DIR}/tests)
  set(kernel_tests lab.kernel lab.kernel.sabotage.no-mark)
  set_tests_properties(${kernel_tests} PROPERTIES LABELS "lab;kernel" TIMEOUT 1200 SKIP_RETURN_CODE 77
    RUN_SERIAL TRUE RESOURCE_LOCK lab)

  set_tests_properties(${tests} PROPERTIES LABELS lab TIMEOUT 900 RUN_SERIAL TRUE RESOURCE_LOCK lab)
  set_tests_properties(lab.boot PROPERTIES SKIP_RETURN_CODE 77)
endif()
