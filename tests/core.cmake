lvs_test(unit/lvsd/core/tcp_states lvs_core)
lvs_test(unit/lvsd/core/sctp_states lvs_core)
lvs_test(unit/lvsd/core/sctp_checksum lvs_core)
lvs_test(unit/lvsd/core/cursor lvs_core)
lvs_test(unit/lvsd/core/schedulers lvs_core)
lvs_test(unit/lvsd/core/table lvs_core)
lvs_test(unit/lvsd/core/capabilities lvs_core)
lvs_test(unit/lvsd/core/layout lvs_core)
lvs_test(unit/lvsd/core/expired lvs_core)
lvs_test(unit/lvsd/core/pressure lvs_core)
lvs_test(unit/lvsd/core/sweeping lvs_core)

add_library(core_world STATIC netns/core/world.cpp)
target_link_libraries(core_world PUBLIC lvs_core_io lvs_ipvs_io GTest::gtest)
lvs_test(netns/core/nat core_world)
lvs_test(netns/core/survival core_world)
lvs_test(netns/core/icmp core_world)

lvs_test(bpf/nat lvs_core_io PkgConfig::LIBBPF)
lvs_test(bpf/icmp lvs_core_io PkgConfig::LIBBPF)
lvs_test(bpf/changes lvs_core_io PkgConfig::LIBBPF)
lvs_test(bpf/scheduling lvs_core_io PkgConfig::LIBBPF)
lvs_test(bpf/chain lvs_core_io PkgConfig::LIBBPF)
lvs_test(bpf/table_law lvs_core_io PkgConfig::LIBBPF)
lvs_test(bpf/ipv6 lvs_core_io PkgConfig::LIBBPF)
lvs_test(bpf/ftp lvs_core_io PkgConfig::LIBBPF)
lvs_test(bpf/sctp lvs_core_io PkgConfig::LIBBPF)

# These keep a processor busy, which counts as two jobs (tests/CMakeLists.txt).
set_tests_properties(bpf.nat bpf.icmp bpf.changes bpf.scheduling bpf.chain bpf.table_law bpf.ipv6 bpf.ftp
  PROPERTIES PROCESSORS 2)
# It measures: a repair has 100 ms.
set_tests_properties(netns.core.survival PROPERTIES RUN_SERIAL TRUE)
