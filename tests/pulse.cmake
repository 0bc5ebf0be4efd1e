lvs_test(unit/pulse/children lvs_pulse)
lvs_test(unit/pulse/frames lvs_pulse)
lvs_test(unit/pulse/adoption lvs_pulse)
lvs_test(unit/pulse/handover lvs_pulse)
lvs_test(unit/pulse/hold lvs_pulse)
lvs_test(unit/pulse/keys lvs_pulse)
lvs_test(unit/pulse/legacy lvs_pulse)
lvs_test(unit/pulse/notice lvs_pulse)
lvs_test(unit/pulse/unheard lvs_pulse)
lvs_test(unit/pulse/options lvs_pulse)
lvs_test(io/pulse/files_and_words lvs_pulse_io)
lvs_test(io/pulse/arming_gate lvs_pulse_io)
lvs_test(io/pulse/commands lvs_pulse_io)
lvs_test(io/pulse/notify_fifo lvs_pulse_io)
lvs_test(netns/pulse/addresses lvs_pulse_io)
lvs_test(netns/pulse/announce lvs_pulse_io)

# Two whole directors; one test a subject, a file each. 77: skipped, with the reason.
foreach(subject life serving hearing operating legacy)
  add_test(NAME netns.pulse.${subject} COMMAND netns/pulse/pair.py $<TARGET_FILE_DIR:pulse> ${subject}
    WORKING_DIRECTORY ${PROJECT_SOURCE_DIR}/tests)
  # One pair at a time: each starts and loads its cores again and again, and its stories know deadlines.
  set_tests_properties(netns.pulse.${subject} PROPERTIES LABELS netns TIMEOUT 600 SKIP_RETURN_CODE 77
    RESOURCE_LOCK pair)
endforeach()
