// Replies against messages assembled by hand and against recordings of the kernel, in both
// directions.
#include "common/ipvs/codec.h"

#include <gtest/gtest.h>

#include "tests/unit/common/ipvs/bytes.h"
#include "tests/unit/common/ipvs/recorded.h"

namespace lvs::ipvs {
namespace {

using namespace test;

constexpr uint16_t kFamily = kEmbeddedFamily;
constexpr uint32_t kSeq = 7;
constexpr uint16_t kMulti = 2;
constexpr uint16_t kCapped = 0x100;
constexpr uint16_t kTlvs = 0x200;

const ServiceKey kWeb = AddressKey{Protocol::tcp, *Address::parse("192.0.2.1"), 80};
const ServiceStatus kWebStatus{
    kWeb,
    {.scheduler = "sh", .flags = kPersistent | kSched2, .timeout = 300, .prefix = 24},
    {.connections = 1,
     .in_packets = 2,
     .out_packets = 3,
     .in_bytes = 0x1'0000'0004,
     .out_bytes = 5,
     .cps = 6,
     .in_pps = 7,
     .out_pps = 8,
     .in_bps = 9,
     .out_bps = 10}};
const DestStatus kServerStatus{
    {*Address::parse("10.0.0.2"), 8080},
    {.forward = Forward::masq, .weight = 5, .upper_threshold = 100, .lower_threshold = 50},
    1,
    2,
    3,
    {}};

// The ten counters of STATS (all but the bytes 32 bits wide) and of STATS64.
Bytes stats_attributes(uint16_t narrow, uint16_t wide, const std::vector<uint64_t>& values) {
  Bytes first;
  Bytes second;
  for (uint16_t type = 1; type <= 10; ++type) {
    const uint64_t value = values[type - 1U];
    const bool is_bytes = type == 4 || type == 5;
    first =
        join({first, attribute(type, is_bytes ? le64(value) : le32(static_cast<uint32_t>(value)))});
    second = join({second, attribute(type, le64(value))});
  }
  return join({attribute(narrow, first), attribute(wide, second)});
}

Bytes web_object() {
  return generic(
      kFamily, 0, kSeq, 1,
      attribute(1, join({attribute(1, {2, 0}), attribute(2, {6, 0}), attribute(3, kVip),
                         attribute(4, {0, 80}), attribute(6, {'s', 'h', 0}),
                         attribute(7, join({le32(0x13), le32(0xffffffff)})),
                         attribute(8, le32(300)), attribute(9, {255, 255, 255, 0}),
                         stats_attributes(10, 12, {1, 2, 3, 0x1'0000'0004, 5, 6, 7, 8, 9, 10})})));
}

Bytes server_object() {
  return generic(
      kFamily, kMulti, kSeq, 5,
      attribute(2, join({attribute(1, kServer), attribute(2, {0x1f, 0x90}), attribute(3, le32(0)),
                         attribute(4, le32(5)), attribute(13, {0}), attribute(14, {0, 0}),
                         attribute(15, {0, 0}), attribute(5, le32(100)), attribute(6, le32(50)),
                         attribute(7, le32(1)), attribute(8, le32(2)), attribute(9, le32(3)),
                         attribute(11, {2, 0}),
                         stats_attributes(10, 12, std::vector<uint64_t>(10, 0))})));
}

Bytes ack_of(const Bytes& request) {
  return message(2, kCapped, kSeq, 0,
                 join({le32(0), Bytes(request.begin(), request.begin() + 16)}));
}

Bytes done() {
  return message(3, kMulti, kSeq, 0, le32(0));
}

Bytes joined(const std::vector<Bytes>& datagrams) {
  Bytes all;
  for (const Bytes& datagram : datagrams) {
    all = join({all, datagram});
  }
  return all;
}

TEST(ReplyBytes, OneService) {
  const Bytes request = encode_request(GetService{kWeb}, kFamily, kSeq);
  const auto datagrams = encode_reply(request, Reply{std::vector{kWebStatus}});
  EXPECT_EQ(joined(datagrams), join({web_object(), ack_of(request)}));
}

TEST(ReplyBytes, ADumpOfServersIsMultipartAndEndsWithDone) {
  const Bytes request = encode_request(GetDests{kWeb}, kFamily, kSeq);
  const auto datagrams = encode_reply(request, Reply{std::vector{kServerStatus}});
  EXPECT_EQ(joined(datagrams), join({server_object(), done()}));
}

TEST(ReplyBytes, TimeoutsAndInfo) {
  const Bytes config = encode_request(GetConfig{}, kFamily, kSeq);
  EXPECT_EQ(joined(encode_reply(config, Reply{Timeouts{900, 120, 300}})),
            join({generic(kFamily, 0, kSeq, 12,
                          join({attribute(4, le32(900)), attribute(5, le32(120)),
                                attribute(6, le32(300))})),
                  ack_of(config)}));
  const Bytes info = encode_request(GetInfo{}, kFamily, kSeq);
  EXPECT_EQ(joined(encode_reply(info, Reply{Info{0x010201, 4096}})),
            join({generic(kFamily, 0, kSeq, 14,
                          join({attribute(1, le32(0x010201)), attribute(2, le32(4096))})),
                  ack_of(info)}));
}

TEST(ReplyBytes, SyncDaemons) {
  const Bytes request = encode_request(GetDaemons{}, kFamily, kSeq);
  const SyncDaemon backup{.role = DaemonRole::backup,
                          .interface = "lo",
                          .sync_id = 1,
                          .max_length = 65507,
                          .group = Address::parse("224.0.0.99"),
                          .port = 8848,
                          .ttl = 1};
  EXPECT_EQ(joined(encode_reply(request, Reply{std::vector{backup}})),
            join({generic(kFamily, kMulti, kSeq, 9,
                          attribute(3, join({attribute(1, le32(2)), attribute(2, {'l', 'o', 0}),
                                             attribute(3, le32(1)), attribute(4, le16(65507)),
                                             attribute(7, le16(8848)), attribute(8, {1}),
                                             attribute(5, {224, 0, 0, 99})}))),
                  done()}));
}

TEST(ReplyBytes, OwnObjects) {
  const Bytes connections = encode_request(GetConnections{}, kFamily, kSeq);
  const Connection one{.protocol = 17,
                       .client = {*Address::parse("192.0.2.9"), 4000},
                       .virtual_service = {*Address::parse("192.0.2.1"), 53},
                       .destination = {*Address::parse("10.0.0.2"), 53},
                       .state = "UDP",
                       .expires_s = 300};
  const auto end = [](uint16_t type, const Bytes& address, const Bytes& port) {
    return attribute(type, join({attribute(1, address), attribute(2, port)}));
  };
  EXPECT_EQ(
      joined(encode_reply(connections, Reply{std::vector{one}})),
      join({generic(
                kFamily, kMulti, kSeq, 128,
                attribute(16, join({attribute(1, {17}), end(2, {192, 0, 2, 9}, {0x0f, 0xa0}),
                                    end(3, {192, 0, 2, 1}, {0, 53}), end(4, {10, 0, 0, 2}, {0, 53}),
                                    attribute(5, {'U', 'D', 'P', 0}), attribute(6, le32(300)),
                                    attribute(7, {0})}))),
            done()}));
  const Bytes kill =
      encode_request(KillConnections{*Address::parse("10.0.0.5"), 32}, kFamily, kSeq);
  EXPECT_EQ(joined(encode_reply(kill, Reply{Killed{3}})),
            join({generic(kFamily, 0, kSeq, 131, attribute(19, le32(3))), ack_of(kill)}));
  EXPECT_EQ(
      joined(encode_reply(kill, Reply{Killed{3, 7}})),
      join({generic(kFamily, 0, kSeq, 131, join({attribute(19, le32(3)), attribute(24, le64(7))})),
            ack_of(kill)}));
  const Bytes drops = encode_request(GetDrops{}, kFamily, kSeq);
  EXPECT_EQ(joined(encode_reply(drops, Reply{std::vector{DropCounter{"ttl", 9}}})),
            join({generic(kFamily, kMulti, kSeq, 132,
                          join({attribute(20, {'t', 't', 'l', 0}), attribute(21, le64(9))})),
                  done()}));
}

TEST(ReplyBytes, DeniedPrefixesOfBothFamilies) {
  const Bytes request = encode_request(GetDenied{}, kFamily, kSeq);
  const Reply denied{std::vector<DeniedPrefix>{{*Prefix::parse("192.0.2.0/24"), 9},
                                               {*Prefix::parse("2001:db8::/32"), 0}}};
  const Bytes first = generic(
      kFamily, kMulti, kSeq, 137,
      join({attribute(17, {192, 0, 2, 0}), attribute(18, le32(24)), attribute(25, le64(9))}));
  const auto datagrams = encode_reply(request, denied);
  const Bytes all = joined(datagrams);
  EXPECT_EQ(Bytes(all.begin(), all.begin() + static_cast<ptrdiff_t>(first.size())), first);
  const auto decoded = decode_reply(GetDenied{}, kSeq, datagrams);
  ASSERT_TRUE(decoded) << decoded.error().what;
  EXPECT_EQ(*decoded, denied);
}

TEST(ReplyBytes, AnAcknowledgementOnlyWhenAskedFor) {
  Bytes request = encode_request(Flush{}, kFamily, kSeq);
  EXPECT_EQ(joined(encode_reply(request, Reply{Ack{}})), ack_of(request));
  request[6] = 1;  // REQUEST without ACK
  EXPECT_TRUE(encode_reply(request, Reply{Ack{}}).empty());
}

TEST(ReplyBytes, AnErrorCarriesTheRequestBackAndTheTextBehindIt) {
  const Bytes request = encode_request(Flush{}, kFamily, kSeq);
  EXPECT_EQ(joined(encode_reply(request, Error{ESRCH, ""})),
            message(2, 0, kSeq, 0, join({le32(~0U - 2), request})));
  EXPECT_EQ(
      joined(encode_reply(request, Error{ESRCH, "why"})),
      message(2, kTlvs, kSeq, 0, join({le32(~0U - 2), request, attribute(1, {'w', 'h', 'y', 0})})));
}

TEST(ReplyBytes, ALongDumpIsCutIntoDatagrams) {
  const Bytes request = encode_request(GetDests{kWeb}, kFamily, kSeq);
  const std::vector<DestStatus> many(1000, kServerStatus);
  const auto datagrams = encode_reply(request, Reply{many});
  EXPECT_GT(datagrams.size(), 5U);
  for (const Bytes& datagram : datagrams) {
    EXPECT_LE(datagram.size(), kReplyDatagramBytesMax);
  }
  const auto decoded = decode_reply(GetDests{kWeb}, kSeq, datagrams);
  ASSERT_TRUE(decoded);
  EXPECT_EQ(*decoded, Reply{many});
}

template <typename T>
T understood(const Request& request, const std::vector<Bytes>& datagrams) {
  auto reply = decode_reply(request, kSeq, datagrams);
  EXPECT_TRUE(reply) << (reply ? "" : reply.error().what);
  return reply ? std::get<T>(*reply) : T{};
}

TEST(KernelsReply, Services) {
  const auto services = understood<std::vector<ServiceStatus>>(GetServices{}, kServicesOfKernel);
  ASSERT_EQ(services.size(), 3U);
  const Service sip{.scheduler = "rr",
                    .flags = kPersistent | kOnePacket,
                    .timeout = 60,
                    .prefix = 64,
                    .persistence_engine = "sip"};
  EXPECT_EQ(services[0].key,
            (ServiceKey{AddressKey{Protocol::udp, *Address::parse("2001:db8::1"), 5060}}));
  EXPECT_EQ(services[0].service, sip);
  EXPECT_EQ(services[1].key, kWeb);
  EXPECT_EQ(services[1].service, kWebStatus.service);
  EXPECT_EQ(services[2].key, (ServiceKey{MarkKey{80, Family::v6}}));
  EXPECT_EQ(services[2].service, (Service{.scheduler = "wlc", .prefix = 128}));
}

TEST(KernelsReply, OneService) {
  const auto services = understood<std::vector<ServiceStatus>>(GetService{kWeb}, kServiceOfKernel);
  ASSERT_EQ(services.size(), 1U);
  EXPECT_EQ(services[0].service, kWebStatus.service);
}

TEST(KernelsReply, Servers) {
  const auto servers = understood<std::vector<DestStatus>>(GetDests{kWeb}, kDestsOfKernel);
  ASSERT_EQ(servers.size(), 1U);
  EXPECT_EQ(servers[0].key, kServerStatus.key);
  EXPECT_EQ(servers[0].dest, kServerStatus.dest);
}

TEST(KernelsReply, AServerOfAnotherFamilyBehindATunnel) {
  const auto servers = understood<std::vector<DestStatus>>(GetDests{kWeb}, kDestsOfKernelMixed);
  ASSERT_EQ(servers.size(), 1U);
  EXPECT_EQ(servers[0].key, (DestKey{*Address::parse("10.0.0.3"), 5060}));
  EXPECT_EQ(servers[0].dest, (Dest{.forward = Forward::tunnel,
                                   .weight = 1,
                                   .tunnel_type = TunnelType::gue,
                                   .tunnel_port = 6080,
                                   .tunnel_flags = 1}));
}

TEST(KernelsReply, InfoTimeoutsDaemons) {
  EXPECT_EQ(understood<Info>(GetInfo{}, kInfoOfKernel), (Info{0x010201, 4096}));
  EXPECT_EQ(understood<Timeouts>(GetConfig{}, kTimeoutsOfKernel), (Timeouts{900, 120, 300}));
  const auto daemons = understood<std::vector<SyncDaemon>>(GetDaemons{}, kDaemonsOfKernel);
  ASSERT_EQ(daemons.size(), 2U);
  EXPECT_EQ(daemons[0],
            (SyncDaemon{DaemonRole::master, "lo", 7, 1472, Address::parse("224.0.0.81"), 8848, 1}));
  EXPECT_EQ(daemons[1].role, DaemonRole::backup);
}

TEST(KernelsReply, AckEmptyDumpAndRefusal) {
  understood<Ack>(Zero{}, kAckOfKernel);
  EXPECT_TRUE(understood<std::vector<DestStatus>>(GetDests{kWeb}, kEmptyDumpOfKernel).empty());
  const auto refused =
      decode_reply(DelService{MarkKey{9, Family::v4}}, kSeq, kNoSuchServiceOfKernel);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ESRCH);
}

TEST(ReplyDecoding, NarrowCountersServeWhereThereAreNoWideOnes) {
  const Bytes object = generic(
      kFamily, 0, kSeq, 1,
      attribute(
          1,
          join({attribute(1, {2, 0}), attribute(5, le32(80)), attribute(6, {'r', 'r', 0}),
                attribute(10, join({attribute(1, le32(11)), attribute(4, le64(1ULL << 40))}))})));
  const auto services =
      understood<std::vector<ServiceStatus>>(GetServices{}, {join({object, done()})});
  ASSERT_EQ(services.size(), 1U);
  EXPECT_EQ(services[0].stats.connections, 11U);
  EXPECT_EQ(services[0].stats.in_bytes, 1ULL << 40);
}

// As kernels before 3.18 list a server: neither its family nor wide counters. The address is of the
// family of its service, also when only its first bytes are not zero.
TEST(ReplyDecoding, AServerWithoutAFamilyIsOfItsServicesFamily) {
  const auto listed = [](const Address& vip, const Bytes& address) {
    const Bytes object = generic(
        kFamily, kMulti, kSeq, 5,
        attribute(2, join({attribute(1, address), attribute(2, {0, 80}), attribute(3, le32(0)),
                           attribute(4, le32(1)), attribute(5, le32(0)), attribute(6, le32(0)),
                           attribute(7, le32(3)), attribute(8, le32(0)), attribute(9, le32(0)),
                           attribute(10, join({attribute(1, le32(5))}))})));
    return understood<std::vector<DestStatus>>(GetDests{AddressKey{Protocol::tcp, vip, 80}},
                                               {join({object, done()})});
  };
  const auto v4 = listed(*Address::parse("192.0.2.1"), kServer);
  ASSERT_EQ(v4.size(), 1U);
  EXPECT_EQ(v4[0].key, (DestKey{*Address::parse("10.0.0.2"), 80}));
  EXPECT_EQ(v4[0].active, 3U);
  EXPECT_EQ(v4[0].stats.connections, 5U);
  const auto v6 = listed(*Address::parse("2001:db8::1"),
                         {0x20, 0x01, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0});
  ASSERT_EQ(v6.size(), 1U);
  EXPECT_EQ(v6[0].key, (DestKey{*Address::parse("2001:db8::"), 80}));
}

TEST(ReplyDecoding, AnswersToOtherRequestsAreSkipped) {
  const Bytes request = encode_request(GetInfo{}, kFamily, kSeq);
  const Bytes late =
      joined(encode_reply(encode_request(GetInfo{}, kFamily, kSeq - 1), Reply{Info{1, 1}}));
  const Bytes right = joined(encode_reply(request, Reply{Info{2, 2}}));
  EXPECT_EQ(understood<Info>(GetInfo{}, {late, right}), (Info{2, 2}));
}

int refusal(const Request& request, const Bytes& datagram) {
  const auto reply = decode_reply(request, kSeq, std::vector<Bytes>{datagram});
  return reply ? 0 : reply.error().code;
}

TEST(ReplyDecoding, BrokenAnswersAreEbadmsg) {
  const Bytes whole = joined(kServicesOfKernel);
  for (size_t size = 0; size < whole.size(); ++size) {
    EXPECT_EQ(
        refusal(GetServices{}, Bytes(whole.begin(), whole.begin() + static_cast<ptrdiff_t>(size))),
        EBADMSG)
        << size;
  }
  EXPECT_EQ(refusal(GetInfo{}, whole), EBADMSG);
  EXPECT_EQ(refusal(GetInfo{}, ack_of(encode_request(GetInfo{}, kFamily, kSeq))), EBADMSG);
}

TEST(ReplyDecoding, ADumpMayEndWithAnError) {
  EXPECT_EQ(refusal(GetServices{}, message(3, kMulti, kSeq, 0, le32(~0U - 11))), ENOMEM);
}

TEST(Answer, EveryMessageOfADatagramIsAnswered) {
  std::vector<Request> seen;
  const Bytes two =
      join({encode_request(Flush{}, kFamily, 1), encode_request(GetInfo{}, kFamily, 2)});
  const auto datagrams = answer(two, [&](const Request& request) -> Result<Reply> {
    seen.push_back(request);
    if (std::holds_alternative<Flush>(request)) {
      return Reply{Ack{}};
    }
    return Reply{Info{}};
  });
  EXPECT_EQ(seen, (std::vector<Request>{Flush{}, GetInfo{}}));
  EXPECT_TRUE(decode_reply(Flush{}, 1, datagrams));
  EXPECT_TRUE(decode_reply(GetInfo{}, 2, datagrams));
}

TEST(Answer, WhatIsNoRequestForThisFamilyNeverReachesTheCore) {
  const Handler never = [](const Request&) -> Result<Reply> {
    ADD_FAILURE();
    return Reply{Ack{}};
  };
  const auto foreign = answer(encode_request(Flush{}, 16, kSeq), never);
  EXPECT_EQ(refusal(Flush{}, joined(foreign)), ENOENT);
  EXPECT_TRUE(answer(message(3, 1, 1, 0, le32(0)), never).empty());
  EXPECT_TRUE(answer(message(kFamily, 0, 1, 0, le32(17)), never).empty());
  EXPECT_TRUE(answer(Bytes(5, 0), never).empty());
  EXPECT_TRUE(answer({}, never).empty());
}

}  // namespace
}  // namespace lvs::ipvs
