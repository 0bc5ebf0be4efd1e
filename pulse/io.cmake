# The keeper's policy, the command line and the frames on the wire are pure; the rest talks to the kernel.
target_sources(lvs_pulse PRIVATE children.cpp frames.cpp options.cpp)

add_library(lvs_pulse_io STATIC
  io/addresses.cpp
  io/announce.cpp
  io/arbiter.cpp
  io/command.cpp
  io/heartbeat_socket.cpp
  io/keeper.cpp
  io/kept_file.cpp
  io/last_good.cpp
  io/links.cpp
  io/lvsd_link.cpp
  io/notify_fifo.cpp
  io/realtime.cpp
  io/setup.cpp
  io/shell.cpp
  io/state_dir.cpp
  io/status_json.cpp
  io/witness.cpp
)
target_link_libraries(lvs_pulse_io PUBLIC lvs_pulse lvs_config lvs_rtnetlink)

add_executable(pulse main.cpp)
target_link_libraries(pulse PRIVATE lvs_program lvs_pulse_io)
