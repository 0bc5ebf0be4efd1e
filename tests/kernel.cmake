# Against the kernel's own ip_vs, on a user-mode kernel (docs/kernel.md). 77: no such kernel here, skipped with the reason.
set(kernel_tests kernel.harness)
add_test(NAME kernel.harness COMMAND kernel/harness WORKING_DIRECTORY ${PROJECT_SOURCE_DIR}/tests)
set_tests_properties(${kernel_tests} PROPERTIES LABELS kernel TIMEOUT 180 PROCESSORS 1 SKIP_RETURN_CODE 77)
