# Programs that people use, through the embedded core (docs/programs.md): each file of tests/programs is one test. 77: skipped,
# with the reason.
foreach(program web ftp dns bulk vpn sip)
  add_test(NAME programs.${program} COMMAND programs/run.py $<TARGET_FILE_DIR:lvsd> ${program}
    WORKING_DIRECTORY ${PROJECT_SOURCE_DIR}/tests)
  list(APPEND programs programs.${program})
endforeach()
# Once more where new connections do not take the stack: what it is cheap to play twice.
add_test(NAME programs.express
  COMMAND programs/run.py $<TARGET_FILE_DIR:lvsd> --core express every_way_serves connections_are_kept files_come_whole
    many_transfers_by_one_connection questions_are_answered large_answers_come_in_fragments bytes_arrive calls_are_made
  WORKING_DIRECTORY ${PROJECT_SOURCE_DIR}/tests)
# They keep a processor busy, which counts as two jobs (tests/CMakeLists.txt).
set_tests_properties(${programs} programs.express PROPERTIES LABELS programs TIMEOUT 600 PROCESSORS 2 SKIP_RETURN_CODE 77)
