// Single packets through the loaded programs, in a network namespace of its own.
#pragma once

#include <bpf/bpf.h>
#include <gtest/gtest.h>
#include <linux/pkt_cls.h>
#include <net/if.h>
#include <sched.h>

#include <poll.h>

#include <algorithm>
#include <boost/asio/io_context.hpp>
#include <cstdlib>
#include <initializer_list>
#include <map>

#include "lvsd/bpf/abi.h"
#include "lvsd/core/io/core.h"
#include "tests/bpf/packet.h"
#include "tests/bpf/shared_core.h"

namespace lvs::test {

using ipvs::DestStatus;

inline const ipvs::ServiceKey kWeb =
    ipvs::AddressKey{ipvs::Protocol::tcp, *Address::parse("192.0.2.100"), 80};
inline const ipvs::ServiceKey kNames =
    ipvs::AddressKey{ipvs::Protocol::udp, *Address::parse("192.0.2.100"), 53};
inline const ipvs::ServiceKey kMark = ipvs::MarkKey{7, Family::v4};

struct Outcome {
  uint32_t verdict = 0;
  std::optional<Packet> packet;  // Nothing: a checksum is wrong.
};

// As a shell: the first that fails ends it.
inline void run_all(std::initializer_list<const char*> commands) {
  for (const char* command : commands) {
    ASSERT_EQ(std::system(command), 0) << command;
  }
}

struct PacketPath : ::testing::Test {
  static inline std::unique_ptr<SharedCore> shared;
  boost::asio::io_context& io = shared->io();
  core::Core* core = nullptr;

  static void SetUpTestSuite() {
    ASSERT_EQ(::unshare(CLONE_NEWNET), 0);
    run_all({
        "ip link set lo up",
        "ip link add eth0 type veth peer name peer0",
        "ip addr add 192.0.2.1/24 dev eth0",
        "ip link set eth0 up",
        "ip link set peer0 up",
        "ip link add eth1 type veth peer name peer1",
        "ip addr add 10.0.0.1/24 dev eth1",
        "ip link set eth1 up",
        "ip link set peer1 up",
        "for i in 2 3 4 5 6 7 8 9; do ip neigh add 10.0.0.$i lladdr 02:00:00:00:00:02 dev eth1; "
        "done",
        "ip neigh add 192.0.2.2 lladdr 02:00:00:00:00:01 dev eth0",
        "sysctl -q -w net.ipv4.ip_forward=1",
        "sysctl -q -w net.ipv4.conf.lo.forwarding=1",
    });
    shared = std::make_unique<SharedCore>();
  }
  // The clients' and the servers' networks of IPv6 beside those of IPv4.
  static void add_ipv6() {
    run_all({
        "sysctl -q -w net.ipv6.conf.all.forwarding=1",
        "ip -6 address add 2001:db8::1/64 dev eth0 nodad",
        "ip -6 address add fd00::1/64 dev eth1 nodad",
        "ip -6 neigh add 2001:db8::2 lladdr 02:00:00:00:00:01 dev eth0",
        "ip -6 neigh add fd00::2 lladdr 02:00:00:00:00:02 dev eth1",
    });
  }
  static void TearDownTestSuite() {
    shared->close();
    shared.reset();
  }

  virtual core::CoreOptions options() const { return {}; }
  void SetUp() override { open(); }
  void open() {
    shared->open(options());
    core = shared->get();
    ASSERT_NE(core, nullptr);
  }

  ipvs::Reply ask(const ipvs::Request& request) {
    auto answer = core->handle(request);
    EXPECT_TRUE(answer) << answer.error().what;
    return answer ? *answer : ipvs::Reply{};
  }

  void balance(const ipvs::ServiceKey& key, const ipvs::Service& service, int servers = 1,
               uint16_t port = 8080, const ipvs::Dest& dest = {}) {
    ask(ipvs::NewService{key, service});
    for (int i = servers; i >= 1; --i) {
      ask(ipvs::NewDest{key, {*Address::parse("10.0.0." + std::to_string(1 + i)), port}, dest});
    }
  }

  std::vector<DestStatus> servers(const ipvs::ServiceKey& key) {
    return std::get<std::vector<DestStatus>>(ask(ipvs::GetDests{key}));
  }

  std::map<std::string, uint64_t> drops() {
    const auto reply = ask(ipvs::GetDrops{});
    std::map<std::string, uint64_t> counted;
    for (const auto& drop : std::get<std::vector<ipvs::DropCounter>>(reply)) {
      if (drop.packets != 0) {
        counted[drop.reason] = drop.packets;
      }
    }
    return counted;
  }

  std::vector<ipvs::Connection> connections() {
    return std::get<std::vector<ipvs::Connection>>(ask(ipvs::GetConnections{}));
  }

  struct RawOutcome {
    uint32_t verdict = 0;
    Frame frame;
  };
  static RawOutcome run_frame(int program, Frame in, const __sk_buff& given = {}) {
    Frame out(in.size() + 256);
    __sk_buff context = given;
    bpf_test_run_opts options{};
    options.sz = sizeof(options);
    options.data_in = in.data();
    options.data_size_in = static_cast<uint32_t>(in.size());
    options.data_out = out.data();
    options.data_size_out = static_cast<uint32_t>(out.size());
    options.ctx_in = &context;
    options.ctx_size_in = sizeof(context);
    EXPECT_EQ(bpf_prog_test_run_opts(program, &options), 0);
    out.resize(options.data_size_out);
    return {options.retval, out};
  }
  static Outcome run(int program, const Packet& packet, uint32_t mark) {
    __sk_buff context{};
    context.mark = mark;
    context.ingress_ifindex = ::if_nametoindex("eth0");
    const auto raw = run_frame(program, build(packet), context);
    return {raw.verdict, read(raw.frame)};
  }
  // As nft hands the first packet over: the TTL is one less already.
  Outcome first(const Packet& packet, uint32_t mark = 0) {
    return run(core->ipvs0_egress_fd(), packet, mark);
  }
  Outcome on_nic(const Packet& packet) { return run(core->nic_ingress_fd(), packet, 0); }
  // More half-open connections than the smallest table holds, each of a client of its own.
  void flood() {
    constexpr int kForged = 3000;
    for (int i = 0; i < kForged; ++i) {
      first({.from = "10." + std::to_string(1 + i / 65000) + "." + std::to_string(i / 250) + "." +
                     std::to_string(1 + i % 250)});
    }
  }
  // A full table is searched for room now and then, not for each packet: so a client sends again.
  bool gets_in(const Packet& packet) {
    constexpr int kTriesMax = 3000;
    int tries = 0;
    while (first(packet).verdict != TC_ACT_REDIRECT && ++tries < kTriesMax) {
      ::poll(nullptr, 0, 10);
    }
    return tries < kTriesMax;
  }
  uint32_t templates() {
    const auto all = connections();
    return static_cast<uint32_t>(
        std::count_if(all.begin(), all.end(), [](const auto& one) { return one.is_template; }));
  }

  // What ipvs0 did not send by itself.
  Outcome second(const Packet& packet) { return run(core->ipvs1_ingress_fd(), packet, 0); }
};

// Of the smallest size.
template <typename Path>
struct Small : Path {
  core::CoreOptions options() const override { return {.interfaces = {}, .connections_max = 1024}; }
};

constexpr uint32_t kPass = static_cast<uint32_t>(TC_ACT_UNSPEC);

inline const Packet kReply = {
    .from = "10.0.0.2", .to = "192.0.2.2", .sport = 8080, .dport = 40000, .flags = kSyn | kAck};

}  // namespace lvs::test
