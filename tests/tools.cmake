lvs_test(unit/tools/lvsadm/options lvs_lvsadm)
lvs_test(unit/tools/lvsadm/print lvs_lvsadm)
lvs_test(unit/tools/lvsadm/run lvs_lvsadm)
lvs_test(unit/tools/lvsadm/save_restore lvs_lvsadm)
