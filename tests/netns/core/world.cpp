#include "tests/netns/core/world.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sched.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <filesystem>

#include "common/ipvs/client.h"
#include "common/ipvs/io/embedded_transport.h"
#include "lvsd/core_mode.h"

namespace lvs::test {

using namespace std::chrono_literals;

namespace {

constexpr int kPollMs = 50;
constexpr size_t kServerKeeps = 256;
// More than one client address has ports: however long a test's connections are counted, none finds
// the table full.
constexpr uint32_t kConnectionsMax = 32768;

void must(const std::string& command) {
  ASSERT_EQ(std::system((command + " >/dev/null 2>&1").c_str()), 0) << command;
}

sockaddr_in address_of(const std::string& text, uint16_t port) {
  sockaddr_in to{};
  to.sin_family = AF_INET;
  to.sin_port = htons(port);
  inet_pton(AF_INET, text.c_str(), &to.sin_addr);
  return to;
}

bool is_readable(int fd, std::chrono::milliseconds limit, short what = POLLIN) {
  pollfd one{fd, what, 0};
  return ::poll(&one, 1, static_cast<int>(limit.count())) == 1;
}

// The client has closed its side. A server that closed first would free the client's port, and a
// later connection from that port takes the place of this one in the table.
bool is_left(int connection) {
  char byte = 0;
  return ::recv(connection, &byte, 1, MSG_DONTWAIT) == 0;
}

// However patient the client is, a packet that was lost shows: TCP sent it again.
bool sent_twice(int fd) {
  tcp_info info{};
  socklen_t length = sizeof(info);
  return ::getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &length) != 0 ||
         info.tcpi_total_retrans != 0;
}

io::UniqueFd connected(const std::string& to, uint16_t port, const std::string& source,
                       std::chrono::milliseconds limit) {
  io::UniqueFd socket(::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!source.empty()) {
    const auto from = address_of(source, 0);
    ::bind(socket.get(), reinterpret_cast<const sockaddr*>(&from), sizeof(from));
  }
  const auto target = address_of(to, port);
  ::connect(socket.get(), reinterpret_cast<const sockaddr*>(&target), sizeof(target));
  int error = 1;
  socklen_t length = sizeof(error);
  if (!is_readable(socket.get(), limit, POLLOUT) ||
      ::getsockopt(socket.get(), SOL_SOCKET, SO_ERROR, &error, &length) != 0 || error != 0) {
    return {};
  }
  return socket;
}

}  // namespace

void World::in(const std::string& network, const std::function<void()>& act) {
  const io::UniqueFd home(::open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC));
  const io::UniqueFd there(::open(("/run/netns/" + network).c_str(), O_RDONLY | O_CLOEXEC));
  ASSERT_EQ(::setns(there.get(), CLONE_NEWNET), 0) << network;
  act();
  ASSERT_EQ(::setns(home.get(), CLONE_NEWNET), 0);
}

World::World() : prefix_("core-" + std::to_string(::getpid()) + "-") {
  for (const char* node : {"c", "d", "s1", "s2"}) {
    must("ip netns add " + network(node));
    must("ip -n " + network(node) + " link set lo up");
  }
  const auto link = [&](const std::string& node, const std::string& device) {
    must("ip link add eth0 netns " + network(node) + " type veth peer name " + device + " netns " +
         network("d"));
    must("ip -n " + network(node) + " link set eth0 up");
    must("ip -n " + network("d") + " link set " + device + " up");
  };
  link("c", "eth0");
  client("ip addr add 192.0.2.2/24 dev eth0");
  client("ip addr add 192.0.2.3/24 dev eth0");
  director("ip addr add 192.0.2.1/24 dev eth0");
  director(std::string("ip addr add ") + kVip + "/32 dev eth0");
  client("ip route add 10.0.0.0/8 via 192.0.2.1");
  for (int i = 1; i <= 2; ++i) {
    const auto n = std::to_string(i);
    link("s" + n, "eth" + n);
    director("ip addr add 10.0." + n + ".1/24 dev eth" + n);
    must("ip -n " + network("s" + n) + " addr add 10.0." + n + ".2/24 dev eth0");
    must("ip -n " + network("s" + n) + " route add default via 10.0." + n + ".1");
    for (const uint16_t port : {80, 443}) {
      serve(i, port);
    }
    serve_datagrams(i, 53);
  }
}

World::~World() {
  is_over_ = true;
  kill_core();
  for (auto& thread : threads_) {
    thread.join();
  }
  for (const char* node : {"c", "d", "s1", "s2"}) {
    (void)!std::system(("ip netns del " + network(node)).c_str());
  }
}

void World::director(const std::string& command) const {
  must("ip netns exec " + network("d") + " " + command);
}
void World::client(const std::string& command) const {
  must("ip netns exec " + network("c") + " " + command);
}
bool World::director_succeeds(const std::string& command) const {
  const auto whole = "ip netns exec " + network("d") + " sh -c '" + command + "' >/dev/null 2>&1";
  return std::system(whole.c_str()) == 0;
}

void World::serve(int number, uint16_t port) {
  int listener = -1;
  in(network("s" + std::to_string(number)), [&] {
    listener = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const auto any = address_of("0.0.0.0", port);
    ASSERT_EQ(::bind(listener, reinterpret_cast<const sockaddr*>(&any), sizeof(any)), 0);
    ASSERT_EQ(::listen(listener, 1024), 0);
  });
  threads_.emplace_back([this, number, owned = std::make_shared<io::UniqueFd>(listener)] {
    std::vector<io::UniqueFd> kept;
    while (!is_over_) {
      if (!is_readable(owned->get(), std::chrono::milliseconds(kPollMs))) {
        continue;
      }
      io::UniqueFd one(::accept4(owned->get(), nullptr, nullptr, SOCK_CLOEXEC));
      const char answer = static_cast<char>('0' + number);
      ::send(one.get(), &answer, 1, MSG_NOSIGNAL);
      kept.push_back(std::move(one));
      if (kept.size() > kServerKeeps) {
        std::erase_if(kept, [](const auto& connection) { return is_left(connection.get()); });
      }
    }
  });
}

void World::serve_datagrams(int number, uint16_t port) {
  int socket = -1;
  in(network("s" + std::to_string(number)), [&] {
    socket = ::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    const auto any = address_of("0.0.0.0", port);
    ASSERT_EQ(::bind(socket, reinterpret_cast<const sockaddr*>(&any), sizeof(any)), 0);
  });
  threads_.emplace_back([this, number, owned = std::make_shared<io::UniqueFd>(socket)] {
    while (!is_over_) {
      char byte = 0;
      sockaddr_in from{};
      socklen_t length = sizeof(from);
      if (!is_readable(owned->get(), std::chrono::milliseconds(kPollMs))) {
        continue;
      }
      ::recvfrom(owned->get(), &byte, 1, 0, reinterpret_cast<sockaddr*>(&from), &length);
      const char answer = static_cast<char>('0' + number);
      ::sendto(owned->get(), &answer, 1, 0, reinterpret_cast<sockaddr*>(&from), length);
    }
  });
}

void World::start_core() {
  const auto network_of_core = network("d");
  const std::string own_path = std::filesystem::read_symlink("/proc/self/exe");
  core_ = ::fork();
  ASSERT_GE(core_, 0);
  if (core_ == 0) {
    ::execlp("ip", "ip", "netns", "exec", network_of_core.c_str(), own_path.c_str(), "--core",
             nullptr);
    ::_exit(127);
  }
  ASSERT_TRUE(eventually([this] { return static_cast<bool>(try_ask(ipvs::GetInfo{})); }));
}

void World::kill_core() {
  if (core_ > 0) {
    ::kill(core_, SIGKILL);
    ::waitpid(core_, nullptr, 0);
    core_ = 0;
  }
}

void World::stop_core() {
  ASSERT_GT(core_, 0);
  ::kill(core_, SIGTERM);
  ASSERT_EQ(::waitpid(core_, nullptr, 0), core_);
  core_ = 0;
}

Result<ipvs::Reply> World::try_ask(const ipvs::Request& request) const {
  Result<ipvs::Reply> answer = Error{EIO, "not asked"};
  in(network("d"), [&] {
    auto transport = ipvs::io::connect_embedded();
    if (!transport) {
      answer = transport.error();
      return;
    }
    answer = ipvs::Client(std::move(*transport)).call(request);
  });
  return answer;
}

ipvs::Reply World::ask(const ipvs::Request& request) const {
  auto answer = try_ask(request);
  EXPECT_TRUE(answer) << answer.error().what;
  return answer ? *answer : ipvs::Reply{};
}

int World::connect(const std::string& to, uint16_t port, const std::string& source,
                   std::chrono::milliseconds limit) const {
  char answer = '0';
  in(network("c"), [&] {
    const auto socket = connected(to, port, source, limit);
    note_client_port(socket.get());
    if (socket && is_readable(socket.get(), limit) && !sent_twice(socket.get())) {
      (void)!::recv(socket.get(), &answer, 1, 0);
    }
  });
  return answer - '0';
}

io::UniqueFd World::open(const std::string& to, uint16_t port) const {
  io::UniqueFd socket;
  in(network("c"), [&] { socket = connected(to, port, "", kPatience); });
  note_client_port(socket.get());
  return socket;
}

void World::note_client_port(int socket) const {
  sockaddr_in own{};
  socklen_t length = sizeof(own);
  if (::getsockname(socket, reinterpret_cast<sockaddr*>(&own), &length) == 0) {
    const std::scoped_lock lock(client_ports_lock_);
    client_ports_.insert(ntohs(own.sin_port));
  }
}

size_t World::client_ports() const {
  const std::scoped_lock lock(client_ports_lock_);
  return client_ports_.size();
}

int World::datagram(const std::string& to, uint16_t port) {
  char answer = '0';
  in(network("c"), [&] {
    const io::UniqueFd socket(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    const auto from = address_of("0.0.0.0", next_client_port_++);
    ASSERT_EQ(::bind(socket.get(), reinterpret_cast<const sockaddr*>(&from), sizeof(from)), 0);
    const auto target = address_of(to, port);
    ::sendto(socket.get(), "?", 1, 0, reinterpret_cast<const sockaddr*>(&target), sizeof(target));
    if (is_readable(socket.get(), kPatience)) {
      (void)!::recv(socket.get(), &answer, 1, 0);
    }
  });
  return answer - '0';
}

bool eventually(const std::function<bool()>& holds, std::chrono::milliseconds limit) {
  const auto end = std::chrono::steady_clock::now() + limit;
  while (!holds()) {
    if (std::chrono::steady_clock::now() > end) {
      return false;
    }
    ::poll(nullptr, 0, 10);
  }
  return true;
}

int main_of_tests(int argc, char** argv) {
  const std::string mode = argc == 2 ? argv[1] : "";
  if (mode == "--core" || mode == "--remove") {
    core::CoreModeOptions options;
    options.remove = mode == "--remove";
    options.foreground = true;
    options.core.connections_max = kConnectionsMax;
    return core::run_core_mode(options);
  }
  ::testing::InitGoogleTest(&argc, argv);
  return RUN_ALL_TESTS();
}

}  // namespace lvs::test
