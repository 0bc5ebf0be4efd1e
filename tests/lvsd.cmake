# lvsd apart from its core and its mark rules.
lvs_test(unit/lvsd/desired lvs_lvsd)
lvs_test(unit/lvsd/monitors lvs_lvsd)
lvs_test(unit/lvsd/plan lvs_lvsd)
lvs_test(unit/lvsd/reconciler lvs_lvsd)
