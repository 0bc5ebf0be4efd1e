# The keeper's policy and the frames on the wire are pure; the rest talks to the kernel.
target_sources(lvs_pulse PRIVATE children.cpp frames.cpp)

add_library(lvs_pulse_io STATIC
  io/addresses.cpp io/announce.cpp io/heartbeat_socket.cpp io/links.cpp io/rtnetlink.cpp)
target_link_libraries(lvs_pulse_io PUBLIC lvs_pulse lvs_config lvs_io PkgConfig::LIBNL)
