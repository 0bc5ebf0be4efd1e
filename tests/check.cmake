# What is not behaviour: the tree's own rules, the format, the manual pages.
add_test(NAME check.tidy_self COMMAND check/tidy --self-test WORKING_DIRECTORY ${PROJECT_SOURCE_DIR}/tests)
add_test(NAME check.tidy COMMAND check/tidy ${PROJECT_SOURCE_DIR} WORKING_DIRECTORY ${PROJECT_SOURCE_DIR}/tests)
add_test(NAME check.man COMMAND check/man WORKING_DIRECTORY ${PROJECT_SOURCE_DIR}/tests)
add_test(NAME check.format COMMAND check/format WORKING_DIRECTORY ${PROJECT_SOURCE_DIR}/tests)
add_test(NAME check.completion COMMAND check/completion $<TARGET_FILE_DIR:lvsadm> WORKING_DIRECTORY ${PROJECT_SOURCE_DIR}/tests)
add_test(NAME check.unit COMMAND check/unit WORKING_DIRECTORY ${PROJECT_SOURCE_DIR}/tests)
add_test(NAME check.executable COMMAND check/executable WORKING_DIRECTORY ${PROJECT_SOURCE_DIR}/tests)
add_test(NAME check.current COMMAND check/current WORKING_DIRECTORY ${PROJECT_SOURCE_DIR}/tests)
add_test(NAME check.stack COMMAND check/stack ${PROJECT_BINARY_DIR}/generated/skeleton/lvs_bpf.bpf.o
         WORKING_DIRECTORY ${PROJECT_SOURCE_DIR}/tests)
set_tests_properties(check.tidy_self check.tidy check.man check.format check.completion check.unit check.executable check.current check.stack
  PROPERTIES LABELS check)
add_test(NAME check.alerts COMMAND check/alerts WORKING_DIRECTORY ${PROJECT_SOURCE_DIR}/tests)
set_tests_properties(check.alerts PROPERTIES LABELS check SKIP_RETURN_CODE 77)
