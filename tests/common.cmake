lvs_test(unit/common/address lvs_common)
lvs_test(unit/common/log lvs_common)
lvs_test(io/common/control_socket lvs_io)
lvs_test(io/common/notify lvs_io)
