// ICMP errors through the director, between real stacks. Whoever sends too big packets learns the
// path's MTU, on whichever side of the director the narrow link is:
//
//   far client -- client -- director -- server 1
//                                  | -- router -- far server
//
// Real stacks do not guess: without the error a bulk transfer never ends.
#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <linux/ethtool.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdlib>
#include <future>

#include "tests/netns/core/world.h"

namespace lvs::test {
namespace {

using namespace std::chrono_literals;

constexpr size_t kBulk = 300'000;
constexpr int kLimitMs = 30'000;
constexpr const char* kFarServer = "10.9.1.2";

const ipvs::ServiceKey kWeb = ipvs::AddressKey{ipvs::Protocol::tcp, *Address::parse(kVip), 80};
const ipvs::ServiceKey kNames = ipvs::AddressKey{ipvs::Protocol::udp, *Address::parse(kVip), 53};

sockaddr_in address_of(const std::string& text, uint16_t port) {
  sockaddr_in to{};
  to.sin_family = AF_INET;
  to.sin_port = htons(port);
  inet_pton(AF_INET, text.c_str(), &to.sin_addr);
  return to;
}

bool is_ready(int fd, short what) {
  pollfd one{fd, what, 0};
  return ::poll(&one, 1, kLimitMs) == 1;
}

size_t receive_all(int fd) {
  char buffer[16384];
  size_t all = 0;
  while (is_ready(fd, POLLIN)) {
    const ssize_t got = ::recv(fd, buffer, sizeof(buffer), 0);
    if (got <= 0) {
      break;
    }
    all += static_cast<size_t>(got);
  }
  return all;
}

void send_all(int fd) {
  const std::string bulk(kBulk, 'x');
  size_t done = 0;
  while (done < bulk.size() && is_ready(fd, POLLOUT)) {
    const ssize_t sent =
        ::send(fd, bulk.data() + done, bulk.size() - done, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent < 0) {
      return;
    }
    done += static_cast<size_t>(sent);
  }
  ::shutdown(fd, SHUT_WR);
}

enum class Sender { client, server };

struct IcmpInNetwork : ::testing::Test {
  World world;

  void SetUp() override {
    for (const char* node : {"f", "r", "t"}) {
      run("ip netns add " + world.network(node));
      run("ip -n " + world.network(node) + " link set lo up");
    }
    link("c", "eth1", "198.51.100.1", "f", "eth0", "198.51.100.2");
    link("d", "eth3", "10.9.0.1", "r", "eth0", "10.9.0.2");
    link("r", "eth1", "10.9.1.1", "t", "eth0", kFarServer);
    route("d", "198.51.100.0/24", "192.0.2.2");
    route("d", "10.9.1.0/24", "10.9.0.2");
    route("f", "default", "198.51.100.1");
    route("r", "default", "10.9.0.1");
    route("t", "default", "10.9.1.1");
    for (const char* router : {"c", "r"}) {
      run("ip netns exec " + world.network(router) + " sysctl -q -w net.ipv4.ip_forward=1");
    }
    world.start_core();
  }

  void TearDown() override {
    if (HasFailure()) {
      const auto reply = world.ask(ipvs::GetDrops{});
      for (const auto& drop : std::get<std::vector<ipvs::DropCounter>>(reply)) {
        if (drop.packets != 0) {
          std::printf("dropped or passed: %s %lu\n", drop.reason.c_str(), drop.packets);
        }
      }
    }
    for (const char* node : {"f", "r", "t"}) {
      run("ip netns del " + world.network(node));
    }
  }

  static void run(const std::string& command) {
    ASSERT_EQ(std::system(command.c_str()), 0) << command;
  }

  void link(const std::string& node, const std::string& device, const std::string& address,
            const std::string& peer, const std::string& peer_device,
            const std::string& peer_address) {
    const auto own = world.network(node);
    const auto others = world.network(peer);
    run("ip link add " + device + " netns " + own + " type veth peer name " + peer_device +
        " netns " + others);
    run("ip -n " + own + " addr add " + address + "/24 dev " + device);
    run("ip -n " + others + " addr add " + peer_address + "/24 dev " + peer_device);
    run("ip -n " + own + " link set " + device + " up");
    run("ip -n " + others + " link set " + peer_device + " up");
  }

  void route(const std::string& node, const std::string& to, const std::string& via) {
    run("ip -n " + world.network(node) + " route add " + to + " via " + via);
  }

  // Only packets that leave by this end of the link are held to it.
  void narrow(const std::string& node, const std::string& device) {
    run("ip -n " + world.network(node) + " link set " + device + " mtu 1280");
  }

  // As on a director's network card that computes none.
  void leave_checksums_to_the_kernel(const std::string& device) {
    World::in(world.network("d"), [&] {
      const io::UniqueFd socket(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
      ethtool_value off{ETHTOOL_STXCSUM, 0};
      ifreq request{};
      device.copy(request.ifr_name, sizeof(request.ifr_name) - 1);
      request.ifr_data = reinterpret_cast<char*>(&off);
      ASSERT_EQ(::ioctl(socket.get(), SIOCETHTOOL, &request), 0);
    });
  }

  void balance(const ipvs::ServiceKey& key, const std::string& server, uint16_t port) {
    world.ask(ipvs::NewService{key, {.scheduler = "rr"}});
    world.ask(ipvs::NewDest{key, {*Address::parse(server), port}, {}});
  }

  // The client's stack learns it from an error, before any timeout of its own.
  void expect_refused(const ipvs::ServiceKey& key) {
    const auto& service = std::get<ipvs::AddressKey>(key);
    const bool is_tcp = service.protocol == ipvs::Protocol::tcp;
    World::in(world.network("c"), [&] {
      const int type = (is_tcp ? SOCK_STREAM : SOCK_DGRAM) | SOCK_NONBLOCK | SOCK_CLOEXEC;
      const io::UniqueFd socket(::socket(AF_INET, type, 0));
      const auto vip = address_of(kVip, service.port);
      ::connect(socket.get(), reinterpret_cast<const sockaddr*>(&vip), sizeof(vip));
      if (!is_tcp) {
        ASSERT_EQ(::send(socket.get(), "?", 1, 0), 1);
      }
      ASSERT_TRUE(is_ready(socket.get(), is_tcp ? POLLOUT : POLLIN));
      int error = 0;
      socklen_t length = sizeof(error);
      ASSERT_EQ(::getsockopt(socket.get(), SOL_SOCKET, SO_ERROR, &error, &length), 0);
      EXPECT_EQ(error, ECONNREFUSED);
    });
  }

  // Bytes of kBulk that arrived over one connection to the VIP.
  size_t transfer(const std::string& client, const std::string& server, Sender sender) {
    io::UniqueFd listener;
    World::in(world.network(server), [&] {
      listener = io::UniqueFd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
      const auto any = address_of("0.0.0.0", 8080);
      ASSERT_EQ(::bind(listener.get(), reinterpret_cast<const sockaddr*>(&any), sizeof(any)), 0);
      ASSERT_EQ(::listen(listener.get(), 1), 0);
    });
    auto at_server = std::async(std::launch::async, [&]() -> size_t {
      if (!is_ready(listener.get(), POLLIN)) {
        return 0;
      }
      const io::UniqueFd one(::accept4(listener.get(), nullptr, nullptr, SOCK_CLOEXEC));
      if (sender == Sender::client) {
        return receive_all(one.get());
      }
      send_all(one.get());
      return receive_all(one.get());
    });
    size_t at_client = 0;
    World::in(world.network(client), [&] {
      const io::UniqueFd socket(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
      const auto vip = address_of(kVip, 80);
      ASSERT_EQ(::connect(socket.get(), reinterpret_cast<const sockaddr*>(&vip), sizeof(vip)), 0);
      if (sender == Sender::client) {
        send_all(socket.get());
      }
      at_client = receive_all(socket.get());
    });
    const size_t received = at_server.get();
    return sender == Sender::client ? received : at_client;
  }
};

TEST_F(IcmpInNetwork, ServerLearnsOfANarrowLinkOnTheClientsSide) {
  narrow("c", "eth1");
  balance(kWeb, "10.0.1.2", 8080);
  EXPECT_EQ(transfer("f", "s1", Sender::server), kBulk);
}

TEST_F(IcmpInNetwork, ClientLearnsOfANarrowLinkOnTheServersSide) {
  narrow("r", "eth1");
  balance(kWeb, kFarServer, 8080);
  EXPECT_EQ(transfer("c", "t", Sender::client), kBulk);
}

TEST_F(IcmpInNetwork, ServerLearnsOfTheDirectorsOwnNarrowLink) {
  narrow("d", "eth0");
  balance(kWeb, "10.0.1.2", 8080);
  EXPECT_EQ(transfer("c", "s1", Sender::server), kBulk);
}

TEST_F(IcmpInNetwork, ClientLearnsOfTheDirectorsOwnNarrowLink) {
  // A checksum left open by the client's stack would be filled in here, into the answer.
  leave_checksums_to_the_kernel("eth0");
  narrow("d", "eth1");
  balance(kWeb, "10.0.1.2", 8080);
  EXPECT_EQ(transfer("c", "s1", Sender::client), kBulk);
}

TEST_F(IcmpInNetwork, PathMtuDiscoveryNeedsNoLvsd) {
  narrow("d", "eth1");
  balance(kWeb, "10.0.1.2", 8080);
  world.kill_core();
  EXPECT_EQ(transfer("c", "s1", Sender::client), kBulk);
  world.start_core();
}

TEST_F(IcmpInNetwork, ClientLearnsThatNobodyListensAtTheServersPort) {
  balance(kNames, "10.0.1.2", 5353);
  expect_refused(kNames);
}

TEST_F(IcmpInNetwork, ClientOfAServiceWithoutServersIsRefusedAtOnce) {
  balance(kNames, "10.0.1.2", 53);
  balance(kWeb, "10.0.1.2", 80);
  ASSERT_EQ(world.connect(kVip, 80), 1);
  world.ask(ipvs::DelDest{kNames, {*Address::parse("10.0.1.2"), 53}});
  world.ask(ipvs::DelDest{kWeb, {*Address::parse("10.0.1.2"), 80}});
  expect_refused(kNames);
  expect_refused(kWeb);
}

}  // namespace
}  // namespace lvs::test

int main(int argc, char** argv) {
  return lvs::test::main_of_tests(argc, argv);
}
