lvs_test(unit/config/parse lvs_config)
