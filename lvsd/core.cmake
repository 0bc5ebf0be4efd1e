# The embedded core: the programs, the pure table (lvs_core), its shell (lvs_core_io).
bpf_skeleton(lvs_bpf bpf/lvs.bpf.c)

add_library(lvs_core STATIC
  core/chain.cpp core/layout.cpp core/slots.cpp core/table.cpp core/turns.cpp)
target_link_libraries(lvs_core PUBLIC lvs_ipvs)

add_library(lvs_core_io STATIC
  core/io/core.cpp core/io/devices.cpp core/io/nft.cpp core/io/programs.cpp core/io/state.cpp
  core/io/watch.cpp core_mode.cpp)
target_link_libraries(lvs_core_io PUBLIC lvs_core lvs_ipvs_io lvs_io
  PRIVATE lvs_bpf PkgConfig::LIBNL_ROUTE PkgConfig::LIBNFTABLES)
