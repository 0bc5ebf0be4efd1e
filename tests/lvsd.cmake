# lvsd apart from its core and its mark rules.
lvs_test(unit/lvsd/desired lvs_lvsd)
lvs_test(unit/lvsd/draining lvs_lvsd)
lvs_test(unit/lvsd/health_watch lvs_lvsd)
lvs_test(unit/lvsd/held_back lvs_lvsd)
lvs_test(unit/lvsd/host_keeper lvs_lvsd)
lvs_test(unit/lvsd/host_settings lvs_lvsd)
lvs_test(unit/lvsd/kernel_advice lvs_lvsd)
lvs_test(unit/lvsd/monitors lvs_lvsd)
lvs_test(unit/lvsd/options lvs_lvsd)
lvs_test(unit/lvsd/plan lvs_lvsd)
lvs_test(unit/lvsd/reconciler lvs_lvsd)
lvs_test(unit/lvsd/reload lvs_lvsd)
lvs_test(unit/lvsd/reload_law lvs_lvsd)
lvs_test(unit/lvsd/role lvs_lvsd)
lvs_test(unit/lvsd/sync_daemons lvs_lvsd)
lvs_test(io/lvsd/ownership_record lvs_lvsd_io)

# Real packets, real web servers, in network namespaces of its own. 77: skipped, with the reason.
add_test(NAME netns.lvsd COMMAND python3 netns/lvsd.py $<TARGET_FILE_DIR:lvsd>
  WORKING_DIRECTORY ${PROJECT_SOURCE_DIR}/tests)
set_tests_properties(netns.lvsd PROPERTIES LABELS netns TIMEOUT 600 SKIP_RETURN_CODE 77)
