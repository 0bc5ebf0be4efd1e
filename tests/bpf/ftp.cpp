// FTP's dialogue through NAT, packet by packet: what is read of it, what the client hears, and how
// the numbers of later packets follow a text that became longer or shorter.
#include <gmock/gmock.h>

#include "tests/bpf/packet_path.h"

namespace lvs::test {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

const ipvs::ServiceKey kFtp =
    ipvs::AddressKey{ipvs::Protocol::tcp, *Address::parse("192.0.2.100"), 21};
const std::string kServersText = "227 Entering Passive Mode (10,0,0,2,156,64).\r\n";
const std::string kClientsText = "227 Entering Passive Mode (192,0,2,100,156,64).\r\n";
const auto kLonger = static_cast<uint32_t>(kClientsText.size() - kServersText.size());
const auto kLength = static_cast<uint32_t>(kServersText.size());

struct Ftp : PacketPath {
  void SetUp() override {
    PacketPath::SetUp();
    balance(kFtp, {.scheduler = "rr"}, 1, 21);
    first({.dport = 21});
    server_says("", 999, kSyn | kAck);
    on_nic({.dport = 21, .flags = kAck});
  }
  Packet server_says(const std::string& text, uint32_t sequence = 1000, uint8_t flags = kAck,
                     const std::string& options = "") {
    const auto seen = on_nic({.from = "10.0.0.2",
                              .to = "192.0.2.2",
                              .sport = 21,
                              .dport = 40000,
                              .flags = flags,
                              .payload = text,
                              .sequence = sequence,
                              .tcp_options = options});
    EXPECT_EQ(seen.verdict, TC_ACT_REDIRECT) << text;
    EXPECT_TRUE(seen.packet) << "a checksum is wrong: " << text;
    return seen.packet.value_or(Packet{});
  }
  Packet client_says(const std::string& text, uint32_t acknowledged = 0) {
    const auto seen =
        on_nic({.dport = 21, .flags = kAck, .payload = text, .acknowledged = acknowledged});
    EXPECT_EQ(seen.verdict, TC_ACT_REDIRECT) << text;
    EXPECT_TRUE(seen.packet) << "a checksum is wrong: " << text;
    return seen.packet.value_or(Packet{});
  }
  // Those that wait for their first packet: the client's port, the VIP's, the server's.
  std::vector<std::string> expected() {
    std::vector<std::string> waiting;
    for (const auto& one : connections()) {
      if (one.state == "LISTEN") {
        waiting.push_back(std::to_string(one.client.port) + " " +
                          std::to_string(one.virtual_service.port) + " " +
                          std::to_string(one.destination.port));
      }
    }
    return waiting;
  }
};

TEST_F(Ftp, ThePassiveServersAddressBecomesTheVip) {
  const auto heard = server_says(kServersText);
  EXPECT_EQ(heard.payload, kClientsText);
  EXPECT_EQ(heard.sequence, 1000U);
  EXPECT_EQ(heard.from, "192.0.2.100");
  EXPECT_THAT(expected(), ElementsAre("0 40000 40000"));
}

TEST_F(Ftp, WhatFollowsALongerTextIsShiftedAndItsAcknowledgmentsAreShiftedBack) {
  server_says(kServersText);
  EXPECT_EQ(server_says("150 here it comes\r\n", 1000 + kLength).sequence,
            1000 + kLength + kLonger);
  EXPECT_EQ(client_says("", 1000 + kLength + kLonger).acknowledged, 1000 + kLength);
  EXPECT_EQ(client_says("", 1000).acknowledged, 1000U) << "it has not heard the text yet";
}

TEST_F(Ftp, ATextThatIsSentAgainIsShiftedOnce) {
  for (int i = 0; i < 3; ++i) {
    const auto heard = server_says(kServersText);
    EXPECT_EQ(heard.payload, kClientsText);
    EXPECT_EQ(heard.sequence, 1000U);
  }
  EXPECT_EQ(server_says("150 ok\r\n", 1000 + kLength).sequence, 1000 + kLength + kLonger);
}

TEST_F(Ftp, TheSecondTextIsShiftedByTheFirst) {
  server_says(kServersText);
  const uint32_t second = 1000 + kLength;
  EXPECT_EQ(server_says(kServersText, second).sequence, second + kLonger);
  EXPECT_EQ(server_says(kServersText, second).sequence, second + kLonger) << "sent again";
  EXPECT_EQ(server_says("150 ok\r\n", second + kLength).sequence, second + kLength + 2 * kLonger);
  EXPECT_EQ(client_says("", second + kLength + 2 * kLonger).acknowledged, second + kLength);
  EXPECT_EQ(client_says("", second + kLonger).acknowledged, second);
}

TEST_F(Ftp, EachFormTellsWhereTheDataConnectionGoes) {
  server_says("229 Entering Extended Passive Mode (|||40001|)\r\n");
  EXPECT_THAT(expected(), ElementsAre("0 40001 40001"));
  for (const char* text :
       {"PORT 192,0,2,2,156,64\r\n", "port 192,0,2,2,156,64\r\n", "EPRT |1|192.0.2.2|40000|\r\n"}) {
    ask(ipvs::KillConnections{*Address::parse("0.0.0.0"), 0});
    first({.dport = 21});
    client_says(text);
    EXPECT_THAT(expected(), ElementsAre("40000 20 20")) << text;
  }
}

TEST_F(Ftp, WhatIsNoSuchTextTellsNothingAndStaysAsItIs) {
  const std::string spaces(300, ' ');
  for (const std::string& text :
       {std::string("227 Entering Passive Mode\r\n"), std::string("227 (10,0,0,2,156)\r\n"),
        std::string("227 no\r\n150 10,0,0,2,156,64\r\n"), std::string("227 10,0,0,2,156\r\n"),
        std::string("227 (10,0,0,,2,156,64)\r\n"), std::string("227 (10,0,0,2,256,1)\r\n"),
        std::string("227 (10,0,0,2,1,256)\r\n"), std::string("227 (10,0,0,2,1,1"),
        std::string("227 (,,,,,)\r\n"), std::string("229 (|||)\r\n"),
        std::string("229 (|||0|)\r\n"), std::string("229 |||40001|\r\n"),
        std::string("229 (|||40001!)\r\n"), std::string("229 (111400011)\r\n"),
        std::string("229 (   40001 )\r\n"), std::string("229 (|||65536|)\r\n"),
        std::string("229 (|||4000000000000|)\r\n"), std::string("220 (10,0,0,2,156,64)\r\n"),
        "227 (10,0,0,2,156,64)" + spaces}) {
    EXPECT_EQ(server_says(text).payload, text);
    EXPECT_THAT(expected(), IsEmpty()) << text;
  }
  for (const char* text : {"PORT\r\n", "PORT 1,2,3\r\n", "EPRT |1|192.0.2.2|\r\n",
                           "RETR 1,2,3,4,5,6\r\n", "EPRT ||||\r\n", "x"}) {
    EXPECT_EQ(client_says(text).payload, text);
    EXPECT_THAT(expected(), IsEmpty()) << text;
  }
}

TEST_F(Ftp, TheSixNumbersOf227NeedNoParenthesis) {
  const std::pair<const char*, const char*> texts[] = {
      {"227 Entering Passive Mode 10,0,0,2,156,64\r\n",
       "227 Entering Passive Mode 192,0,2,100,156,64\r\n"},
      {"227 =10,0,0,2,156,64\r\n", "227 =192,0,2,100,156,64\r\n"},
      {"227 Passive, 4 you (10,0,0,2,156,64)\r\n", "227 Passive, 4 you (192,0,2,100,156,64)\r\n"},
  };
  for (const auto& [text, heard] : texts) {
    ask(ipvs::KillConnections{*Address::parse("0.0.0.0"), 0});
    first({.dport = 21});
    EXPECT_EQ(server_says(text).payload, heard);
    EXPECT_THAT(expected(), ElementsAre("0 40000 40000")) << text;
  }
}

TEST_F(Ftp, AnyCharacterThatIsNoDigitMayDelimitTheExtendedForms) {
  for (const char* text :
       {"229 Entering Extended Passive Mode (!!!40000!)\r\n", "229 (~~~40000~)\r\n"}) {
    server_says(text);
    EXPECT_THAT(expected(), ElementsAre("0 40000 40000")) << text;
    ask(ipvs::KillConnections{*Address::parse("0.0.0.0"), 0});
    first({.dport = 21});
  }
  client_says("EPRT !1!192.0.2.2!40000!\r\n");
  EXPECT_THAT(expected(), ElementsAre("40000 20 20"));
}

TEST_F(Ftp, ALongReplyIsReadAndOneThatIsTooLongIsCounted) {
  const std::string words(180, 'x');
  EXPECT_EQ(server_says("227 " + words + " (10,0,0,2,156,64)\r\n").payload,
            "227 " + words + " (192,0,2,100,156,64)\r\n");
  EXPECT_EQ(drops()["ftp-not-read"], 0U);
  const std::string long_text = "227 (10,0,0,2,156,64)" + std::string(300, ' ') + "\r\n";
  EXPECT_EQ(server_says(long_text).payload, long_text);
  EXPECT_EQ(drops()["ftp-not-read"], 1U);
}

TEST_F(Ftp, WhatShouldTellOfAConnectionButDoesNotIsCounted) {
  server_says("227 Entering Passive Mode\r\n");
  server_says("229 Entering Extended Passive Mode (|||)\r\n");
  client_says("PORT 1,2,3\r\n");
  client_says("EPRT |1|192.0.2.2|\r\n");
  EXPECT_EQ(drops()["ftp-not-read"], 4U);
  server_says("220 welcome\r\n");
  client_says("PASV\r\n");
  client_says("RETR 1,2,3,4,5,6\r\n");
  server_says("150 " + std::string(300, ' ') + "\r\n");
  EXPECT_EQ(drops()["ftp-not-read"], 4U);
}

TEST_F(Ftp, TheToldConnectionIsTakenByItsClientAlone) {
  server_says(kServersText);
  EXPECT_EQ(first({.from = "192.0.2.3", .sport = 50000, .dport = 40000}).packet->to, "192.0.2.100");
  EXPECT_EQ(drops()["passed-no-service"], 1U);
  const auto data = first({.sport = 50000, .dport = 40000});
  EXPECT_EQ(data.packet->to, "10.0.0.2");
  EXPECT_EQ(data.packet->dport, 40000);
  EXPECT_THAT(expected(), IsEmpty());
  first({.sport = 50001, .dport = 40000});
  EXPECT_EQ(drops()["passed-no-service"], 2U) << "there was one to take";
  EXPECT_EQ(servers(kFtp)[0].stats.connections, 1U) << "as ip_vs counts them";
}

TEST_F(Ftp, AnActiveServerComesFromTheVip) {
  client_says("PORT 192,0,2,2,156,65\r\n");
  const auto seen = on_nic({.from = "10.0.0.2", .to = "192.0.2.2", .sport = 20, .dport = 40001});
  EXPECT_EQ(seen.verdict, TC_ACT_REDIRECT);
  EXPECT_EQ(seen.packet->from, "192.0.2.100");
  EXPECT_EQ(seen.packet->sport, 20);
  const auto answer = on_nic({.sport = 40001, .dport = 20, .flags = kSyn | kAck});
  EXPECT_EQ(answer.packet->to, "10.0.0.2");
}

TEST_F(Ftp, AQuiescedServerKeepsTheDataConnectionsOfItsControlConnections) {
  ask(ipvs::SetSetting{"expire_nodest_conn", 1});
  ask(ipvs::SetDest{kFtp, {*Address::parse("10.0.0.2"), 21}, {.weight = 0}});
  client_says("PORT 192,0,2,2,156,65\r\n");
  on_nic({.from = "10.0.0.2", .to = "192.0.2.2", .sport = 20, .dport = 40001});
  const Packet answer = {.sport = 40001, .dport = 20, .flags = kSyn | kAck};
  EXPECT_EQ(on_nic(answer).packet->to, "10.0.0.2") << "it begins nothing";
  EXPECT_EQ(on_nic(answer).packet->to, "10.0.0.2") << "sent again";
  server_says(kServersText);
  const Packet passive = {.sport = 50000, .dport = 40000};
  EXPECT_EQ(first(passive).packet->to, "10.0.0.2");
  EXPECT_EQ(on_nic(passive).packet->to, "10.0.0.2") << "sent again";
}

TEST_F(Ftp, SelectiveAcknowledgmentsAreNotAgreedUpon) {
  const std::string with = {2, 4, 5, '\xb4', 1, 3, 3, 7, 4, 2, 1, 1};
  std::string without = with;
  without[8] = without[9] = 1;
  EXPECT_EQ(server_says("", 999, kSyn | kAck, with).tcp_options, without);
  const std::string odd = {1, 4, 2, 1};
  EXPECT_EQ(server_says("", 999, kSyn | kAck, odd).tcp_options, std::string(4, 1));
}

// Another client behind the same address, whose server is another one.
TEST_F(Ftp, AToldConnectionIsNotTakenOverByAnotherServersWhileItsControlConnectionLives) {
  ask(ipvs::NewDest{kFtp, {*Address::parse("10.0.0.3"), 21}, {}});
  first({.sport = 41000, .dport = 21});
  const auto other_says = [&](const std::string& text, uint8_t flags) {
    return on_nic({.from = "10.0.0.3",
                   .to = "192.0.2.2",
                   .sport = 21,
                   .dport = 41000,
                   .flags = flags,
                   .payload = text,
                   .sequence = 1000});
  };
  ASSERT_EQ(other_says("", kSyn | kAck).verdict, TC_ACT_REDIRECT);
  on_nic({.sport = 41000, .dport = 21, .flags = kAck});
  server_says(kServersText);
  other_says("227 Entering Passive Mode (10,0,0,3,156,64).\r\n", kAck);
  EXPECT_EQ(drops()["ftp-port-taken"], 1U);
  EXPECT_EQ(first({.sport = 50000, .dport = 40000}).packet->to, "10.0.0.2");
  other_says("227 Entering Passive Mode (10,0,0,3,156,64).\r\n", kAck);
  EXPECT_EQ(drops()["ftp-port-taken"], 1U) << "the first is used";
  EXPECT_EQ(first({.sport = 50001, .dport = 40000}).packet->to, "10.0.0.3");
  server_says(kServersText);
  on_nic({.dport = 21, .flags = kRst});
  other_says("227 Entering Passive Mode (10,0,0,3,156,64).\r\n", kAck);
  EXPECT_EQ(first({.sport = 50002, .dport = 40000}).packet->to, "10.0.0.3")
      << "nobody waits any more";
}

// Of a mark that is on port 21 alone.
TEST_F(Ftp, AToldConnectionIsFoundWhateverItsMark) {
  ask(ipvs::Flush{});
  ask(ipvs::KillConnections{*Address::parse("0.0.0.0"), 0});
  balance(kMark, {.scheduler = "rr"}, 1, 21);
  first({.dport = 21}, 7);
  server_says("", 999, kSyn | kAck);
  on_nic({.dport = 21, .flags = kAck});
  EXPECT_EQ(server_says(kServersText).payload, kClientsText);
  const auto data = first({.sport = 50000, .dport = 40000});
  EXPECT_EQ(data.packet->to, "10.0.0.2");
  EXPECT_EQ(data.packet->dport, 40000);
}

}  // namespace
}  // namespace lvs::test
