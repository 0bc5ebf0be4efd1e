# The embedded core: pure table (lvs_core), its shell (lvs_core_io).
add_library(lvs_core_io STATIC core/io/core.cpp)
target_link_libraries(lvs_core_io PUBLIC lvs_ipvs lvs_io)
