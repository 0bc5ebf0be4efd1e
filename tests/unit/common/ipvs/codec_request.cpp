// Requests against messages assembled by hand from linux/ip_vs.h, in both directions, and what the
// kernel refuses.
#include <gtest/gtest.h>

#include "tests/unit/common/ipvs/bytes.h"

namespace lvs::ipvs {
namespace {

using namespace test;

constexpr uint16_t kFamily = kEmbeddedFamily;
constexpr uint16_t kDo = 0x5;      // REQUEST | ACK
constexpr uint16_t kDump = 0x301;  // REQUEST | ROOT | MATCH
constexpr uint16_t kNested = 0x8000;

const ServiceKey kWeb = AddressKey{Protocol::tcp, *Address::parse("192.0.2.1"), 80};
const ServiceKey kMark = MarkKey{80, Family::v4};

Bytes web_key() {
  return join(
      {attribute(1, {2, 0}), attribute(2, {6, 0}), attribute(3, kVip), attribute(4, {0, 80})});
}

Bytes web_rest() {
  return join({attribute(6, {'r', 'r', 0}), attribute(7, join({le32(1), le32(0xffffffff)})),
               attribute(8, le32(300)), attribute(9, {255, 255, 255, 0})});
}

Bytes server_key() {
  return join({attribute(11, {2, 0}), attribute(1, kServer), attribute(2, {0x1f, 0x90})});
}

Bytes server_rest() {
  return join({attribute(3, le32(0)), attribute(4, le32(5)), attribute(13, {1}),
               attribute(14, {0x17, 0xc0}), attribute(15, {1, 0}), attribute(5, le32(100)),
               attribute(6, le32(50))});
}

Bytes in_service(const Bytes& attributes) {
  return attribute(1 | kNested, attributes);
}
Bytes in_dest(const Bytes& attributes) {
  return attribute(2 | kNested, attributes);
}

const Service kWebService{.scheduler = "rr", .flags = kPersistent, .timeout = 300, .prefix = 24};
const DestKey kRealServer{*Address::parse("10.0.0.2"), 8080};
const Dest kWeighted{.forward = Forward::masq,
                     .weight = 5,
                     .upper_threshold = 100,
                     .lower_threshold = 50,
                     .tunnel_type = TunnelType::gue,
                     .tunnel_port = 6080,
                     .tunnel_flags = 1};

struct Golden {
  const char* name;
  Request request;
  Bytes bytes;
};

constexpr uint32_t kSequence = 7;

Bytes kernel(uint8_t command, const Bytes& payload) {
  return generic(kFamily, kDo, kSequence, command, payload);
}

Bytes dump(uint8_t command, const Bytes& payload) {
  return generic(kFamily, kDump, kSequence, command, payload);
}

std::vector<Golden> service_goldens() {
  const ServiceKey six = AddressKey{Protocol::udp, *Address::parse("2001:db8::1"), 53};
  const Service six_service{.scheduler = "wlc", .prefix = 64, .persistence_engine = "sip"};
  return {
      {"NewService", NewService{kWeb, kWebService},
       kernel(1, in_service(join({web_key(), web_rest()})))},
      {"NewServiceIPv6", NewService{six, six_service},
       kernel(1, in_service(join({attribute(1, {10, 0}), attribute(2, {17, 0}), attribute(3, kVip6),
                                  attribute(4, {0, 53}), attribute(6, {'w', 'l', 'c', 0}),
                                  attribute(11, {'s', 'i', 'p', 0}),
                                  attribute(7, join({le32(0), le32(0xffffffff)})),
                                  attribute(8, le32(0)), attribute(9, le32(64))})))},
      {"SetService", SetService{kWeb, kWebService, 0x1},
       kernel(2, in_service(join({web_key(), attribute(6, {'r', 'r', 0}),
                                  attribute(7, join({le32(1), le32(1)})), attribute(8, le32(300)),
                                  attribute(9, {255, 255, 255, 0})})))},
      {"DelService", DelService{kWeb}, kernel(3, in_service(web_key()))},
      {"DelServiceByMark", DelService{kMark},
       kernel(3, in_service(join({attribute(1, {2, 0}), attribute(5, le32(80))})))},
      {"GetService", GetService{kWeb}, kernel(4, in_service(web_key()))},
      {"GetServices", GetServices{}, dump(4, {})},
  };
}

std::vector<Golden> dest_goldens() {
  return {
      {"NewDest", NewDest{kWeb, kRealServer, kWeighted},
       kernel(5, join({in_service(web_key()), in_dest(join({server_key(), server_rest()}))}))},
      {"SetDest", SetDest{kWeb, kRealServer, kWeighted},
       kernel(6, join({in_service(web_key()), in_dest(join({server_key(), server_rest()}))}))},
      {"DelDest", DelDest{kWeb, kRealServer},
       kernel(7, join({in_service(web_key()), in_dest(server_key())}))},
      {"GetDests", GetDests{kWeb}, dump(8, in_service(web_key()))},
  };
}

std::vector<Golden> other_goldens() {
  const SyncDaemon master{.role = DaemonRole::master,
                          .interface = "eth0",
                          .sync_id = 9,
                          .max_length = 1400,
                          .group = Address::parse("224.0.0.81"),
                          .port = 8848,
                          .ttl = 2};
  return {
      {"NewDaemon", NewDaemon{master},
       kernel(9, attribute(3 | kNested,
                           join({attribute(1, le32(1)), attribute(2, {'e', 't', 'h', '0', 0}),
                                 attribute(3, le32(9)), attribute(4, le16(1400)),
                                 attribute(7, le16(8848)), attribute(8, {2}),
                                 attribute(5, {224, 0, 0, 81})})))},
      {"DelDaemon", DelDaemon{DaemonRole::backup},
       kernel(10, attribute(3 | kNested, attribute(1, le32(2))))},
      {"GetDaemons", GetDaemons{}, dump(11, {})},
      {"SetConfig", SetConfig{{900, 120, 300}},
       kernel(12,
              join({attribute(4, le32(900)), attribute(5, le32(120)), attribute(6, le32(300))}))},
      {"GetConfig", GetConfig{}, kernel(13, {})},
      {"GetInfo", GetInfo{}, kernel(15, {})},
      {"ZeroAll", Zero{}, kernel(16, {})},
      {"ZeroOne", Zero{kWeb}, kernel(16, in_service(web_key()))},
      {"Flush", Flush{}, kernel(17, {})},
      {"GetConnections", GetConnections{}, dump(129, {})},
      {"KillConnections", KillConnections{*Address::parse("10.0.0.5"), 32},
       kernel(130, join({attribute(17, {10, 0, 0, 5}), attribute(18, le32(32))}))},
      {"KillMore", KillConnections{*Address::parse("10.0.0.5"), 32, 7},
       kernel(130, join({attribute(17, {10, 0, 0, 5}), attribute(18, le32(32)),
                         attribute(24, le64(7))}))},
      {"GetDrops", GetDrops{}, dump(133, {})},
      {"GetDenied", GetDenied{}, dump(138, {})},
  };
}

std::vector<Golden> goldens() {
  std::vector<Golden> all = service_goldens();
  for (const auto& group : {dest_goldens(), other_goldens()}) {
    all.insert(all.end(), group.begin(), group.end());
  }
  return all;
}

class RequestBytes : public testing::TestWithParam<Golden> {};

TEST_P(RequestBytes, AreThoseOfTheKernelsHeader) {
  EXPECT_EQ(encode_request(GetParam().request, kFamily, 7), GetParam().bytes);
}

TEST_P(RequestBytes, AreUnderstood) {
  const auto request = decode_request(GetParam().bytes);
  ASSERT_TRUE(request) << request.error().what;
  EXPECT_EQ(*request, GetParam().request);
}

TEST_P(RequestBytes, CutAnywhereAreRefusedOrAnotherRequest) {
  const Bytes& whole = GetParam().bytes;
  for (size_t size = 0; size < whole.size(); ++size) {
    EXPECT_FALSE(decode_request(ByteView(whole).first(size))) << size;
  }
}

INSTANTIATE_TEST_SUITE_P(Goldens, RequestBytes, testing::ValuesIn(goldens()),
                         [](const auto& golden) { return golden.param.name; });

int refusal(uint8_t command, const Bytes& payload, uint16_t flags = kDo) {
  const auto request = decode_request(generic(kFamily, flags, 1, command, payload));
  return request ? 0 : request.error().code;
}

Bytes key_without(int type) {
  Bytes key;
  for (const auto& [number, bytes] :
       std::vector<std::pair<int, Bytes>>{{1, {2, 0}}, {2, {6, 0}}, {3, kVip}, {4, {0, 80}}}) {
    key = number == type ? key : join({key, attribute(static_cast<uint16_t>(number), bytes)});
  }
  return key;
}

TEST(RequestRefusals, EveryMissingKeyAttributeIsEinval) {
  EXPECT_EQ(refusal(3, {}), EINVAL);
  for (const int type : {1, 2, 3, 4}) {
    EXPECT_EQ(refusal(3, in_service(key_without(type))), EINVAL) << type;
  }
}

TEST(RequestRefusals, EveryMissingServiceAttributeIsEinval) {
  const std::vector<Bytes> rest = {attribute(6, {'r', 'r', 0}),
                                   attribute(7, join({le32(0), le32(~0U)})), attribute(8, le32(0)),
                                   attribute(9, {255, 255, 255, 255})};
  for (size_t missing = 0; missing < rest.size(); ++missing) {
    Bytes given = web_key();
    for (size_t i = 0; i < rest.size(); ++i) {
      given = i == missing ? given : join({given, rest[i]});
    }
    EXPECT_EQ(refusal(1, in_service(given)), EINVAL) << missing;
  }
}

TEST(RequestRefusals, EveryMissingServerAttributeIsEinval) {
  const std::vector<Bytes> attributes = {attribute(1, kServer), attribute(2, {0, 80}),
                                         attribute(3, le32(0)), attribute(4, le32(1)),
                                         attribute(5, le32(0)), attribute(6, le32(0))};
  for (size_t missing = 0; missing < attributes.size(); ++missing) {
    Bytes given;
    for (size_t i = 0; i < attributes.size(); ++i) {
      given = i == missing ? given : join({given, attributes[i]});
    }
    EXPECT_EQ(refusal(5, join({in_service(web_key()), in_dest(given)})), EINVAL) << missing;
  }
  EXPECT_EQ(refusal(5, in_service(web_key())), EINVAL);
}

TEST(RequestRefusals, AnUnknownAddressFamilyIsEafnosupport) {
  EXPECT_EQ(refusal(3, in_service(join({attribute(1, {1, 0}), attribute(5, le32(80))}))),
            EAFNOSUPPORT);
  const Bytes server = join({attribute(11, {1, 0}), attribute(1, kServer), attribute(2, {0, 80})});
  EXPECT_EQ(refusal(7, join({in_service(web_key()), in_dest(server)})), EAFNOSUPPORT);
}

TEST(RequestRefusals, UnknownCommandsAndDumpsAreEopnotsupp) {
  EXPECT_EQ(refusal(0, {}), EOPNOTSUPP);
  EXPECT_EQ(refusal(14, {}), EOPNOTSUPP);
  EXPECT_EQ(refusal(18, {}), EOPNOTSUPP);
  EXPECT_EQ(refusal(8, in_service(web_key()), kDo), EOPNOTSUPP);
  EXPECT_EQ(refusal(11, {}, kDo), EOPNOTSUPP);
  EXPECT_EQ(refusal(1, in_service(join({web_key(), web_rest()})), kDump), EOPNOTSUPP);
}

TEST(RequestRefusals, ShortNumbersAreErangeOnTheTopAndEinvalInside) {
  EXPECT_EQ(refusal(12, attribute(4, {1, 0})), ERANGE);
  EXPECT_EQ(refusal(3, in_service(join({attribute(1, {2}), attribute(5, le32(80))}))), EINVAL);
}

TEST(RequestRefusals, SchedulerNamesLongerThanFifteenBytesAreEinval) {
  const Bytes name(16, 'x');
  const Bytes rest =
      join({attribute(6, join({name, {0}})), attribute(7, join({le32(0), le32(~0U)})),
            attribute(8, le32(0)), attribute(9, {255, 255, 255, 255})});
  EXPECT_EQ(refusal(1, in_service(join({web_key(), rest}))), EINVAL);
}

TEST(RequestRefusals, AnIPv6PrefixLengthIsOneTo128) {
  const auto with_netmask = [](uint32_t prefix) {
    return refusal(
        1, in_service(join({attribute(1, {10, 0}), attribute(5, le32(80)),
                            attribute(6, {'r', 'r', 0}), attribute(7, join({le32(0), le32(~0U)})),
                            attribute(8, le32(0)), attribute(9, le32(prefix))})));
  };
  EXPECT_EQ(with_netmask(0), EINVAL);
  EXPECT_EQ(with_netmask(1), 0);
  EXPECT_EQ(with_netmask(128), 0);
  EXPECT_EQ(with_netmask(129), EINVAL);
}

TEST(RequestRefusals, AServerOfAnotherFamilyNeedsTunnelling) {
  const auto with_forward = [](uint32_t forward) {
    return refusal(
        5, join({in_service(web_key()),
                 in_dest(join({attribute(11, {10, 0}), attribute(1, kVip6), attribute(2, {0, 80}),
                               attribute(3, le32(forward)), attribute(4, le32(1)),
                               attribute(5, le32(0)), attribute(6, le32(0))}))}));
  };
  EXPECT_EQ(with_forward(3), EINVAL);
  EXPECT_EQ(with_forward(2), 0);
}

TEST(RequestDetails, FwmarkWinsOverAddressAndPort) {
  const auto request = decode_request(
      generic(kFamily, kDo, 1, 3, in_service(join({web_key(), attribute(5, le32(80))}))));
  ASSERT_TRUE(request);
  EXPECT_EQ(*request, Request{DelService{kMark}});
}

TEST(RequestDetails, AFourByteAddressIsAccepted) {
  const auto request = decode_request(
      generic(kFamily, kDo, 1, 3,
              in_service(join({attribute(1, {2, 0}), attribute(2, {6, 0}),
                               attribute(3, {192, 0, 2, 1}), attribute(4, {0, 80})}))));
  ASSERT_TRUE(request);
  EXPECT_EQ(*request, Request{DelService{kWeb}});
}

TEST(RequestDetails, AServerWithoutFamilyHasItsServices) {
  const Bytes server = join({attribute(1, kVip6), attribute(2, {0, 80})});
  const Bytes service = join({attribute(1, {10, 0}), attribute(5, le32(80))});
  const auto request =
      decode_request(generic(kFamily, kDo, 1, 7, join({in_service(service), in_dest(server)})));
  ASSERT_TRUE(request);
  EXPECT_EQ(*request,
            (Request{DelDest{MarkKey{80, Family::v6}, {*Address::parse("2001:db8::1"), 80}}}));
}

TEST(RequestDetails, FlagsOutsideTheMaskDoNotCountInANewService) {
  const Bytes rest = join({attribute(6, {'r', 'r', 0}), attribute(7, join({le32(0x5), le32(0x4)})),
                           attribute(8, le32(0)), attribute(9, {255, 255, 255, 255})});
  const auto request =
      decode_request(generic(kFamily, kDo, 1, 1, in_service(join({web_key(), rest}))));
  ASSERT_TRUE(request);
  EXPECT_EQ(std::get<NewService>(*request).service.flags, kOnePacket);
}

TEST(RequestDetails, ANegativeWeightIsLeftToTheCore) {
  const Request request = NewDest{kWeb, kRealServer, {.weight = -1}};
  const auto decoded = decode_request(encode_request(request, kFamily, 1));
  ASSERT_TRUE(decoded);
  EXPECT_EQ(*decoded, request);
}

TEST(RequestDetails, AnOverlongNameIsRefusedByTheReceiverNotSentShortened) {
  const Request request = NewService{kWeb, {.scheduler = std::string(10'000, 'x')}};
  const auto decoded = decode_request(encode_request(request, kFamily, 1));
  ASSERT_FALSE(decoded);
  EXPECT_EQ(decoded.error().code, EINVAL);
}

}  // namespace
}  // namespace lvs::ipvs
