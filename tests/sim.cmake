# The arbitration of pulse and its simulator.
add_library(lvs_sim_world STATIC sim/chaos.cpp sim/checkers.cpp sim/world.cpp sim/world_actions.cpp sim/world_services.cpp
                                 sim/world_questions.cpp)
target_link_libraries(lvs_sim_world PUBLIC lvs_pulse)
# lvsd, nanny, and their simulator.
add_library(lvs_sim_servers STATIC sim/servers/chaos.cpp sim/servers/core_model.cpp
  sim/servers/file.cpp sim/servers/laws.cpp sim/servers/nanny_model.cpp sim/servers/wish.cpp
  sim/servers/world.cpp)
target_link_libraries(lvs_sim_servers PUBLIC lvs_lvsd lvs_nanny lvs_monitor)
add_executable(lvs_sim sim/main.cpp)
target_link_libraries(lvs_sim PRIVATE lvs_sim_world lvs_sim_servers)
lvs_test(sim/sim_test lvs_sim_world)
lvs_test(sim/links_test lvs_sim_world)
lvs_test(sim/servers_test lvs_sim_world)
lvs_test(sim/standstill_test lvs_sim_world)
lvs_test(sim/servers/histories_test lvs_sim_servers)
lvs_test(unit/pulse/wire lvs_pulse)
lvs_test(unit/pulse/peer lvs_pulse)
lvs_test(unit/pulse/able lvs_pulse)
lvs_test(unit/pulse/standing lvs_pulse)
lvs_test(unit/pulse/director lvs_pulse)
lvs_test(unit/pulse/services lvs_pulse)
lvs_test(unit/pulse/addresses lvs_pulse)
lvs_test(unit/pulse/ahead lvs_pulse)
lvs_test(unit/pulse/settings lvs_pulse)
lvs_fuzz_replay(heartbeat lvs_pulse)
# Edits that the tests above must notice: a third in each run, all in `./run soak`. They link
# against this build, so not under the sanitizers.
if(NOT CARIBE_SANITIZE)
  add_test(NAME mutants COMMAND mutants/run ${PROJECT_BINARY_DIR} --third
    WORKING_DIRECTORY ${PROJECT_SOURCE_DIR}/tests)
  add_test(NAME mutants.all COMMAND mutants/run ${PROJECT_BINARY_DIR}
    WORKING_DIRECTORY ${PROJECT_SOURCE_DIR}/tests)
  set_tests_properties(mutants mutants.all PROPERTIES LABELS mutants TIMEOUT 1800 PROCESSORS 4
    ENVIRONMENT CXX=${CMAKE_CXX_COMPILER})
  set_tests_properties(mutants.all PROPERTIES LABELS soak)
endif()
