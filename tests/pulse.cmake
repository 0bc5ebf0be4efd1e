lvs_test(unit/pulse/children lvs_pulse)
lvs_test(unit/pulse/frames lvs_pulse)
lvs_test(unit/pulse/adoption lvs_pulse)
lvs_test(unit/pulse/handover lvs_pulse)
