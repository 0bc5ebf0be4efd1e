add_library(core_world STATIC netns/core/world.cpp)
target_link_libraries(core_world PUBLIC lvs_core_io lvs_ipvs_io GTest::gtest)
lvs_test(netns/core/nat core_world)
lvs_test(netns/core/survival core_world)
