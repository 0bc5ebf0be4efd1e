// What the programs tell of a packet while somebody traces: the verdict, its reason, its
// connection; and that they do to it what they do when nobody does.
#include <gmock/gmock.h>
#include <sys/mman.h>

#include "lvsd/bpf/trace_abi.h"
#include "lvsd/core/io/devices.h"
#include "lvsd/core/io/trace.h"
#include "tests/bpf/icmp_packet.h"
#include "tests/bpf/packet6.h"
#include "tests/bpf/packet_path.h"

namespace lvs::test {
namespace {

using core::Trace;
using ipvs::TracedConnection;
using ipvs::TracedPacket;
using ipvs::TraceFilter;
using ipvs::Verdict;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

const Endpoint kClient{*Address::parse("192.0.2.2"), 40000};
const Endpoint kVip{*Address::parse("192.0.2.100"), 80};
const Endpoint kServer{*Address::parse("10.0.0.2"), 8080};

std::vector<TracedPacket> all_of(Trace& trace) {
  std::vector<TracedPacket> seen;
  size_t before = 0;
  do {
    before = seen.size();
    trace.read([&](const TracedPacket& packet) {
      seen.push_back(packet);
      return true;
    });
  } while (seen.size() != before);
  return seen;
}

struct TraceTest : PacketPath {
  static void SetUpTestSuite() {
    PacketPath::SetUpTestSuite();
    ASSERT_EQ(std::system("ip addr add 192.0.2.100/32 dev eth0"), 0);
  }

  // What the devices of IPv6 say for themselves may come at any time.
  static Trace open(const TraceFilter& filter = {
                        .clients = TraceFilter::Clients{*Address::parse("0.0.0.0"), 0}}) {
    auto trace = Trace::open(filter);
    EXPECT_TRUE(trace) << trace.error().what;
    return std::move(*trace);
  }
  // The one packet that came since.
  static TracedPacket told(Trace& trace) {
    const auto seen = all_of(trace);
    EXPECT_THAT(seen, SizeIs(1));
    return seen.empty() ? TracedPacket{} : seen.back();
  }
  static std::optional<lvs_trace*> asked() {
    const auto program =
        core::attached_program(static_cast<int>(::if_nametoindex("eth0")), core::Hook::nic_ingress);
    const auto map = core::map_of_program(program.value_or(0), ".data.trace");
    void* memory =
        ::mmap(nullptr, sizeof(lvs_trace), PROT_READ | PROT_WRITE, MAP_SHARED, map.fd.get(), 0);
    return memory == MAP_FAILED ? std::nullopt : std::optional(static_cast<lvs_trace*>(memory));
  }
};

TEST_F(TraceTest, a_connection_is_told_from_its_first_packet_on) {
  balance(kWeb, {.scheduler = "rr"});
  auto trace = open();
  first({});
  const auto begun = told(trace);
  EXPECT_EQ(begun.verdict, Verdict::forwarded);
  EXPECT_EQ(begun.connection, TracedConnection::begun);
  EXPECT_EQ(begun.from, kClient);
  EXPECT_EQ(begun.to, kVip);
  EXPECT_EQ(begun.server, kServer);
  EXPECT_EQ(begun.forward, ipvs::Forward::masq);
  EXPECT_EQ(begun.way, "eth1");
  EXPECT_EQ(begun.tcp_flags, kSyn);
  EXPECT_EQ(begun.protocol, 6);
  EXPECT_EQ(begun.bytes, 40U);
  EXPECT_FALSE(begun.is_incoming || begun.is_reply);
  EXPECT_THAT(begun.reasons, IsEmpty());

  on_nic({.flags = kAck});
  const auto known = told(trace);
  EXPECT_EQ(known.verdict, Verdict::forwarded);
  EXPECT_EQ(known.connection, TracedConnection::known);
  EXPECT_EQ(known.server, kServer);
  EXPECT_TRUE(known.is_incoming);

  on_nic(kReply);
  const auto reply = told(trace);
  EXPECT_EQ(reply.verdict, Verdict::forwarded);
  EXPECT_EQ(reply.connection, TracedConnection::known);
  EXPECT_EQ(reply.from, kServer);
  EXPECT_EQ(reply.service, kVip);
  EXPECT_EQ(reply.server, std::nullopt);
  EXPECT_TRUE(reply.is_reply);
}

TEST_F(TraceTest, a_packet_that_is_not_forwarded_has_its_reason) {
  balance(kNames, {.scheduler = "rr"}, 0);
  balance(kWeb, {.scheduler = "rr"});
  auto trace = open();
  first({.dport = 53, .protocol = 17, .flags = 0});
  const auto answered = told(trace);
  EXPECT_EQ(answered.verdict, Verdict::answered);
  EXPECT_THAT(answered.reasons, ElementsAre("no-destination"));
  EXPECT_EQ(answered.connection, TracedConnection::none);
  first({.flags = kAck});
  const auto stray = told(trace);
  EXPECT_EQ(stray.verdict, Verdict::left);
  EXPECT_THAT(stray.reasons, ElementsAre("passed-not-a-new-connection"));
  on_nic({.flags = kAck});
  const auto unknown = told(trace);
  EXPECT_EQ(unknown.verdict, Verdict::left);
  EXPECT_THAT(unknown.reasons, IsEmpty());
  first({});
  all_of(trace);
  ask(ipvs::DelDest{kWeb, {kServer.address, kServer.port}});
  first({.flags = kAck});
  const auto lost = told(trace);
  EXPECT_EQ(lost.verdict, Verdict::dropped);
  EXPECT_THAT(lost.reasons, ElementsAre("destination-removed"));
  EXPECT_EQ(lost.connection, TracedConnection::known);
}

TEST_F(TraceTest, only_what_was_asked_for_is_told) {
  balance(kWeb, {.scheduler = "rr"});
  const auto clients = [](const char* prefix, unsigned length) {
    return TraceFilter{.clients = TraceFilter::Clients{*Address::parse(prefix), length}};
  };
  const auto service = [](const char* address, uint16_t port) {
    return TraceFilter{.service = Endpoint{*Address::parse(address), port}};
  };
  struct Case {
    TraceFilter filter;
    size_t told;  // Of a connection's request and reply, and one of another client.
  };
  const Case cases[] = {
      {clients("192.0.2.2", 32), 2},
      {clients("192.0.2.3", 32), 1},
      {clients("192.0.2.0", 30), 3},
      {clients("192.0.2.4", 30), 0},
      {clients("0.0.0.0", 0), 3},
      {clients("2001:db8::", 0), 0},
      {service("192.0.2.100", 80), 3},
      {service("192.0.2.100", 0), 3},
      {service("192.0.2.100", 81), 0},
      {service("192.0.2.101", 80), 0},
      {{.protocol = ipvs::Protocol::tcp}, 3},
      {{.protocol = ipvs::Protocol::udp}, 0},
      {{.only_drops = true}, 0},
  };
  first({});
  for (const auto& [filter, expected] : cases) {
    auto trace = open(filter);
    on_nic({.flags = kAck});
    on_nic(kReply);
    on_nic({.from = "192.0.2.3"});
    EXPECT_THAT(all_of(trace), SizeIs(expected)) << &filter - &cases[0].filter;
  }
  auto both = open({.clients = TraceFilter::Clients{*Address::parse("192.0.2.2"), 32},
                    .service = Endpoint{*Address::parse("10.0.0.2"), 8080}});
  on_nic(kReply);
  EXPECT_THAT(all_of(both), IsEmpty()) << "a reply is the virtual server's";
}

TEST_F(TraceTest, drops_are_told_alone) {
  balance(kNames, {.scheduler = "rr"}, 0);
  balance(kWeb, {.scheduler = "rr"});
  auto trace = open({.only_drops = true});
  first({});
  on_nic({.flags = kAck});
  first({.dport = 53, .protocol = 17, .flags = 0});
  EXPECT_THAT(told(trace).reasons, ElementsAre("no-destination"));
}

TEST_F(TraceTest, packets_are_the_same_with_and_without) {
  const auto play = [this] {
    std::vector<RawOutcome> all;
    balance(kWeb, {.scheduler = "rr"}, 3);
    balance(kNames, {.scheduler = "rr"}, 0);
    __sk_buff context{};
    context.ingress_ifindex = ::if_nametoindex("eth0");
    for (uint16_t port = 40000; port < 40004; ++port) {
      all.push_back(run_frame(core->ipvs0_egress_fd(), build(Packet{.sport = port}), context));
      all.push_back(run_frame(core->nic_ingress_fd(),
                              build(Packet{.sport = port, .flags = kAck, .payload = "hello"})));
    }
    all.push_back(run_frame(core->nic_ingress_fd(), build(kReply)));
    all.push_back(run_frame(core->ipvs0_egress_fd(),
                            build(Packet{.dport = 53, .protocol = 17, .flags = 0}), context));
    all.push_back(run_frame(core->nic_ingress_fd(), build(Packet{.dport = 81})));
    return all;
  };
  const auto without = play();
  const auto counted = drops();
  PacketPath::open();
  auto trace = open();
  const auto with = play();
  ASSERT_EQ(with.size(), without.size());
  for (size_t i = 0; i < with.size(); ++i) {
    EXPECT_EQ(with[i].verdict, without[i].verdict) << i;
    EXPECT_EQ(with[i].frame, without[i].frame) << i;
  }
  EXPECT_EQ(drops(), counted);
  EXPECT_THAT(all_of(trace), SizeIs(with.size()));
}

TEST_F(TraceTest, an_error_is_of_the_connection_that_it_quotes) {
  balance(kWeb, {.scheduler = "rr"});
  first({});
  auto trace = open({.clients = TraceFilter::Clients{kClient.address, 32},
                     .service = kVip,
                     .protocol = ipvs::Protocol::tcp});
  const IcmpError error{.from = "10.0.0.9",
                        .to = "192.0.2.2",
                        .quoted = {.to = "10.0.0.2", .dport = 8080, .flags = kAck}};
  run_frame(core->nic_ingress_fd(), build(error));
  const auto packet = told(trace);
  EXPECT_EQ(packet.verdict, Verdict::forwarded);
  EXPECT_EQ(packet.protocol, 1);
  EXPECT_EQ(packet.icmp_type, 3);
  EXPECT_EQ(packet.icmp_code, 4);
  EXPECT_EQ(packet.connection, TracedConnection::known);
  EXPECT_EQ(packet.service, kVip);
}

TEST_F(TraceTest, express_is_told_once_and_so_is_a_frame_for_another_mac) {
  balance(kWeb, {.scheduler = "rr"});
  ask(ipvs::SetSetting{"express", 1});
  auto trace = open();
  __sk_buff context{};
  context.ifindex = context.ingress_ifindex = ::if_nametoindex("eth0");
  Frame frame = build(Packet{});
  run_frame(core->nic_ingress_fd(), frame, context);
  EXPECT_EQ(told(trace).verdict, Verdict::for_others);
  for (const auto& device : core::devices()) {
    if (device.name == "eth0") {
      std::copy(device.mac.begin(), device.mac.end(), frame.begin());
    }
  }
  EXPECT_EQ(run_frame(core->nic_ingress_fd(), frame, context).verdict, TC_ACT_REDIRECT);
  const auto packet = told(trace);
  EXPECT_EQ(packet.verdict, Verdict::forwarded);
  EXPECT_EQ(packet.connection, TracedConnection::begun);
  EXPECT_EQ(packet.server, kServer);
  EXPECT_EQ(packet.device, "eth0");
}

TEST_F(TraceTest, direct_routing_and_one_packet_scheduling) {
  balance(kWeb, {.scheduler = "rr"}, 1, 80, {.forward = ipvs::Forward::direct});
  balance(kNames, {.scheduler = "rr", .flags = ipvs::kOnePacket}, 1, 5353);
  auto trace = open();
  first({});
  const auto direct = told(trace);
  EXPECT_EQ(direct.verdict, Verdict::forwarded);
  EXPECT_EQ(direct.forward, ipvs::Forward::direct);
  EXPECT_EQ(direct.server, (Endpoint{kServer.address, 80}));
  first({.dport = 53, .protocol = 17, .flags = 0});
  const auto single = told(trace);
  EXPECT_EQ(single.verdict, Verdict::forwarded);
  EXPECT_EQ(single.connection, TracedConnection::none);
  EXPECT_EQ(single.server, (Endpoint{kServer.address, 5353}));
}

TEST_F(TraceTest, ipv6_behind_extension_headers) {
  auto trace = open({.clients = TraceFilter::Clients{*Address::parse("2001:db8::"), 64}});
  run_frame(core->nic_ingress_fd(), build(Packet6{.extensions = {kHopByHop, kFragment}}));
  const auto packet = told(trace);
  EXPECT_EQ(packet.from, (Endpoint{*Address::parse("2001:db8::2"), 40000}));
  EXPECT_EQ(packet.to, (Endpoint{*Address::parse("2001:db8::100"), 80}));
  EXPECT_EQ(packet.tcp_flags, kSyn);
  EXPECT_FALSE(packet.is_fragment) << "the whole packet in one";
  on_nic({});
  EXPECT_THAT(all_of(trace), IsEmpty());
}

TEST_F(TraceTest, a_later_fragment_has_no_ports) {
  auto trace = open({.clients = TraceFilter::Clients{kClient.address, 32}});
  on_nic({.fragment = 0x2000});
  const auto begin = told(trace);
  EXPECT_TRUE(begin.is_fragment);
  EXPECT_EQ(begin.from, kClient);
  EXPECT_THAT(begin.reasons, ElementsAre("passed-fragment"));
  on_nic({.fragment = 0x2003});
  EXPECT_EQ(told(trace).from, (Endpoint{kClient.address, 0}));
}

TEST_F(TraceTest, what_finds_no_room_is_counted) {
  auto trace = open();
  Frame frame = build(Packet{.dport = 81});
  bpf_test_run_opts options{};
  options.sz = sizeof(options);
  options.data_in = frame.data();
  options.data_size_in = static_cast<uint32_t>(frame.size());
  options.repeat = 10'000;
  ASSERT_EQ(bpf_prog_test_run_opts(core->nic_ingress_fd(), &options), 0);
  const auto told = all_of(trace).size();
  EXPECT_GT(told, 2000U);
  EXPECT_EQ(told + trace.lost(), 10'000U);
  on_nic({});
  EXPECT_THAT(all_of(trace), SizeIs(1)) << "there is room again";
}

TEST_F(TraceTest, there_is_one_trace_at_a_time_and_none_is_left) {
  {
    auto trace = open();
    const auto second = Trace::open({});
    ASSERT_FALSE(second);
    EXPECT_EQ(second.error().code, EBUSY);
    on_nic({});
  }
  const auto ask = asked();
  ASSERT_TRUE(ask);
  EXPECT_EQ((*ask)->is_on, 0U);
  auto trace = open();
  EXPECT_THAT(all_of(trace), IsEmpty()) << "nothing of the trace before";
  ::munmap(*ask, sizeof(lvs_trace));
}

TEST_F(TraceTest, who_was_stopped_for_long_leaves_the_trace_to_who_came_since) {
  const auto ask = asked();
  ASSERT_TRUE(ask);
  {
    auto trace = open();
    (*ask)->owner += 1;
    const auto renewed = trace.renew();
    ASSERT_FALSE(renewed);
    EXPECT_EQ(renewed.error().code, EBUSY);
  }
  EXPECT_EQ((*ask)->is_on, 1U);
  (*ask)->until = 0;
  ::munmap(*ask, sizeof(lvs_trace));
}

TEST_F(TraceTest, the_programs_end_what_nobody_renews) {
  auto trace = open();
  const auto ask = asked();
  ASSERT_TRUE(ask);
  (*ask)->until = 1;
  on_nic({});
  EXPECT_EQ((*ask)->is_on, 0U);
  EXPECT_THAT(all_of(trace), IsEmpty());
  const auto renewed = trace.renew();
  ASSERT_TRUE(renewed);
  EXPECT_EQ(*renewed, Trace::Renewed::same);
  on_nic({});
  EXPECT_THAT(all_of(trace), SizeIs(1)) << "he was only stopped for a while";
  ::munmap(*ask, sizeof(lvs_trace));
}

}  // namespace
}  // namespace lvs::test
