# Firewall marks as iptables rules: the texts (pure), and iptables-restore and the saved file (shell).
add_library(lvs_marks STATIC marks.cpp)
target_link_libraries(lvs_marks PUBLIC lvs_common lvs_config)

add_library(lvs_marks_io STATIC io/command.cpp io/mark_rules.cpp io/mark_watch.cpp)
target_link_libraries(lvs_marks_io PUBLIC lvs_marks lvs_io)
