lvs_test(unit/config/parse lvs_config)
lvs_fuzz_replay(config_parse lvs_config)
