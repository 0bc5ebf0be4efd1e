# The arbitration of pulse and its simulator.
add_library(lvs_sim_world STATIC sim/chaos.cpp sim/checkers.cpp sim/world.cpp)
target_link_libraries(lvs_sim_world PUBLIC lvs_pulse)
add_executable(lvs_sim sim/main.cpp)
target_link_libraries(lvs_sim PRIVATE lvs_sim_world)
lvs_test(sim/sim_test lvs_sim_world)
