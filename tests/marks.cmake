lvs_test(unit/lvsd/marks lvs_marks)
lvs_test(netns/marks lvs_marks_io)
