// Where a packet would go: the answer, and then the packet itself through the programs that are
// attached. Both must come to the same real server, and the question must leave no trace.
#include <gmock/gmock.h>

#include <algorithm>
#include <random>

#include "lvsd/core/io/reading.h"
#include "lvsd/core/io/where.h"
#include "lvsd/core/whereabouts.h"
#include "tests/bpf/packet6.h"
#include "tests/bpf/packet_path.h"

namespace lvs::test {
namespace {

using ipvs::ChosenBy;
using ipvs::Whereabouts;
using ipvs::WherePacket;

// Every byte of the core's maps, those of each processor too.
using Bytes = std::map<std::string, std::vector<uint8_t>>;

Bytes bytes_of_core() {
  auto maps = core::find_attached(core::Access::read);
  EXPECT_TRUE(maps);
  Bytes all;
  const auto cpus = static_cast<size_t>(libbpf_num_possible_cpus());
  for (const auto& map : *maps) {
    bpf_map_info info{};
    uint32_t length = sizeof(info);
    EXPECT_EQ(bpf_obj_get_info_by_fd(map.get(), &info, &length), 0);
    if (info.type == BPF_MAP_TYPE_ARRAY || info.type == BPF_MAP_TYPE_PERCPU_ARRAY) {
      // The numbers that are given out are the lowest; slices need more, of mh 4093 slots.
      constexpr uint32_t kNumbers = 64, kSlots = 6000;
      info.max_entries =
          std::min(info.max_entries, std::string(info.name) == "lvs_slots" ? kSlots : kNumbers);
    }
    const bool is_per_cpu = info.type == BPF_MAP_TYPE_PERCPU_ARRAY;
    std::vector<uint8_t> value(is_per_cpu ? (info.value_size + 7U) / 8 * 8 * cpus
                                          : info.value_size);
    std::vector<uint8_t> key(info.key_size);
    auto& bytes = all[info.name];
    uint32_t seen = 0;
    for (bool is_first = true;
         seen < info.max_entries &&
         bpf_map_get_next_key(map.get(), is_first ? nullptr : key.data(), key.data()) == 0;
         is_first = false, ++seen) {
      EXPECT_EQ(bpf_map_lookup_elem(map.get(), key.data(), value.data()), 0);
      bytes.insert(bytes.end(), key.begin(), key.end());
      bytes.insert(bytes.end(), value.begin(), value.end());
    }
  }
  EXPECT_EQ(all.size(), core::kMaps);
  return all;
}

std::vector<std::string> changed_maps(const Bytes& before) {
  std::vector<std::string> changed;
  for (const auto& [name, bytes] : bytes_of_core()) {
    if (bytes != before.at(name)) {
      changed.push_back(name);
    }
  }
  return changed;
}

struct WhereTest : PacketPath {
  static inline std::optional<core::Where> where;

  static void SetUpTestSuite() {
    PacketPath::SetUpTestSuite();
    const char* commands[] = {"ip addr add 192.0.2.100/32 dev eth0",
                              "ip addr add 192.0.2.101/32 dev eth0",
                              "ip addr add 192.0.2.102/32 dev eth0",
                              "ip -6 addr add 2001:db8::100/64 dev eth0 nodad",
                              "ip -6 addr add fd00::1/64 dev eth1 nodad",
                              "for i in 2 3 4 5; do ip -6 neigh add fd00::$i lladdr "
                              "02:00:00:00:00:02 dev eth1; done",
                              "sysctl -q -w net.ipv6.conf.all.forwarding=1"};
    for (const char* command : commands) {
      ASSERT_EQ(std::system(command), 0) << command;
    }
  }
  static void TearDownTestSuite() {
    where.reset();
    PacketPath::TearDownTestSuite();
  }
  void SetUp() override {
    PacketPath::SetUp();
    auto opened = core::Where::open();
    ASSERT_TRUE(opened) << opened.error().what;
    where.emplace(std::move(*opened));
  }

  static Whereabouts ask_where(const WherePacket& packet) {
    const Bytes before = bytes_of_core();
    auto answer = where->ask(packet);
    EXPECT_TRUE(answer) << answer.error().what;
    EXPECT_THAT(changed_maps(before), ::testing::IsEmpty());
    EXPECT_FALSE(answer && answer->is_other_program);
    return answer ? *answer : Whereabouts{};
  }
  static WherePacket asked(const Packet& packet, uint32_t mark = 0) {
    return {static_cast<ipvs::Protocol>(packet.protocol),
            {*Address::parse(packet.from), packet.sport},
            {*Address::parse(packet.to), packet.dport},
            mark};
  }
  // The server that the core's own table names for this client; empty: none.
  std::string served_by(const Packet& packet) {
    for (const auto& one : connections()) {
      if (!one.is_template && to_string(one.client.address) == packet.from &&
          one.client.port == packet.sport && one.virtual_service.port == packet.dport &&
          one.protocol == packet.protocol) {
        return to_string(one.destination);
      }
    }
    return "";
  }
  static std::string server_in(const Whereabouts& answer) {
    return answer.refusal.empty() && answer.server ? to_string(*answer.server) : "";
  }
  // Asks, sends, compares.
  Whereabouts ask_and_send(const Packet& packet, uint32_t mark = 0) {
    const Whereabouts answer = ask_where(asked(packet, mark));
    first(packet, mark);
    EXPECT_EQ(server_in(answer), served_by(packet)) << packet.from << ":" << packet.sport;
    return answer;
  }
};

struct WhereByScheduler : WhereTest, ::testing::WithParamInterface<const char*> {};

TEST_P(WhereByScheduler, every_client_goes_where_the_answer_said) {
  ask(ipvs::NewService{kWeb, {.scheduler = GetParam()}});
  for (int i = 2; i <= 6; ++i) {
    ask(ipvs::NewDest{kWeb,
                      {*Address::parse("10.0.0." + std::to_string(i)), 8080},
                      {.weight = i == 4 ? 0 : i, .upper_threshold = i == 6 ? 5U : 0U}});
  }
  std::map<std::string, int> servers;
  for (uint16_t i = 0; i < 24; ++i) {
    const auto answer = ask_and_send({.from = "192.0.2." + std::to_string(2 + i % 7),
                                      .sport = static_cast<uint16_t>(40000 + i)});
    EXPECT_EQ(answer.by, answer.refusal.empty() ? ChosenBy::scheduler : ChosenBy::nobody);
    EXPECT_EQ(answer.scheduler, GetParam());
    ++servers[server_in(answer)];
  }
  EXPECT_GE(servers.size(), 1U);
  if (std::string(GetParam()) == "rr" || std::string(GetParam()) == "wlc") {
    EXPECT_EQ(servers.size(), 4U);
  }
}

INSTANTIATE_TEST_SUITE_P(All, WhereByScheduler,
                         ::testing::Values("rr", "wrr", "lc", "wlc", "sed", "nq", "fo", "ovf", "dh",
                                           "sh", "mh", "lblc", "lblcr"),
                         [](const auto& scheduler) { return std::string(scheduler.param); });

TEST_F(WhereTest, a_question_may_be_asked_again_and_is_answered_the_same) {
  balance(kWeb, {.scheduler = "rr"}, 3);
  const auto once = ask_where(asked({}));
  EXPECT_EQ(ask_where(asked({})), once);
  EXPECT_EQ(once.server, (Endpoint{*Address::parse("10.0.0.2"), 8080}));
  EXPECT_EQ(once.way.device, "eth1");
  EXPECT_EQ(once.way.next_hop, Address::parse("10.0.0.2"));
  EXPECT_EQ(once.way.mac, "02:00:00:00:00:02");
  EXPECT_EQ(once.service, kWeb);
}

TEST_F(WhereTest, a_connection_that_is_there_is_named_with_its_state) {
  balance(kWeb, {.scheduler = "rr"}, 3);
  first({});
  const auto answer = ask_where(asked({}));
  EXPECT_EQ(answer.by, ChosenBy::connection);
  EXPECT_EQ(answer.server, (Endpoint{*Address::parse("10.0.0.2"), 8080}));
  ASSERT_TRUE(answer.connection);
  EXPECT_EQ(answer.connection->state, "SYN_RECV");
  EXPECT_GT(answer.connection->expires_s, 50U);
  EXPECT_EQ(answer.way.device, "eth1");
}

TEST_F(WhereTest, a_client_that_begins_anew_is_scheduled) {
  balance(kWeb, {.scheduler = "rr"}, 3);
  first({});
  first({.flags = kAck});
  first({.flags = kRst});
  const auto answer = ask_and_send({});
  EXPECT_EQ(answer.by, ChosenBy::scheduler);
  EXPECT_EQ(answer.server, (Endpoint{*Address::parse("10.0.0.3"), 8080}));
  EXPECT_EQ(answer.connection->state, "CLOSE");
}

TEST_F(WhereTest, persistence_leads_by_its_template) {
  balance(kWeb, {.scheduler = "rr", .flags = ipvs::kPersistent, .timeout = 300, .prefix = 28}, 3);
  EXPECT_EQ(ask_and_send({}).by, ChosenBy::scheduler);
  const auto answer = ask_and_send({.from = "192.0.2.9", .sport = 40001});
  EXPECT_EQ(answer.by, ChosenBy::persistence);
  ASSERT_TRUE(answer.persistence);
  EXPECT_EQ(answer.persistence->client, Address::parse("192.0.2.0"));
  EXPECT_EQ(answer.persistence->prefix, 28U);
  EXPECT_GE(answer.persistence->expires_s, 295U);
  EXPECT_EQ(ask_and_send({.from = "192.0.2.20"}).by, ChosenBy::scheduler);
}

TEST_F(WhereTest, a_template_leads_on_where_no_other_client_gets_in) {
  balance(kWeb, {.scheduler = "rr", .flags = ipvs::kPersistent, .timeout = 300}, 1);
  first({});
  ask(ipvs::SetDest{kWeb, {*Address::parse("10.0.0.2"), 8080}, {.weight = 0}});
  EXPECT_EQ(ask_and_send({.sport = 40001}).by, ChosenBy::persistence);
  EXPECT_EQ(ask_and_send({.from = "192.0.2.3"}).refusal, "no-destination");
  ask(ipvs::SetSetting{"expire_quiescent_template", 1});
  EXPECT_EQ(ask_and_send({.sport = 40002}).refusal, "no-destination");
}

TEST_F(WhereTest, a_mark_comes_before_the_address) {
  balance(kWeb, {.scheduler = "rr"}, 1, 8080);
  balance(kMark, {.scheduler = "rr", .flags = ipvs::kPersistent, .timeout = 60}, 2, 0);
  EXPECT_EQ(ask_and_send({}, 7).service, kMark);
  EXPECT_EQ(ask_and_send({.sport = 40001}, 7).by, ChosenBy::persistence);
  EXPECT_EQ(ask_and_send({.sport = 40002}).service, kWeb);
  EXPECT_EQ(ask_and_send({.sport = 40003}, 8).service, kWeb);
}

TEST_F(WhereTest, datagrams_are_asked_about_too_one_by_one_if_so_chosen) {
  balance(kNames, {.scheduler = "rr"}, 3, 53);
  ask_and_send({.dport = 53, .protocol = 17});
  ask_and_send({.sport = 40001, .dport = 53, .protocol = 17});
  ask(ipvs::SetService{kNames, {.scheduler = "rr", .flags = ipvs::kOnePacket}});
  const auto answer = ask_where(asked({.sport = 40002, .dport = 53, .protocol = 17}));
  EXPECT_EQ(answer.server, (Endpoint{*Address::parse("10.0.0.4"), 53}));
  EXPECT_EQ(answer.by, ChosenBy::scheduler);
  const auto sent = first({.sport = 40002, .dport = 53, .protocol = 17});
  ASSERT_TRUE(sent.packet);
  EXPECT_EQ(sent.packet->to, "10.0.0.4");
}

TEST_F(WhereTest, express_is_asked_at_the_device) {
  balance(kWeb, {.scheduler = "rr"}, 3);
  ask(ipvs::SetSetting{"express", 1});
  for (uint16_t port = 40000; port < 40006; ++port) {
    ask_and_send({.sport = port});
  }
  EXPECT_EQ(ask_where(asked({.dport = 81})).refusal, "passed-no-service");
}

TEST_F(WhereTest, what_is_refused_is_named) {
  balance(kWeb, {.scheduler = "rr"}, 1);
  EXPECT_EQ(ask_where(asked({.dport = 81})).refusal, "passed-no-service");
  EXPECT_EQ(ask_where(asked({.to = "192.0.2.200"})).refusal, core::kNotOwnAddress);
  ASSERT_TRUE(core->set_armed(false));
  EXPECT_EQ(ask_where(asked({})).refusal, "passed-not-armed");
  ASSERT_TRUE(core->set_armed(true));
  ask(ipvs::SetDest{kWeb, {*Address::parse("10.0.0.2"), 8080}, {.weight = 0}});
  const auto answer = ask_and_send({});
  EXPECT_EQ(answer.refusal, "no-destination");
  EXPECT_EQ(answer.service, kWeb);
}

TEST_F(WhereTest, no_way_to_the_server_is_named_with_the_server) {
  ask(ipvs::NewService{kWeb, {.scheduler = "rr"}});
  ask(ipvs::NewDest{kWeb, {*Address::parse("203.0.113.5"), 8080}, {}});
  const auto answer = ask_where(asked({}));
  EXPECT_EQ(answer.refusal, "no-route");
  EXPECT_EQ(answer.server, (Endpoint{*Address::parse("203.0.113.5"), 8080}));
}

TEST_F(WhereTest, a_server_that_was_removed_keeps_its_connection_lost) {
  balance(kWeb, {.scheduler = "rr"}, 2);
  first({});
  ask(ipvs::DelDest{kWeb, {*Address::parse("10.0.0.2"), 8080}});
  const auto answer = ask_where(asked({}));
  EXPECT_EQ(answer.refusal, "destination-removed");
  EXPECT_TRUE(answer.connection);
}

TEST_F(WhereTest, by_direct_routing_and_to_itself) {
  ask(ipvs::NewService{kWeb, {.scheduler = "rr"}});
  ask(ipvs::NewDest{kWeb, {*Address::parse("10.0.0.2"), 80}, {.forward = ipvs::Forward::direct}});
  const auto direct = ask_where(asked({}));
  EXPECT_EQ(direct.forward, ipvs::Forward::direct);
  EXPECT_EQ(direct.way.device, "eth1");
  ask(ipvs::DelDest{kWeb, {*Address::parse("10.0.0.2"), 80}});
  ask(ipvs::NewDest{kWeb, {*Address::parse("10.0.0.1"), 80}, {.forward = ipvs::Forward::direct}});
  const auto local = ask_where(asked({}));
  EXPECT_EQ(local.refusal, "");
  EXPECT_EQ(local.forward, ipvs::Forward::local);
  EXPECT_TRUE(local.way.is_local);
}

TEST_F(WhereTest, the_next_packet_that_drop_packet_takes_is_told) {
  balance(kWeb, {.scheduler = "rr"}, 3);
  ask(ipvs::SetSetting{"am_droprate", 3});
  ask(ipvs::SetSetting{"drop_packet", 3});
  int lost = 0;
  for (uint16_t port = 40000; port < 40009; ++port) {
    lost += ask_and_send({.sport = port}).refusal == "drop-packet" ? 1 : 0;
  }
  EXPECT_EQ(lost, 3);
}

TEST_F(WhereTest, a_denied_client_is_told) {
  balance(kWeb, {.scheduler = "rr"}, 3);
  first({});
  ASSERT_TRUE(core->set_denied(std::vector<Prefix>{*Prefix::parse("192.0.2.0/30")}));
  EXPECT_EQ(ask_where(asked({})).refusal, "denied") << "of a connection too";
  EXPECT_EQ(ask_and_send({.sport = 40001}).refusal, "denied");
  EXPECT_EQ(ask_and_send({.from = "192.0.2.4"}).refusal, "");
  EXPECT_EQ(std::get<std::vector<ipvs::DeniedPrefix>>(ask(ipvs::GetDenied{}))[0].packets, 1U)
      << "what was asked is not counted";
  ASSERT_TRUE(core->set_denied({}));
  EXPECT_EQ(ask_where(asked({})).refusal, "");
}

TEST_F(WhereTest, ipv6_is_asked_about_too) {
  const ipvs::ServiceKey web6 =
      ipvs::AddressKey{ipvs::Protocol::tcp, *Address::parse("2001:db8::100"), 80};
  ask(ipvs::NewService{
      web6, {.scheduler = "rr", .flags = ipvs::kPersistent, .timeout = 300, .prefix = 64}});
  for (int i = 5; i >= 2; --i) {
    ask(ipvs::NewDest{web6, {*Address::parse("fd00::" + std::to_string(i)), 8080}, {}});
  }
  const Endpoint vip{*Address::parse("2001:db8::100"), 80};
  std::map<std::string, ChosenBy> seen;
  for (const char* client : {"2001:db8:1::1", "2001:db8:2::1", "2001:db8:1::2"}) {
    const WherePacket packet{ipvs::Protocol::tcp, {*Address::parse(client), 40000}, vip};
    const auto answer = ask_where(packet);
    EXPECT_EQ(answer.refusal, "");
    __sk_buff context{};
    context.ingress_ifindex = ::if_nametoindex("eth0");
    run_frame(core->ipvs0_egress_fd(), build(Packet6{.from = client, .to = "2001:db8::100"}),
              context);
    EXPECT_EQ(server_in(answer), served_by({.from = client}));
    EXPECT_EQ(answer.way.device, "eth1");
    EXPECT_EQ(ask_where(packet).by, ChosenBy::connection);
    seen[client] = answer.by;
  }
  EXPECT_EQ(seen["2001:db8:2::1"], ChosenBy::scheduler);
  EXPECT_EQ(seen["2001:db8:1::2"], ChosenBy::persistence);
}

using SmallWhereTest = Small<WhereTest>;

TEST_F(SmallWhereTest, a_table_without_room_is_told) {
  balance(kWeb, {.scheduler = "rr"}, 3);
  EXPECT_EQ(ask_and_send({}).full, "");
  for (int i = 1; i < 1024; ++i) {
    first({.from = "10.1." + std::to_string(i / 250) + "." + std::to_string(1 + i % 250)});
  }
  EXPECT_EQ(ask_where(asked({})).full, "");
  EXPECT_EQ(ask_where(asked({.sport = 40001})).full, "connection-table-full");
}

}  // namespace
}  // namespace lvs::test
