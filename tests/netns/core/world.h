// A client, a director with the embedded core and two real servers, each in a network namespace of
// its own:
//
//   client 192.0.2.2, .3 ---- 192.0.2.1 director 10.0.1.1 ---- 10.0.1.2 server 1
//                             VIP 192.0.2.100    10.0.2.1 ---- 10.0.2.2 server 2
//
// The director's core is a process of its own (this program, started again with --core), so that it
// can be killed. Servers answer each connection with their number, and each datagram with the same.
// All goes away with the World.
#pragma once

#include <sys/types.h>

#include <atomic>
#include <chrono>
#include <functional>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "common/io/unique_fd.h"
#include "common/ipvs/request.h"
#include "common/result.h"

namespace lvs::test {

constexpr const char* kVip = "192.0.2.100";
// How long a test waits for what must happen: far more than any of it takes on a busy machine.
constexpr std::chrono::milliseconds kPatience{30'000};

class World {
 public:
  World();
  ~World();
  World(const World&) = delete;
  World& operator=(const World&) = delete;

  // In the director: `ip ...`, `iptables ...`; fails the test when the command fails.
  void director(const std::string& command) const;
  void client(const std::string& command) const;
  bool director_succeeds(const std::string& command) const;

  void start_core();
  void kill_core();                                     // SIGKILL.
  void stop_core();                                     // SIGTERM, waits.
  ipvs::Reply ask(const ipvs::Request& request) const;  // Fails the test on an error.
  Result<ipvs::Reply> try_ask(const ipvs::Request& request) const;

  // One TCP connection from `source` ("" leaves it to the kernel): the number of the server that
  // answered, 0 when none did within the limit or a packet had to be sent twice. Where silence is
  // expected the limit says how long to listen.
  int connect(const std::string& to, uint16_t port, const std::string& source = "",
              std::chrono::milliseconds limit = kPatience) const;
  // A connection that stays open.
  io::UniqueFd open(const std::string& to, uint16_t port) const;
  // How many client ports connections were opened from: the kernel may take one again.
  size_t client_ports() const;
  // From a client port that no datagram before it had: a flow of its own.
  int datagram(const std::string& to, uint16_t port);

  static void in(const std::string& network, const std::function<void()>& act);
  std::string network(const std::string& node) const { return prefix_ + node; }

 private:
  void serve(int number, uint16_t port);
  void serve_datagrams(int number, uint16_t port);

  std::string prefix_;
  pid_t core_ = 0;
  void note_client_port(int socket) const;

  mutable std::mutex client_ports_lock_;  // Connections are opened by several threads.
  mutable std::set<uint16_t> client_ports_;
  uint16_t next_client_port_ = 20'000;  // Below those that the kernel gives out.
  std::atomic<bool> is_over_{false};
  std::vector<std::thread> threads_;
};

// Waits until it holds, looking every 10 ms; false when the limit passed.
bool eventually(const std::function<bool()>& holds, std::chrono::milliseconds limit = kPatience);

// For the program's main: runs the core when started with --core; otherwise the tests.
int main_of_tests(int argc, char** argv);

}  // namespace lvs::test
