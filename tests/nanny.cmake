lvs_test(unit/common/monitor_codec lvs_monitor)
lvs_fuzz_replay(monitor_codec lvs_monitor)
