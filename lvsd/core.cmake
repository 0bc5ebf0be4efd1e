# The embedded core: the programs, the pure table (lvs_core), its shell (lvs_core_io).
bpf_skeleton(lvs_bpf bpf/lvs.bpf.c)

add_library(lvs_core STATIC
  core/aging.cpp core/chain.cpp core/cursor.cpp core/defence.cpp core/expired.cpp core/reply_sources.cpp
  core/hash_tables.cpp core/layout.cpp core/pressure.cpp core/schedulers.cpp core/settings.cpp core/slots.cpp core/sweeping.cpp core/table.cpp core/traced.cpp core/where_frame.cpp core/whereabouts.cpp)
target_link_libraries(lvs_core PUBLIC lvs_ipvs)

# What is attached and what its maps hold, without the programs themselves: enough to read it.
add_library(lvs_core_reading STATIC
  core/io/attached.cpp core/io/devices.cpp core/io/frozen.cpp core/io/reading.cpp
  core/io/tables.cpp)
target_link_libraries(lvs_core_reading PUBLIC lvs_core lvs_io
  PRIVATE PkgConfig::LIBBPF PkgConfig::LIBNL_ROUTE)

# The programs on a copy of the tables, to ask them where a packet would go.
add_library(lvs_core_where STATIC core/io/rehearsal.cpp core/io/where.cpp)
target_link_libraries(lvs_core_where PUBLIC lvs_core_reading lvs_rtnetlink
  PRIVATE lvs_bpf PkgConfig::LIBBPF PkgConfig::LIBNL_ROUTE)

# Packets as the attached programs tell of them.
add_library(lvs_core_trace STATIC core/io/trace.cpp)
target_link_libraries(lvs_core_trace PUBLIC lvs_core_reading PRIVATE PkgConfig::LIBBPF)

add_library(lvs_core_io STATIC
  core/io/attachments.cpp core/io/chain_keeper.cpp core/io/copy_probe.cpp core/io/core.cpp core/io/deny_list.cpp core/io/encryption.cpp
  core/io/grace.cpp core/io/known_addresses.cpp core/io/localities.cpp core/io/nft.cpp core/io/programs.cpp core/io/state.cpp core/io/sweeper.cpp core/io/watch.cpp
  core_mode.cpp)
target_link_libraries(lvs_core_io PUBLIC lvs_core_reading lvs_ipvs_io
  PRIVATE lvs_bpf PkgConfig::LIBNL_ROUTE)
